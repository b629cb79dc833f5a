package outbox

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// endWithin runs one request, whose calls take time and whose timers ring, until it is final.
func (w *refundWorld) endWithin(a *refundActor, limit time.Duration) error {
	for range int(min(limit, 12*time.Hour)/time.Second)*25 + 50_000 {
		if a.r.State.Final() {
			return nil
		}
		if w.uptime > limit {
			return fmt.Errorf("still %v after %v, not final within %v", a.r.State, w.uptime, limit)
		}
		var err error
		if len(a.calls) > 0 {
			w.pass(200 * time.Millisecond)
			err = w.answer(a)
		} else {
			err = w.fire(a)
		}
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("still %v after %v: a loop without a wait", a.r.State, w.uptime)
}

// TestEveryRefundEnds: whatever useless things the API answers, whatever the policy, a refund or approval ends in time.
func TestEveryRefundEnds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newRefundWorld(Step, rapidChooser{t})
		w.policy = anyPolicy(t)
		if !w.measured { // then the policy says how long they may lag
			w.api.lag = min(w.api.lag, w.policy.DoubtCheck)
		}
		w.api.useless, w.api.hides = true, w.api.details || w.policy.BusyMeans == BusyDoubt
		a := w.actors[0]
		w.actors = w.actors[:1]
		a.r.TTL = time.Duration(rapid.IntRange(1, 1200).Draw(t, "ttl")) * time.Second
		clear(a.timers)
		a.timers[TimerExpire] = a.r.TTL
		limit := a.r.TTL + w.policy.CustomerTimeout + 2*w.policy.DoubtHold + 30*time.Second
		if a.r.Refund.Ask != "" {
			limit += approvalHold
		}
		if err := w.endWithin(a, limit); err != nil {
			t.Fatalf("%v\n%+v, ttl %v\n%s", err, w.policy, a.r.TTL, w.story())
		}
		if a.r.Reason == nil && a.r.State != StateSubmitted && a.r.State != StateRefunded {
			t.Fatalf("ended %v without a reason", a.r.State)
		}
	})
}

// TestEveryCancelEnds: what acts beside the lanes ends too, whatever the API answers to it.
func TestEveryCancelEnds(t *testing.T) {
	t.Parallel()
	for kind := KindCancel; kind <= KindResolution; kind++ {
		for _, answer := range []Event{{Type: Busy}, {Type: Unavailable}, {Type: RateLimited, RetryAfter: time.Minute}, evAmbiguous, {Type: NotFound}, evStatus(StatusPending)} {
			if answer.Type == StatusSeen && kind != KindCancel && kind != KindCheck {
				continue // no answer to them
			}
			r := stepControl(kind)
			r.Target, r.OrderUUID = "", "order1"
			if err := endBeside(r, answer, 25*time.Minute); err != nil {
				t.Errorf("%v, answered %v: %v", kind, answer.Type, err)
			}
		}
	}
}

// endBeside answers all that a request asks with one event, until it is final.
func endBeside(r Request, answer Event, limit time.Duration) error {
	timers := map[Timer]Instant{TimerRetry: stepStart}
	if r.TTL > 0 {
		timers[TimerExpire] = stepStart.Add(r.TTL)
	}
	events := map[Timer]Event{TimerRetry: {Type: Due}, TimerExpire: {Type: Expired}, TimerDoubtHold: evHold, TimerCancel: answer}
	for now := stepStart; now.Mono < stepStart.Mono+limit; {
		next := Timer(0)
		for t, at := range timers {
			if next == 0 || at.Mono < timers[next].Mono {
				next = t
			}
		}
		if next == 0 {
			return fmt.Errorf("%v, and nothing to wake it", r.State)
		}
		now = timers[next]
		delete(timers, next)
		for _, e := range []Event{events[next], answer} { // the answer to what the first one asked
			e.At, e.Policy = now, stepPolicy()
			after, fx := Step(r, e)
			if after.State != r.State {
				clear(timers)
			}
			for _, f := range fx {
				if f.Type == WakeAt {
					timers[f.Timer] = now.Add(f.After)
				}
			}
			r = after
			if r.State.Final() {
				return nil
			}
			if r.State != StateSending {
				break
			}
		}
	}
	return fmt.Errorf("still %v after %v", r.State, limit)
}
