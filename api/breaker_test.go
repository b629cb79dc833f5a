package api

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

func TestBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &breaker{rand: func() float64 { return 1 }}
		take := func() *ticket {
			t.Helper()
			tk, wait := b.allow()
			if tk == nil {
				t.Fatalf("not let through for %v", wait)
			}
			return tk
		}
		// Calls of one moment fail together and count once.
		a, c := take(), take()
		a.done(wasUnanswered)
		c.done(wasUnanswered)
		if b.reachable() {
			t.Error("reachable after a failure")
		}
		if _, wait := b.allow(); wait != shortestPause {
			t.Errorf("first pause %v, want %v", wait, shortestPause)
		}
		time.Sleep(shortestPause - 1)
		if tk, _ := b.allow(); tk != nil {
			t.Error("let through just before the pause's end")
		}
		time.Sleep(time.Nanosecond)
		// A tenth of the outage so far, from a second to fifteen.
		for began, tries := time.Now().Add(-shortestPause), 0; time.Since(began) < 5*time.Minute; tries++ {
			want := min(max(time.Since(began)/10, time.Second), 15*time.Second)
			probe := take()
			if second, wait := b.allow(); second != nil || wait <= 0 {
				t.Fatalf("a second probe beside the first (%v)", wait)
			}
			probe.done(wasUnanswered)
			_, wait := b.allow()
			if (wait - want).Abs() > time.Microsecond {
				t.Errorf("after %v: a pause of %v, want %v", time.Since(began), wait, want)
			}
			time.Sleep(wait)
		}
		// A probe that is given up makes way; one that hangs does not block for long.
		take().done(wasAbandoned)
		hangs := take()
		time.Sleep(probeLease)
		take().done(wasAnswered)
		if !b.reachable() || b.wait() != 0 {
			t.Error("not reachable after an answer")
		}
		hangs.done(wasUnanswered)
		if !b.reachable() {
			t.Error("the old probe's failure says nothing about what came after")
		}
	})
}

// One lost reply is no outage: whoever looks into it is not kept out by another's call. A second one is.
func TestBreakerIsUnsureAfterOneLostReply(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &breaker{rand: func() float64 { return 1 }}
		lost, _ := b.allow()
		lost.done(wasLost)
		poll, _ := b.allow()
		search, _ := b.allow()
		if poll == nil || search == nil || b.wait() != 0 {
			t.Fatal("held back after one lost reply")
		}
		poll.done(wasLost)
		if late, wait := b.allow(); late != nil || wait != shortestPause || b.wait() != wait {
			t.Errorf("after the second lost reply: let through %t, wait %v", late != nil, wait)
		}
		search.done(wasAnswered)
		if _, wait := b.allow(); wait != 0 || !b.reachable() {
			t.Errorf("after an answer: wait %v", wait)
		}
	})
}

func TestBreakerCountsPausesFromTheTrysStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &breaker{rand: func() float64 { return 1 }, failures: 9}
		tk, _ := b.allow()
		time.Sleep(9 * time.Second)
		tk.done(wasUnanswered)
		if wait := b.wait(); wait != 6*time.Second {
			t.Errorf("wait %v, so that tries are at most 15 s apart; want 6s", wait)
		}
	})
}

// The shortest pause is three quarters of the longest, so that a thousand shops spread, and none waits much longer than another.
func TestBreakerJitter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &breaker{rand: func() float64 { return 0 }, failures: 9}
		tk, _ := b.allow()
		tk.done(wasUnanswered)
		if wait := b.wait(); wait != longestPause*3/4 {
			t.Errorf("shortest of many pauses %v, want %v", wait, longestPause*3/4)
		}
	})
}

// Who was let in as a long outage ended, with all that had asked, does not go on at once; who was let in at once does.
func TestBreakerHoldsBackACrowd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &breaker{rand: func() float64 { return 1 }}
		if pause := b.crowded(3 * time.Second); pause != 0 {
			t.Errorf("with no outage it waits %v", pause)
		}
		for range 2 {
			tk, _ := b.allow()
			tk.done(wasUnanswered)
			time.Sleep(10 * time.Second)
		}
		for took, want := range map[time.Duration]time.Duration{300 * time.Millisecond: 0, 3 * time.Second: time.Second} {
			if pause := b.crowded(took); pause != want {
				t.Errorf("20 s into an outage, with a connection after %v, it waits %v, want %v", took, pause, want)
			}
		}
		time.Sleep(time.Hour)
		if pause := b.crowded(3 * time.Second); pause != mostCrowded {
			t.Errorf("after an hour it waits %v, want %v", pause, mostCrowded)
		}
	})
}

// The pause leaves half of the time that a call has.
func TestTheCrowdsPauseEndsInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far, near := net.Pipe()
		defer func() { _, _ = far.Close(), near.Close() }()
		d := &dialer{timeout: 4 * time.Second, crowded: func(time.Duration) time.Duration { return time.Minute }, network: func(context.Context, string, string) (net.Conn, error) {
			return near, nil
		}}
		begun := time.Now()
		l, err := d.dial(t.Context())
		if took := time.Since(begun); err != nil || took != 2*time.Second {
			t.Fatalf("it took %v and ended with %v, want half of the time that there is", took, err)
		}
		_ = l.Close()
	})
}

// What is dialled for later is no try at an API that is out of reach, and an unused connection from before says nothing of it.
func TestWhatIsDialledAheadIsNoTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &breaker{rand: func() float64 { return 1 }}
		early, _ := b.allowAhead()
		if early == nil {
			t.Fatal("refused while the API is in reach")
		}
		for range 2 {
			tk, _ := b.allow()
			tk.done(wasUnanswered)
			time.Sleep(longestPause)
		}
		if ahead, wait := b.allowAhead(); ahead != nil || wait <= 0 {
			t.Errorf("%v, %v while the API is out of reach", ahead, wait)
		}
		if early.unused(); b.reachable() {
			t.Error("a connection from before the outage ended it")
		}
		probe, _ := b.allow()
		if probe == nil {
			t.Fatal("the try is not let through")
		}
		if probe.unused(); !b.reachable() {
			t.Error("a try that was connected did not end the outage")
		}
	})
}
