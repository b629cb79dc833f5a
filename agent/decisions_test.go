package agent_test

import (
	"fmt"
	"testing"
	"time"

	"tillpost/api/simulator"
)

// TestADecisionThatWaitsIsNotStale: a decision to send again that was made on the present revision waits until doubt_check
// has passed. That the status says needs_staff then is no reason to refuse it; that a person went on from there is.
func TestADecisionThatWaitsIsNotStale(t *testing.T) {
	refund := func(w *world) {
		w.sale(oslo, "o")
		w.sim.Inject(simulator.Fault{Operation: simulator.OpRefund, Do: simulator.DropBefore()})
		w.send(oslo, "refunds", `{"requestId":"lost","orderRequestId":"o","full":true}`)
	}
	order := func(w *world) {
		w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DropBefore()})
		w.order(oslo, "lost")
	}
	for name, doubtful := range map[string]func(*world){"order": order, "refund": refund} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				doubtful(w)
				seen := w.until(10*time.Second, oslo, "lost", "in_doubt").Revision
				w.decide("d", "resubmit", seen)
				w.until(200*time.Second, oslo, "d", "done")
				w.eventuallyOrFail(func() bool { s := w.now(oslo, "lost"); return s.State == "paid" || s.State == "refunded" })
			})
		})
	}
	inWorld(t, "", func(w *world) {
		order(w)
		seen := w.until(10*time.Second, oslo, "lost", "in_doubt").Revision
		w.untilWaiting(3*time.Minute, oslo, "lost", "needs_staff")
		w.decide("d", "resubmit", seen)
		if s := w.until(5*time.Second, oslo, "d", "rejected"); s.Reason.Code != "staleRevision" {
			t.Errorf("a decision on an old screen: reason %+v", s.Reason)
		}
	})
}

// TestADecisionWaitsNoLongerThanItHasTo: what is left of doubt_check, and not a look more.
func TestADecisionWaitsNoLongerThanItHasTo(t *testing.T) {
	inWorld(t, `doubt_check = "4s"`, func(w *world) {
		w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DropBefore()})
		w.order(oslo, "lost")
		seen := w.until(10*time.Second, oslo, "lost", "in_doubt").Revision
		time.Sleep(time.Second)
		w.decide("d", "resubmit", seen)
		time.Sleep(2900 * time.Millisecond)
		w.until(0, oslo, "lost", "in_doubt")
		w.until(time.Second, oslo, "d", "done")
	})
}

// decide publishes a decision on the request "lost", made on a revision.
func (w *world) decide(id, outcome string, revision int) {
	w.send(oslo, "resolutions", fmt.Sprintf(`{"requestId":%q,"target":"lost","outcome":%q,"revision":%d,"by":"Kari"}`, id, outcome, revision))
}

// TestAnAdoptionFindsItsWayIntoABusyLane: an order that nobody could find for ten minutes is adopted while others follow each
// other on the terminal. One that has ended needs no lane, one that has not stands beside it, and those that wait go on waiting.
func TestAnAdoptionFindsItsWayIntoABusyLane(t *testing.T) {
	for name, paid := range map[string]bool{"paid": true, "on the terminal": false} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				w.sale(bergen, "s") // by which it is found out what is not ours to read
				time.Sleep(3 * time.Minute)
				w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DropAfter()})
				w.order(oslo, "lost")
				w.until(11*time.Minute, oslo, "lost", "unresolved")
				uuid := w.sim.Orders()[1].UUID
				status := simulator.Sent
				if paid {
					status = simulator.Paid
				}
				if err := w.sim.SetStatus(uuid, status); err != nil {
					t.Fatal(err)
				}
				for i := range 5 {
					w.order(oslo, fmt.Sprint("next", i))
				}
				w.until(5*time.Second, oslo, "next0", "awaiting_customer")
				w.send(oslo, "resolutions", `{"requestId":"d","target":"lost","outcome":"adopt","orderUuid":"`+uuid+`","by":"Kari"}`)
				if paid {
					w.until(time.Second, oslo, "lost", "paid")
					w.until(0, oslo, "d", "done")
					w.until(0, oslo, "next0", "awaiting_customer")
				} else {
					w.until(5*time.Second, oslo, "lost", "awaiting_customer") // it stands beside the lane's own
					w.until(5*time.Second, oslo, "next0", "paid")
					time.Sleep(time.Minute)
					w.until(0, oslo, "next1", "queued") // nothing new is started while it is at the terminal
					if err := w.sim.Settle(uuid, simulator.Pays); err != nil {
						t.Fatal(err)
					}
					w.until(5*time.Second, oslo, "lost", "paid")
				}
				if s := w.now(oslo, "lost"); s.Late || s.OrderUUID != uuid {
					t.Errorf("told %+v", s)
				}
				w.eventuallyOrFail(func() bool { state, _ := w.agentState(); return state == "online" })
				w.until(time.Minute, oslo, "next4", "paid")
			}, func(o *simulator.Options) { o.Lookups = simulator.LookupsForbidden })
		})
	}
}

// TestAnAdoptedRefundFindsItsWayIntoABusyLane likewise.
func TestAnAdoptedRefundFindsItsWayIntoABusyLane(t *testing.T) {
	inWorld(t, "", func(w *world) {
		uuid := w.sale(oslo, "s")
		w.sim.Inject(simulator.Fault{Operation: simulator.OpRefund, Do: simulator.DropAfter()})
		w.send(oslo, "refunds", `{"requestId":"lost","orderRequestId":"s","refund":{"type":"regular","grandTotal":10,"products":[{"id":451,"amount":10}]}}`)
		w.until(14*time.Minute, oslo, "lost", "unresolved")
		for i := range 5 {
			w.order(oslo, fmt.Sprint("next", i))
		}
		w.until(5*time.Second, oslo, "next0", "awaiting_customer")
		w.send(oslo, "resolutions", `{"requestId":"d","target":"lost","outcome":"adopt","orderUuid":"`+uuid+`","by":"Kari"}`)
		w.until(5*time.Second, oslo, "lost", "refunded")
		w.until(5*time.Second, oslo, "next1", "awaiting_customer")
		w.until(time.Minute, oslo, "next4", "paid")
	}, func(o *simulator.Options) { o.Lookups = simulator.LookupsForbidden })
}
