package agent_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/govalues/decimal"

	"tillpost/api/simulator"
)

// refundsOf are the refunds of the first order at the API.
func (w *world) refundsOf() []simulator.Refund { return w.sim.Orders()[0].Refunds }

// measureBooks pays back ten kroner of an order, and waits until the lag of the books is known by it.
func (w *world) measureBooks(order string) {
	w.Helper()
	w.refundPart("before", order, "")
	w.until(20*time.Second, oslo, "before", "refunded")
	time.Sleep(151 * time.Second) // doubt_check later nobody else's is shown
}

// TestThePortalsRefundIsNoMeasure: the portal pays back of an order what we pay back a moment later, and the books show the portal's
// sooner than ours. By that they would lag for less than they do, and not show yet that what was called busy next was carried out.
func TestThePortalsRefundIsNoMeasure(t *testing.T) {
	const lag = 20 * time.Second
	for name, portal := range map[string]bool{"the portal's and ours": true, "only ours": false} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				w.sim.SetThresholds(simulator.Thresholds{})
				w.sim.SetLag(simulator.Lag{History: lag, RefundStatus: lag})
				uuid := w.sale(oslo, "o")
				if portal {
					if err := w.sim.RefundElsewhere(uuid, decimal.MustNew(1000, 2), simulator.Pay(0)); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(10 * time.Second)
				w.refundPart("r1", "o", "")
				w.until(30*time.Second, oslo, "r1", "refunded")
				time.Sleep(200 * time.Second)
				w.sale(oslo, "next")
				w.sim.Inject(simulator.Fault{Operation: simulator.OpRefund, Do: simulator.BusyButCreated()})
				w.send(oslo, "refunds", `{"requestId":"r2","orderRequestId":"next","refund":{"type":"regular","grandTotal":"10.00","products":[{"line":0,"amount":"10.00"}]}}`)
				// The lag is known by ours; by both it is not, and counts as doubt_check.
				w.until(map[bool]time.Duration{true: 160 * time.Second, false: lag + 5*time.Second}[portal], oslo, "r2", "refunded")
				if refunds := w.sim.Orders()[1].Refunds; len(refunds) != 1 {
					t.Errorf("paid back %d times", len(refunds))
				}
			})
		})
	}
}

// TestAPageIsNoLeaveToPayBack: "busy", but carried out; then a page in the place of the books, and a failed status, for a moment or for
// minutes. The money goes back once.
func TestAPageIsNoLeaveToPayBack(t *testing.T) {
	for _, code := range []int{200, 403, 404, 502} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				w.sale(oslo, "o")
				w.measureBooks("o")
				w.sim.Inject(simulator.Fault{Operation: simulator.OpRefund, Do: simulator.BusyButCreated()})
				w.sim.Inject(simulator.Fault{Operation: simulator.OpOrderDetails, Skip: 1, Times: -1, For: 5 * time.Minute, Do: simulator.Page(code)})
				w.sim.Inject(simulator.Fault{Operation: simulator.OpRefundStatus, Skip: 1, Times: -1, For: time.Minute, Do: simulator.Page(code)})
				w.refundPart("r", "o", "")
				time.Sleep(20 * time.Second)
				w.sale(oslo, "next") // it keeps nobody waiting
				w.until(6*time.Minute, oslo, "r", "refunded")
				if n := len(w.refundsOf()); n != 2 {
					t.Errorf("%d refunds, want 2", n)
				}
			})
		})
	}
}

