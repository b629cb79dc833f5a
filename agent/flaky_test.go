package agent_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/outbox"
	"tillpost/outbox/bolt"
)

func (w *world) eventuallyWithin(d time.Duration, is func() bool) {
	w.Helper()
	if !w.eventually(d, is) {
		w.Fatalf("it does not come to pass in %v", d)
	}
}

// flaky is an outbox on a card that is about to die: a write is carried out and comes back as an error, or is refused.
type flaky struct {
	outbox.Store

	mu sync.Mutex
	// fate says what becomes of an event: its write is made or not, and the error is returned.
	fate func(e outbox.Event) (write bool, err error)
}

func (f *flaky) set(fate func(e outbox.Event) (bool, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fate = fate
}

func (f *flaky) Apply(ctx context.Context, seq uint64, e outbox.Event) (outbox.Request, []outbox.Effect, error) {
	r, fx, _, err := f.Release(ctx, seq, e, nil)
	return r, fx, err
}

func (f *flaky) Release(ctx context.Context, seq uint64, e outbox.Event, turn func(outbox.Request) (outbox.Event, bool)) (outbox.Request, []outbox.Effect, outbox.Added, error) {
	f.mu.Lock()
	write, err := true, error(nil)
	if f.fate != nil {
		write, err = f.fate(e)
	}
	f.mu.Unlock()
	if err == nil {
		return f.Store.Release(ctx, seq, e, turn)
	}
	if write {
		_, _, _, _ = f.Store.Release(ctx, seq, e, turn) // nobody hears of it
	}
	return outbox.Request{}, nil, outbox.Added{}, err
}

// onFlaky starts a world's agent with a flaky outbox next.
func onFlaky(w *world) *flaky {
	f := &flaky{}
	w.restartOn(func(s outbox.Store) outbox.Store { f.Store = s; return f })
	return f
}

// restartOn starts a world's agent anew, from now on with an outbox that stands before the real one.
func (w *world) restartOn(before func(outbox.Store) outbox.Store) {
	w.stop()
	w.startOn(before)
}

// startOn is restartOn for an agent that is stopped.
func (w *world) startOn(before func(outbox.Store) outbox.Store) {
	w.store = func(o bolt.Options) (outbox.Store, error) {
		s, err := bolt.Open(w.outbox(), o)
		return before(s), err
	}
	w.start()
}

// times has the first events of some types written, and an error returned that says that it may have failed.
func times(n int, types ...outbox.EventType) func(outbox.Event) (bool, error) {
	left := map[outbox.EventType]int{}
	for _, t := range types {
		left[t] = n
	}
	return func(e outbox.Event) (bool, error) {
		if left[e.Type] == 0 {
			return true, nil
		}
		left[e.Type]--
		return true, outbox.ErrUncertain
	}
}

// TestAWriteThatMayHaveFailedLeavesNothingStuck: the effects of a change are asked for until they are heard, even if
// that fails in its turn (a schedule of faults, seed 2637).
func TestAWriteThatMayHaveFailedLeavesNothingStuck(t *testing.T) {
	for _, what := range []outbox.EventType{outbox.Due, outbox.Accepted, outbox.StatusSeen} {
		t.Run(what.String(), func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				f := onFlaky(w)
				f.set(times(2, what, outbox.Restarted))
				w.order(oslo, "o")
				w.until(time.Minute, oslo, "o", "paid")
				w.send(oslo, "refunds", `{"requestId":"r","orderRequestId":"o","full":true}`)
				w.until(time.Minute, oslo, "r", "refunded")
				if o := w.sim.Orders(); len(o) != 1 || len(o[0].Refunds) != 1 {
					t.Errorf("%d orders: %+v", len(o), o)
				}
			})
		})
	}
}

// TestADecisionThatMayHaveBeenWrittenIsCarriedOut: what a person decided moves on, though nobody knew at first whether
// it was on disk.
func TestADecisionThatMayHaveBeenWrittenIsCarriedOut(t *testing.T) {
	inWorld(t, "", func(w *world) {
		f := onFlaky(w)
		w.sim.SetLookups(simulator.LookupsForbidden)
		w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DropAfter()})
		w.order(oslo, "o")
		w.until(5*time.Second, oslo, "o", "in_doubt")
		f.set(times(1, outbox.Resolved))
		w.send(oslo, "resolutions", `{"requestId":"d","target":"o","outcome":"adopt","orderUuid":"`+w.sim.Orders()[0].UUID+`","by":"Kari"}`)
		w.until(3*time.Minute, oslo, "o", "paid") // the order can't be read, which has to be established first
		w.until(20*time.Second, oslo, "d", "done")
	})
}

// TestTheStopDoesNotWaitForAFullDisk (a schedule of faults, seed 3286); the world's stop takes its time.
func TestTheStopDoesNotWaitForAFullDisk(t *testing.T) {
	inWorld(t, "", func(w *world) {
		f := onFlaky(w)
		w.order(oslo, "o")
		w.until(5*time.Second, oslo, "o", "awaiting_customer")
		f.set(func(outbox.Event) (bool, error) { return false, outbox.ErrFull })
		time.Sleep(5 * time.Second)
		w.stop()
	})
}

