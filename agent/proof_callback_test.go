package agent_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/govalues/decimal"

	"tillpost/api/simulator"
)

// TestACallbackIsNotForgotten: "busy", but created; nothing else can tell, and the customer pays. What the callback names is asked
// for until it is judged, over failing checks and a restart, and nothing is sent again before that.
func TestACallbackIsNotForgotten(t *testing.T) {
	for name, c := range map[string]struct {
		own  bool // both references are the till's own
		fail simulator.Action
	}{
		"our mark, details fail for a minute":      {false, simulator.Refuse(510, "Execution Exception Occurred", "somethingWentWrong")},
		"our mark, details are a page":             {false, simulator.Page(403)},
		"our mark, details are missing":            {false, simulator.Refuse(404, "Not Found", "orderNotFound")},
		"our mark, details are slow":               {false, simulator.DelayReply(20 * time.Second)},
		"references of the till, details fail":     {true, simulator.Page(502)},
		"references of the till, details are slow": {true, simulator.DelayReply(20 * time.Second)},
	} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprint(name, restart), func(t *testing.T) {
				inWorld(t, callbacksOn, func(w *world) {
					w.sale(bergen, "measures") // the list's lag
					w.sim.Inject(simulator.Fault{Operation: simulator.OpOrderStatuses, Times: -1, For: 2 * time.Minute, Do: simulator.Page(502)})
					w.sim.Inject(simulator.Fault{Operation: simulator.OpOrderDetails, Times: -1, For: time.Minute, Do: c.fail})
					w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.BusyButCreated()})
					if c.own {
						w.orderWith(oslo, "o", "till-7", "3500")
					} else {
						w.order(oslo, "o")
					}
					w.eventuallyOrFail(func() bool { // it is kept, and that is told
						all := w.sim.Orders()
						calls := all[len(all)-1].Callbacks
						return len(calls) > 0 && calls[0].Status == 204
					})
					if restart {
						w.restart()
					}
					w.until(90*time.Second, oslo, "o", "paid")
					w.wantOrders(2)
				})
			})
		}
	}
}

// TestACallbackWhereDetailsAreNotOurs: a payment status call that knows the order is enough then; the order is followed, and never
// taken off its terminal.
func TestACallbackWhereDetailsAreNotOurs(t *testing.T) {
	inWorld(t, callbacksOn, func(w *world) {
		w.sale(bergen, "s")
		time.Sleep(3 * time.Minute) // it is established that look-ups are not ours
		w.sim.Inject(simulator.Fault{Operation: simulator.OpPaymentStatus, Terminal: oslo, Times: 2, Do: simulator.Page(502)})
		w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DropAfter()})
		w.order(oslo, "o")
		w.until(time.Minute, oslo, "o", "paid")
		w.wantOrders(2)
	}, func(o *simulator.Options) { o.Lookups = simulator.LookupsForbidden })
}

// TestAForgedCallbackAdoptsNothing: an order of another till or of another amount, or one that does not exist, is turned down, and
// nobody's pending order is cancelled for it.
func TestAForgedCallbackAdoptsNothing(t *testing.T) {
	for name, own := range map[string]bool{"our mark is to be seen": false, "it is not": true} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, callbacksOn+"", func(w *world) {
				dearer, err := w.sim.PlaceElsewhere(simulator.Elsewhere{Terminal: bergen, Amount: decimal.MustNew(420000, 2), Reference: "till-7"})
				if err != nil {
					t.Fatal(err)
				}
				other := w.foreign(bergen)
				if err := w.sim.SetNextCustomers(oslo, simulator.WalkAway()); err != nil {
					t.Fatal(err)
				}
				w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DropAfter()})
				w.sim.Inject(simulator.Fault{Operation: simulator.OpOrderStatuses, Times: -1, For: time.Minute, Do: simulator.Page(502)})
				if own {
					w.orderWith(oslo, "o", "till-7", "3500")
				} else {
					w.order(oslo, "o")
				}
				w.until(5*time.Second, oslo, "o", "in_doubt")
				all := w.sim.Orders()
				for _, uuid := range []string{dearer, other, "ODR0"} {
					if err := w.sim.Forge(all[len(all)-1].UUID, simulator.Forgery{Order: uuid, Approved: true}); err != nil {
						t.Fatal(err)
					}
				}
				if own { // it can't be told from others, and was never named
					w.until(12*time.Minute, oslo, "o", "unresolved")
				} else {
					w.until(7*time.Minute, oslo, "o", "cancelled") // found, and its customer did not come
				}
				for _, uuid := range []string{dearer, other} {
					if o, _ := w.sim.Order(uuid); o.Status != simulator.Sent && o.Status != simulator.Paid {
						t.Errorf("another's order %s is %s", uuid, o.Status)
					}
				}
				if s := w.now(oslo, "o"); s.OrderUUID == dearer || s.OrderUUID == other {
					t.Errorf("adopted %s", s.OrderUUID)
				}
			}, func(o *simulator.Options) { o.Customer = simulator.WalkAway() })
		})
	}
}

// TestWhatOnlyACallbackNamedIsNotCancelled: the till's own references and our amount are enough to follow an order, not to take it off
// its terminal.
func TestWhatOnlyACallbackNamedIsNotCancelled(t *testing.T) {
	inWorld(t, callbacksOn, func(w *world) {
		w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DropAfter()})
		w.orderWith(oslo, "o", "till-7", "3500")
		w.until(5*time.Second, oslo, "o", "in_doubt")
		uuid := w.sim.Orders()[0].UUID
		if err := w.sim.Forge(uuid, simulator.Forgery{Order: uuid, Approved: true}); err != nil {
			t.Fatal(err)
		}
		w.until(5*time.Second, oslo, "o", "awaiting_customer")
		w.until(6*time.Minute, oslo, "o", "unresolved")
		if n := w.sim.Count(simulator.OpCancel); n != 0 {
			t.Errorf("%d cancels", n)
		}
		if err := w.sim.Settle(uuid, simulator.Pays); err != nil {
			t.Fatal(err)
		}
		if s := w.until(2*time.Minute, oslo, "o", "paid"); !s.Late {
			t.Errorf("told %+v, want it late", s)
		}
	}, func(o *simulator.Options) { o.Customer = simulator.WalkAway() })
}