// TestAnOldEndIsNotTheNewOnes: a refund is turned down, the clerk asks again, and the status goes on telling the old end for a while.
func TestAnOldEndIsNotTheNewOnes(t *testing.T) {
	for name, c := range map[string]struct {
		first, second simulator.Customer
		want          string
	}{
		"turned down, then carried out": {simulator.Decline(time.Second), simulator.Pay(2 * time.Second), "refunded"},
		"carried out, then turned down": {simulator.Pay(time.Second), simulator.Decline(2 * time.Second), "declined"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				w.sale(oslo, "o")
				if err := w.sim.SetRefundCustomer(oslo, c.first); err != nil {
					t.Fatal(err)
				}
				w.refundPart("r1", "o", "")
				w.until(20*time.Second, oslo, "r1", map[bool]string{true: "refunded", false: "declined"}[c.want == "declined"])
				w.sim.SetLag(simulator.Lag{RefundStatus: 10 * time.Second})
				if err := w.sim.SetRefundCustomer(oslo, c.second); err != nil {
					t.Fatal(err)
				}
				w.refundPart("r2", "o", "")
				w.until(30*time.Second, oslo, "r2", c.want)
				w.refundPart("r3", "o", "")
				w.until(30*time.Second, oslo, "r3", c.want)
				if n := len(w.refundsOf()); n != 3 {
					t.Errorf("%d refunds, want 3", n)
				}
			})
		})
	}
}

// TestAnothersRefundIsNotOurs: REFUNDED of another amount, from the portal, is told while the books show ours pending.
func TestAnothersRefundIsNotOurs(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sale(oslo, "o")
		if err := w.sim.SetRefundCustomer(oslo, simulator.WalkAway()); err != nil {
			t.Fatal(err)
		}
		w.refundPart("r", "o", "")
		w.until(5*time.Second, oslo, "r", "awaiting_refund")
		if err := w.sim.RefundElsewhere(w.sim.Orders()[0].UUID, decimal.MustNew(500, 2), simulator.Pay(time.Second)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Minute)
		w.until(0, oslo, "r", "awaiting_refund")
		w.until(15*time.Minute, oslo, "r", "unresolved") // called off, and the order's status goes on telling of the other one
	})
}

// TestOldBooksAreReadAgain: books that were read before an outage of the connection are none any more. Meanwhile the portal pays the same
// amount back; our call is lost before it acts, and is not told as done.
func TestOldBooksAreReadAgain(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sale(oslo, "o")
		uuid := w.sim.Orders()[0].UUID
		w.refundPart("warm", "o", "")
		w.until(20*time.Second, oslo, "warm", "refunded")
		w.down(true)
		w.refundPart("r", "o", "")
		time.Sleep(time.Minute)
		if err := w.sim.RefundElsewhere(uuid, decimal.MustNew(1000, 2), simulator.Pay(0)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		w.sim.Inject(simulator.Fault{Operation: simulator.OpRefund, Do: simulator.DropBefore()})
		w.down(false)
		w.until(time.Minute, oslo, "r", "in_doubt")
		w.until(12*time.Minute, oslo, "r", "unresolved")
	})
}

// TestARefusalOfARefundAfterBusy: "refunded already", because our own busy one was carried out.
func TestARefusalOfARefundAfterBusy(t *testing.T) {
	for name, done := range map[string]bool{"carried out": true, "not": false} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				w.sale(oslo, "o")
				w.measureBooks("o")
				busy, want := simulator.BusyReply(), "rejected"
				if done {
					busy, want = simulator.BusyButCreated(), "refunded"
					w.sim.SetLag(simulator.Lag{History: 10 * time.Second, RefundStatus: 10 * time.Second}) // more than it ever lagged
				}
				w.sim.Inject(simulator.Fault{Operation: simulator.OpRefund, Do: busy})
				w.sim.Inject(simulator.Fault{Operation: simulator.OpRefund, Do: simulator.Refuse(400, "Conflict of Business Logic", "refundRejectionForProductAmountExceed")})
				w.refundPart("r", "o", "")
				w.until(2*time.Minute, oslo, "r", want)
				if states := w.states("r"); !slices.Contains(states, "in_doubt") {
					t.Errorf("states %v", states)
				}
				if n := len(w.refundsOf()); n != map[bool]int{true: 2, false: 1}[done] {
					t.Errorf("%d refunds", n)
				}
			})
		})
	}
}

