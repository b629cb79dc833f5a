package agent_test

import (
	"slices"
	"testing"
	"time"

	"tillpost/api/simulator"
)

// resubmitted has an order sent again by a person, paid, and the first submission carried out only after that.
func (w *world) resubmitted(late simulator.Customer) {
	w.Helper()
	first := simulator.DropAfter()
	first.Wait = 4 * time.Minute
	w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: first})
	w.order(oslo, "o")
	w.until(35*time.Second, oslo, "o", "in_doubt")
	w.send(oslo, "resolutions", `{"requestId":"d","target":"o","outcome":"resubmit","by":"Kari"}`)
	w.until(3*time.Minute, oslo, "o", "paid")
	if n := len(w.sim.Orders()); n != 1 {
		w.Fatalf("%d orders, want 1 so far", n)
	}
	if err := w.sim.SetCustomer(oslo, late); err != nil {
		w.Fatal(err)
	}
}

// The marks of all submissions are watched: an order that comes of the first one, long after a person had the request
// sent again and the customer paid, is taken off the terminal.
func TestAFurtherOrderIsCancelled(t *testing.T) {
	for _, restart := range []bool{false, true} {
		inWorld(t, "", func(w *world) {
			w.resubmitted(simulator.WalkAway())
			if restart {
				w.restart()
			}
			w.eventuallyWithin(2*time.Minute, func() bool { return len(w.sim.Orders()) == 2 })
			w.eventuallyWithin(61*time.Second, func() bool { return w.sim.Orders()[1].Status == "CANCELLED" })
			if s := w.now(oslo, "o"); s.State != "paid" || s.Late {
				t.Errorf("it is %+v", s)
			}
		})
	}
}

// The cancel of a further order that is lost is sent again.
func TestAFurtherOrdersCancelIsRepeated(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.resubmitted(simulator.WalkAway())
		w.sim.Inject(simulator.Fault{Operation: simulator.OpCancel, Do: simulator.DropBefore()})
		w.eventuallyWithin(4*time.Minute, func() bool { o := w.sim.Orders(); return len(o) == 2 && o[1].Status == "CANCELLED" })
	})
}

// And one that is paid calls a person.
func TestAFurtherPaymentIsTold(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.resubmitted(simulator.Pay(time.Second))
		paid := w.now(oslo, "o")
		w.eventuallyWithin(3*time.Minute, func() bool { _, p := w.agentState(); return slices.Contains(p, "furtherOrderPaid") })
		if s := w.now(oslo, "o"); s.State != "paid" || !s.Late || s.Revision <= paid.Revision || s.OrderUUID != paid.OrderUUID {
			t.Errorf("it is %+v", s)
		}
		w.restart()
		w.untilProblem("furtherOrderPaid")
		w.send(oslo, "resolutions", `{"requestId":"d2","target":"o","outcome":"abandon","by":"Kari"}`)
		w.until(5*time.Second, oslo, "d2", "done")
		w.eventuallyWithin(5*time.Second, func() bool { _, p := w.agentState(); return len(p) == 0 })
	})
}

// furtherPaid has an order found paid while the customer has the one that a person had sent again.
func (w *world) furtherPaid() {
	w.Helper()
	w.sim.SetLookups(simulator.LookupsHidden)
	w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DropAfter()})
	w.order(oslo, "o")
	w.until(5*time.Second, oslo, "o", "in_doubt")
	w.eventuallyWithin(10*time.Second, func() bool { return w.sim.Orders()[0].Status == "PAID" })
	if err := w.sim.SetCustomer(oslo, simulator.WalkAway()); err != nil {
		w.Fatal(err)
	}
	w.send(oslo, "resolutions", `{"requestId":"d","target":"o","outcome":"resubmit","by":"Kari"}`)
	w.until(3*time.Minute, oslo, "o", "awaiting_customer")
	w.sim.SetLookups(simulator.LookupsShown)
	w.eventuallyWithin(6*time.Second, func() bool { _, p := w.agentState(); return slices.Contains(p, "furtherOrderPaid") })
}

// It is looked for while the customer has the second one, too.
func TestAFurtherPaymentIsToldAtOnce(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.furtherPaid()
		if s := w.now(oslo, "o"); s.State != "awaiting_customer" || s.Late {
			t.Errorf("it is %+v", s)
		}
	})
}

// It can be paid back by its uuid, also where the second one ended unpaid.
func TestAFurtherPaymentIsPaidBack(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.furtherPaid()
		w.until(6*time.Minute, oslo, "o", "cancelled")
		w.send(oslo, "refunds", `{"requestId":"r","orderUuid":"`+w.sim.Orders()[0].UUID+`","full":true}`)
		w.until(10*time.Second, oslo, "r", "refunded")
	})
}
