package api

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// drain takes calls of one kind until none is left at once.
func drain(t *testing.T, l *limiter, urgent bool) int {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n := 0
	for {
		if _, err := l.acquire(ctx, urgent, time.Second); err != nil {
			return n
		}
		n++
	}
}

func TestLimiterKeepsToTheMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(180)
		defer l.stop()
		start, n := time.Now(), 0
		for time.Since(start) < time.Minute {
			if _, err := l.acquire(t.Context(), true, time.Minute); err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n < 180 || n > 211 {
			t.Errorf("%d calls in the first minute, want 180 and at most a burst of 30 more", n)
		}
	})
}

func TestUrgentGoesFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(60)
		defer l.stop()
		if n := drain(t, l, false); n != 7 {
			t.Errorf("polls took %d of a burst of 10, want 7 and a reserve", n)
		}
		if n := drain(t, l, true); n < 2 {
			t.Errorf("urgent calls found %d in the reserve", n)
		}
		order := make(chan string, 20)
		wait := func(name string, urgent bool) {
			if _, err := l.acquire(t.Context(), urgent, time.Minute); err != nil {
				t.Error(err)
			}
			order <- name
		}
		for range 5 {
			go wait("poll", false)
		}
		synctest.Wait()
		for range 5 {
			go wait("urgent", true)
		}
		synctest.Wait()
		for i := range 5 {
			if got := <-order; got != "urgent" {
				t.Fatalf("call %d was a %s, though urgent ones waited", i, got)
			}
		}
		start := time.Now()
		for range 5 {
			<-order
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("the polls then took %v", took)
		}
	})
}

func TestLimiterObeysRetryAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(600)
		defer l.stop()
		l.pause(time.Minute)
		for _, urgent := range []bool{true, false} {
			if wait, err := l.acquire(t.Context(), urgent, time.Minute); !errors.Is(err, errHeld) || wait != time.Minute {
				t.Errorf("urgent %t: %v, %v", urgent, wait, err)
			}
		}
		time.Sleep(time.Minute - time.Nanosecond)
		start := time.Now()
		if _, err := l.acquire(t.Context(), true, time.Minute); err != nil || time.Since(start) != time.Nanosecond {
			t.Errorf("just before the end: %v after %v", err, time.Since(start))
		}
	})
}

func TestLimiterObeysRemaining(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(600)
		defer l.stop()
		l.remaining(3, 240)
		if n := drain(t, l, false); n != 0 {
			t.Errorf("%d polls left at once, though few calls remain", n)
		}
		if n := drain(t, l, true); n != 3 {
			t.Errorf("%d urgent calls left at once, want the 3 that remain", n)
		}
		start := time.Now()
		for range 3 {
			if _, err := l.acquire(t.Context(), false, time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(start); took != 3*trickle {
			t.Errorf("three polls took %v, want one every %v", took, trickle)
		}
		l.remaining(200, 240)
		if n := drain(t, l, false); n < 20 {
			t.Errorf("%d polls left at once after the API's count rose", n)
		}
	})
}

// A limit of ours far above the API's own must not make polls wait for a reserve
// that the API's count never allows.
func TestReserveIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(60000)
		defer l.stop()
		l.remaining(17, 0)
		if n := drain(t, l, false); n != 9 {
			t.Errorf("%d polls left at once of 17, want all but 8", n)
		}
	})
}

func TestLimiterGivesBackOnCancel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(60)
		defer l.stop()
		drain(t, l, true)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if _, err := l.acquire(ctx, true, time.Minute); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cancelled: %v", err)
		}
		if wait, err := l.acquire(t.Context(), false, 10*time.Millisecond); !errors.Is(err, errHeld) || wait < time.Second {
			t.Errorf("out of patience: %v, %v", wait, err)
		}
		if l.urgent.Len() != 0 || l.polls.Len() != 0 {
			t.Error("those who gave up still wait")
		}
	})
}
