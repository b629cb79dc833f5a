package outbox

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// anyPolicy draws a policy that the configuration would let through.
func anyPolicy(t *rapid.T) Policy {
	seconds := func(what string, from, to int) time.Duration {
		return time.Duration(rapid.IntRange(from, to).Draw(t, what)) * time.Second
	}
	p := Policy{
		CustomerTimeout: seconds("customer timeout", 1, 900),
		ResendAfter:     seconds("resend after", 0, 120),
		BusyMeans:       BusyMeans(rapid.IntRange(0, 1).Draw(t, "busy means")),
		DoubtCheck:      seconds("doubt check", 1, 300),
		PollInterval:    seconds("poll interval", 1, 60),
		BusyBackoffMin:  seconds("backoff from", 1, 10),
	}
	p.DoubtHold = p.DoubtCheck + seconds("doubt hold", 0, 900)
	p.BusyBackoffMax = p.BusyBackoffMin + seconds("backoff to", 0, 60)
	return p
}

// endWithin runs a world, in which calls take time and timers ring, until the request is final.
func (w *world) endWithin(limit time.Duration) error {
	// A call takes a fifth of a second; five steps for each of them is a hot loop.
	for range int(limit/time.Second)*25 + 100 {
		if w.r.State.Final() {
			return nil
		}
		if w.uptime > limit {
			return fmt.Errorf("still %v after %v, not final within %v", w.r.State, w.uptime, limit)
		}
		var err error
		if len(w.calls) > 0 {
			w.pass(200 * time.Millisecond)
			err = w.answer()
		} else {
			err = w.fire()
		}
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("still %v after %v: a loop without a wait", w.r.State, w.uptime)
}

// TestEveryRequestEnds: whatever useless things the API answers, whatever the policy, a request ends, and in time: its
// time to live, the customer's time, and a doubt before and a cancel after.
func TestEveryRequestEnds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(Step, rapidChooser{t})
		w.useless, w.policy = true, anyPolicy(t)
		w.lag = min(w.lag, w.policy.DoubtCheck)
		w.mayHide()
		w.r.TTL = time.Duration(rapid.IntRange(1, 1200).Draw(t, "ttl")) * time.Second
		limit := w.r.TTL + w.policy.CustomerTimeout + 2*w.policy.DoubtHold + 30*time.Second
		var err error
		if rapid.Bool().Draw(t, "wish") {
			err = w.endWithinOrWish(limit, rapid.IntRange(0, 20).Draw(t, "wish after"))
		} else {
			err = w.endWithin(limit)
		}
		if err != nil {
			t.Fatalf("%v\n%+v, ttl %v\n%s", err, w.policy, w.r.TTL, strings.Join(w.log, "\n"))
		}
		if w.r.Reason == nil {
			t.Fatalf("ended %v without a reason", w.r.State)
		}
	})
}

// endWithinOrWish takes a cancel wish after some steps.
func (w *world) endWithinOrWish(limit time.Duration, steps int) error {
	for range steps {
		if len(w.calls) > 0 {
			w.pass(200 * time.Millisecond)
			if err := w.answer(); err != nil {
				return err
			}
		} else if err := w.fire(); err != nil {
			return err
		}
		if w.r.State.Final() {
			return nil
		}
	}
	if err := w.apply(evWish); err != nil {
		return err
	}
	return w.endWithin(limit)
}

// TestNothingEndsWithoutTimers is the counterpart: the check above can fail.
func TestNothingEndsWithoutTimers(t *testing.T) {
	t.Parallel()
	deaf := func(r Request, e Event) (Request, []Effect) {
		after, fx := Step(r, e)
		return after, slices.DeleteFunc(fx, func(f Effect) bool {
			return f.Timer == TimerExpire || f.Timer == TimerCustomer || f.Timer == TimerDoubtHold
		})
	}
	for seed := range uint64(100) {
		w := newWorld(deaf, dice(seed))
		w.useless = true
		if err := w.endWithin(w.r.TTL + w.policy.CustomerTimeout + 2*w.policy.DoubtHold + 30*time.Second); err != nil {
			return
		}
	}
	t.Error("100 requests without deadlines ended all the same")
}

// TestNoCustomerTimeoutWaitsForEver and is still polled: the customer may come the next morning.
func TestNoCustomerTimeoutWaitsForEver(t *testing.T) {
	t.Parallel()
	w := newWorld(Step, dice(1))
	w.policy.CustomerTimeout = 0
	w.r = journey(t, w.r, evDue, evAccepted)
	o := w.create(w.r.Mark())
	if err := w.apply(Event{Type: Restarted}); err != nil {
		t.Fatal(err)
	}
	if err := w.endWithin(20 * time.Hour); err == nil || w.r.State != StateAwaitingCustomer {
		t.Fatalf("%v, %v", w.r.State, err)
	}
	o.status = StatusPaid
	if err := w.endWithin(w.uptime + 3*time.Minute); err != nil || w.r.State != StatePaid {
		t.Fatalf("%v, %v", w.r.State, err)
	}
}