// TestBooksThatAnswerNothing keep only their own refund waiting: beside its lane, until its time to live is over.
func TestBooksThatAnswerNothing(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sale(oslo, "o")
		w.sim.Inject(simulator.Fault{Operation: simulator.OpOrderDetails, Times: -1, Do: simulator.Refuse(510, "Execution Exception Occurred", "somethingWentWrong")})
		w.send(oslo, "refunds", `{"requestId":"r","ttlSeconds":1800,"orderRequestId":"o","full":true}`)
		w.untilWaiting(5*time.Second, oslo, "r", "apiError")
		for i := range 20 {
			w.sale(oslo, fmt.Sprint("next", i))
		}
		s := w.until(31*time.Minute, oslo, "r", "expired")
		if s.Reason.Code != "expired" || w.sim.Count(simulator.OpRefund) != 0 {
			t.Errorf("reason %+v, %d refunds sent", s.Reason, w.sim.Count(simulator.OpRefund))
		}
	})
}

// TestBooksAreReadAsTheyAre: what was turned down stays in the history and is nobody's twin; amounts below zero are what went back.
func TestBooksAreReadAsTheyAre(t *testing.T) {
	for name, negative := range map[string]bool{"as documented": false, "below zero": true} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				w.sim.SetNegativeHistory(negative)
				w.sale(oslo, "o")
				if err := w.sim.SetRefundCustomer(oslo, simulator.Decline(time.Second)); err != nil {
					t.Fatal(err)
				}
				w.refundPart("r1", "o", "")
				w.until(20*time.Second, oslo, "r1", "declined")
				if err := w.sim.SetRefundCustomer(oslo, simulator.Pay(time.Second)); err != nil {
					t.Fatal(err)
				}
				w.sim.Inject(simulator.Fault{Operation: simulator.OpRefund, Do: simulator.DropAfter()})
				w.refundPart("r2", "o", "")
				w.until(20*time.Second, oslo, "r2", "refunded")
				w.refundPart("r3", "o", "")
				w.until(20*time.Second, oslo, "r3", "refunded")
				w.send(oslo, "refunds", `{"requestId":"all","orderRequestId":"o","full":true}`)
				if s := w.until(20*time.Second, oslo, "all", "refunded"); w.refundsOf()[3].Amount.String() != "22.00" && w.refundsOf()[3].Amount.Trim(0).String() != "22" {
					t.Errorf("%+v paid back %v, want what is left, 22.00", s, w.refundsOf()[3].Amount)
				}
			})
		})
	}
}

// TestALateRefundIsTold: turned down by all that could be seen, and carried out after all.
func TestALateRefundIsTold(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sale(oslo, "o")
		w.sim.SetLag(simulator.Lag{History: 5 * time.Minute})
		w.sim.Inject(simulator.Fault{Operation: simulator.OpRefundStatus, Skip: 1, Times: 3, Do: simulator.Status(200,
			`{"status_code":200,"message":"orderRefundRejected","is_data":false,"data":null,"is_error":false,"errors":null,"refund_status":"REJECTED"}`)})
		w.refundPart("r", "o", "")
		w.until(20*time.Second, oslo, "r", "declined")
		if s := w.until(8*time.Minute, oslo, "r", "refunded"); !s.Late {
			t.Errorf("told %+v, want it late", s)
		}
		w.untilProblem("latePayment")
		w.send(oslo, "resolutions", `{"requestId":"d","target":"r","outcome":"abandon","by":"Kari"}`)
		w.until(5*time.Second, oslo, "d", "done")
		if s := w.now(oslo, "r"); s.State != "refunded" || !s.Late {
			t.Errorf("after it was seen to: %+v", s)
		}
		w.eventuallyOrFail(func() bool { state, _ := w.agentState(); return state == "online" })
	})
}