// TestResubmitWhileTheBooksAreRead: a decision on a refund in doubt ends, though a look at the books is under way for
// the refund itself (a schedule of faults, seed 4397).
func TestResubmitWhileTheBooksAreRead(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sale(oslo, "o")
		w.sim.Inject(simulator.Fault{Operation: simulator.OpRefund, Do: simulator.DropBefore()})
		w.send(oslo, "refunds", `{"requestId":"r","orderRequestId":"o","full":true}`)
		w.until(10*time.Second, oslo, "r", "in_doubt")
		w.untilWaiting(3*time.Minute, oslo, "r", "needs_staff")
		w.sim.Inject(simulator.Fault{Operation: simulator.OpOrderDetails, Times: 2, Do: simulator.DelayReply(8 * time.Second)})
		calls := w.sim.Count(simulator.OpOrderDetails)
		w.eventuallyWithin(time.Minute, func() bool { return w.sim.Count(simulator.OpOrderDetails) > calls }) // it looks again
		w.send(oslo, "resolutions", `{"requestId":"d","target":"r","outcome":"resubmit","by":"Kari"}`)
		w.until(time.Minute, oslo, "d", "done")
		w.until(time.Minute, oslo, "r", "refunded")
	})
}

// hideARefund has the next refund carried out under the answer "busy", and the books unreadable from then on.
func hideARefund(w *world, times int) {
	w.sim.Inject(simulator.Fault{Operation: simulator.OpRefund, Do: simulator.BusyButCreated()})
	w.sim.Inject(simulator.Fault{Operation: simulator.OpOrderDetails, Skip: 1, Times: times, Do: simulator.Status(502, "<html>bad gateway</html>")})
}

// TestABusyRefundIsNotRepeatedUnread: books that can't be read just now are no licence to pay back once more (a schedule of
// faults, seed 102411).
func TestABusyRefundIsNotRepeatedUnread(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sale(oslo, "o")
		hideARefund(w, 5)
		w.send(oslo, "refunds", `{"requestId":"r","orderRequestId":"o","full":true}`)
		w.until(3*time.Minute, oslo, "r", "refunded")
		if n := w.sim.Count(simulator.OpRefund); n != 1 {
			t.Errorf("%d refunds were sent, want 1", n)
		}
	})
}

// TestABusyRefundDoesNotExpireUnread: what may have been carried out is not published as expired (a schedule of faults, seed 108296).
func TestABusyRefundDoesNotExpireUnread(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sale(oslo, "o")
		hideARefund(w, -1)
		w.send(oslo, "refunds", `{"requestId":"r","ttlSeconds":20,"orderRequestId":"o","full":true}`)
		w.until(30*time.Second, oslo, "r", "in_doubt")
		w.sim.ClearFaults()
		w.until(30*time.Second, oslo, "r", "refunded")
	})
}

// TestADoubtThatMayHaveBeenWrittenIsLookedInto: the look before a repeat found a change, and the commit of the doubt came
// back as an error (a schedule of faults, seed 118396).
func TestADoubtThatMayHaveBeenWrittenIsLookedInto(t *testing.T) {
	inWorld(t, "", func(w *world) {
		f := onFlaky(w)
		w.sale(oslo, "o")
		w.sim.Inject(simulator.Fault{Operation: simulator.OpRefund, Do: simulator.BusyButCreated()})
		attempts := 0
		f.set(func(e outbox.Event) (bool, error) {
			if e.Type == outbox.Due && e.Statement.Readable {
				if attempts++; attempts == 2 {
					return true, outbox.ErrUncertain
				}
			}
			return true, nil
		})
		w.send(oslo, "refunds", `{"requestId":"r","orderRequestId":"o","full":true}`)
		w.until(3*time.Minute, oslo, "r", "refunded")
	})
}

// TestAnotherRequestsOrderIsNotAdopted: an order that bears another request's mark is that one's, whatever a person reads
// (a schedule of faults, seed 6426).
func TestAnotherRequestsOrderIsNotAdopted(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DropBefore()})
		w.order(oslo, "lost")
		w.until(5*time.Second, oslo, "lost", "in_doubt")
		w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.BusyButCreated()})
		w.sim.Inject(simulator.Fault{Operation: simulator.OpOrderStatuses, Times: 2, Do: simulator.Status(502, "")})
		w.order(bergen, "hidden")
		w.untilWaiting(5*time.Second, bergen, "hidden", "terminalIsBusy")
		w.send(oslo, "resolutions", `{"requestId":"d","target":"lost","outcome":"adopt","orderUuid":"`+w.sim.Orders()[0].UUID+`","by":"Kari"}`)
		if s := w.until(5*time.Second, oslo, "d", "rejected"); s.Reason.Code != "orderUuidTaken" {
			t.Errorf("reason %+v", s.Reason)
		}
		w.until(time.Minute, bergen, "hidden", "paid")
	})
}

// TestAnOrderIsReadBeforeItIsAdopted: lost replies and pages, however many, are no reason to take an order of another amount
// unread (schedules of faults, seeds 78573 and 183059).
func TestAnOrderIsReadBeforeItIsAdopted(t *testing.T) {
	for want, foreign := range map[string]bool{"amountMismatch": true, "orderUuidTaken": false} {
		t.Run(want, func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				var uuid string
				if foreign {
					uuid = w.foreign(bergen)
				} else {
					uuid = w.sale(bergen, "other")
				}
				w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DropBefore()})
				dearer := strings.ReplaceAll(exampleOrder(time.Now().Format("02 Jan, 2006")), `"grandTotal": "42.00"`, `"grandTotal": "43.00"`)
				w.send(oslo, "orders", `{"requestId":"lost","order":`+dearer+`}`)
				w.until(5*time.Second, oslo, "lost", "in_doubt")
				w.sim.Inject(simulator.Fault{Operation: simulator.OpOrderDetails, Times: 20, Do: simulator.Status(404, "<html>not found</html>")})
				w.send(oslo, "resolutions", `{"requestId":"d","target":"lost","outcome":"adopt","orderUuid":"`+uuid+`","by":"Kari"}`)
				if s := w.until(2*time.Minute, oslo, "d", "rejected"); s.Reason.Code != want {
					t.Errorf("reason %+v, want %s", s.Reason, want)
				}
			})
		})
	}
}
