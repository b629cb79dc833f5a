package agent_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tillpost/api/simulator"
)

// sale has an order paid and returns its uuid.
func (w *world) sale(terminal, id string) string {
	w.Helper()
	w.order(terminal, id)
	return w.until(10*time.Second, terminal, id, "paid").OrderUUID
}

func TestRefundInFullByRequestID(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sale(oslo, "s1")
		w.send(oslo, "refunds", `{"requestId":"r1","orderRequestId":"s1","full":true}`)
		w.until(20*time.Second, oslo, "r1", "refunded")
		want := []string{"queued", "sending", "awaiting_refund", "refunded"}
		if got := w.states("r1"); !slices.Equal(got, want) {
			t.Errorf("told %v, want %v", got, want)
		}
		o := w.sim.Orders()[0]
		if len(o.Refunds) != 1 || o.Refunds[0].Amount.String() != "42.00" {
			t.Errorf("refunds at the API: %+v", o.Refunds)
		}
		w.send(oslo, "refunds", `{"requestId":"r2","orderRequestId":"s1","full":true}`)
		if s := w.until(20*time.Second, oslo, "r2", "rejected"); s.Reason.Code != "refundExceedsOrder" {
			t.Errorf("reason %+v", s.Reason)
		}
	})
}

func TestRefundsByProductAndLineAndUUID(t *testing.T) {
	inWorld(t, "", func(w *world) {
		uuid := w.sale(oslo, "s1")
		w.send(oslo, "refunds", `{"requestId":"r1","orderUuid":"`+uuid+`","refund":{"type":"regular","grandTotal":10,"products":[{"productId":"VFDDF","amount":10}]}}`)
		w.until(20*time.Second, oslo, "r1", "refunded")
		w.send(oslo, "refunds", `{"requestId":"r2","orderUuid":"`+uuid+`","refund":{"type":"regular","grandTotal":"12.50","products":[{"line":0,"amount":"12.50"}]}}`)
		w.until(20*time.Second, oslo, "r2", "refunded")
		w.send(oslo, "refunds", `{"requestId":"r3","orderUuid":"`+uuid+`","refund":{"type":"regular","grandTotal":20,"products":[{"line":0,"amount":20}]}}`)
		s := w.until(20*time.Second, oslo, "r3", "rejected")
		if s.Reason.Code != "refundExceedsOrder" || !strings.Contains(s.Reason.Message, "20.00") || !strings.Contains(s.Reason.Message, "19.50") {
			t.Errorf("reason %+v", s.Reason)
		}
		if n := w.sim.Count(simulator.OpRefund); n != 2 {
			t.Errorf("%d refund calls, want 2", n)
		}
	})
}

func TestRefundWaitsForItsOrderInAnotherLane(t *testing.T) {
	inWorld(t, "", func(w *world) {
		if err := w.sim.SetNextCustomers(bergen, simulator.Pay(time.Minute)); err != nil {
			t.Fatal(err)
		}
		w.order(bergen, "slow")
		w.until(5*time.Second, bergen, "slow", "awaiting_customer")
		w.send(oslo, "refunds", `{"requestId":"r1","orderRequestId":"slow","full":true}`)
		w.untilWaiting(5*time.Second, oslo, "r1", "waitingForOrder")
		w.sale(oslo, "s2") // the refund does not hold the lane
		w.until(2*time.Minute, bergen, "slow", "paid")
		w.until(20*time.Second, oslo, "r1", "refunded")
	})
}

// TestARefundBesideAnotherKeepsNoQueue: a refund that waits for one of the same order at another terminal lets those behind
// it pass, also after a restart, and is weighed when that one has ended.
func TestARefundBesideAnotherKeepsNoQueue(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sale(oslo, "s1")
		w.send(oslo, "refunds", `{"requestId":"r1","orderRequestId":"s1","refund":{"type":"regular","grandTotal":40,"products":[{"line":0,"amount":40}]}}`)
		w.until(5*time.Second, oslo, "r1", "awaiting_refund")
		w.send(bergen, "refunds", `{"requestId":"r2","orderRequestId":"s1","full":true}`)
		w.untilWaiting(5*time.Second, bergen, "r2", "behind")
		w.sale(bergen, "s2")
		w.restart()
		w.sale(bergen, "s3")
		if s := w.now(bergen, "r2"); s.State != "queued" || s.Waiting == nil || s.Waiting.Code != "behind" || s.Position != 0 {
			t.Errorf("beside its queue it is %+v", s)
		}
		if err := w.sim.SetRefundCustomer("", simulator.Pay(time.Second)); err != nil {
			t.Fatal(err)
		}
		w.until(6*time.Minute, oslo, "r1", "cancelled")
		w.until(10*time.Second, bergen, "r2", "refunded")
		if o := w.sim.Orders()[0]; o.Refunds[len(o.Refunds)-1].Amount.String() != "42.00" {
			t.Errorf("refunds at the API: %+v", o.Refunds)
		}
	}, func(o *simulator.Options) { o.RefundCustomer = simulator.WalkAway() })
}

func TestRefundOfAnUnpaidOrder(t *testing.T) {
	inWorld(t, "", func(w *world) {
		if err := w.sim.SetNextCustomers(oslo, simulator.Decline(time.Second)); err != nil {
			t.Fatal(err)
		}
		w.order(oslo, "no")
		w.send(oslo, "refunds", `{"requestId":"r1","orderRequestId":"no","full":true}`)
		if s := w.until(20*time.Second, oslo, "r1", "rejected"); s.Reason.Code != "orderNotPaid" {
			t.Errorf("reason %+v", s.Reason)
		}
	})
}

func TestLostRefundReplies(t *testing.T) {
	for name, c := range map[string]struct {
		do   simulator.Action
		want string
		n    int
	}{
		"after acting":  {simulator.DropAfter(), "refunded", 1},
		"before acting": {simulator.DropBefore(), "unresolved", 0},
		"half a reply":  {simulator.HalfReply(), "refunded", 1},
		"busy":          {simulator.BusyReply(), "refunded", 1},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				w.sale(oslo, "s1")
				w.sim.Inject(simulator.Fault{Operation: simulator.OpRefund, Do: c.do})
				w.send(oslo, "refunds", `{"requestId":"r1","orderRequestId":"s1","refund":{"type":"regular","grandTotal":10,"products":[{"line":0,"amount":10}]}}`)
				w.until(12*time.Minute, oslo, "r1", c.want)
				if got := len(w.sim.Orders()[0].Refunds); got != c.n {
					t.Errorf("%d refunds at the API, want %d", got, c.n)
				}
				w.sale(oslo, "s2") // the lane goes on
			})
		})
	}
}

func TestThresholdTurnsIntoAnApproval(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sale(oslo, "s1")
		w.sim.SetApprover(simulator.Grant(30 * time.Hour))
		w.sim.Inject(simulator.Fault{Operation: simulator.OpRefund, Do: simulator.Refuse(400, "Conflict of Business Logic", "refundRejectionForWeeklyThresholdExceed")})
		w.send(oslo, "refunds", `{"requestId":"r1","orderRequestId":"s1","full":true,"requestApproval":{"message":"damaged goods"}}`)
		w.until(20*time.Second, oslo, "r1", "awaiting_approval")
		w.sale(oslo, "s2")
		w.send(oslo, "cancels", `{"requestId":"c1","target":"r1"}`)
		if s := w.until(20*time.Second, oslo, "c1", "rejected"); s.Reason.Code != "awaiting_approval" {
			t.Errorf("reason %+v", s.Reason)
		}
		w.restart()
		listed := w.sim.Count(simulator.OpListTerminals)
		time.Sleep(30*time.Hour - 2*time.Minute)
		w.until(0, oslo, "r1", "awaiting_approval")
		if n := w.sim.Count(simulator.OpListTerminals) - listed; n > 30*7 {
			t.Errorf("the terminals were asked for %d times in 30 hours, once in ten minutes would do", n)
		}
		w.until(10*time.Minute, oslo, "r1", "refunded")
	})
}

func TestCancels(t *testing.T) {
	inWorld(t, "", func(w *world) {
		if err := w.sim.SetNextCustomers(oslo, simulator.WalkAway()); err != nil {
			t.Fatal(err)
		}
		w.order(oslo, "here")
		w.order(oslo, "next")
		w.until(5*time.Second, oslo, "here", "awaiting_customer")
		w.send(oslo, "cancels", `{"requestId":"c1","target":"next"}`)
		w.until(time.Second, oslo, "next", "cancelled")
		w.until(time.Second, oslo, "c1", "done")
		w.send(oslo, "cancels", `{"requestId":"c2","target":"here"}`)
		w.until(10*time.Second, oslo, "here", "cancelled")
		w.until(time.Second, oslo, "c2", "done")
		w.sale(oslo, "paid")
		w.send(oslo, "cancels", `{"requestId":"c3","target":"paid"}`)
		if s := w.until(5*time.Second, oslo, "c3", "rejected"); s.Reason.Code != "paid" {
			t.Errorf("reason %+v", s.Reason)
		}
		w.send(oslo, "cancels", `{"requestId":"c4","target":"unheard"}`)
		w.eventuallyOrFail(func() bool { return slices.Contains(w.rejects(), "unknownTarget") })
		w.order(oslo, "unheard")
		w.until(time.Second, oslo, "unheard", "cancelled")
		if n := w.sim.Count(simulator.OpCreate); n != 2 {
			t.Errorf("%d creates, want 2", n)
		}
	})
}

func TestCancelWhileSendingIsAWish(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DelayReply(5 * time.Second)})
		if err := w.sim.SetNextCustomers(oslo, simulator.WalkAway()); err != nil {
			t.Fatal(err)
		}
		w.order(oslo, "slow")
		w.until(2*time.Second, oslo, "slow", "sending")
		w.send(oslo, "cancels", `{"requestId":"c1","target":"slow"}`)
		w.until(20*time.Second, oslo, "slow", "cancelled")
		w.until(time.Second, oslo, "c1", "done")
	})
}

func TestResendAndCheck(t *testing.T) {
	inWorld(t, "", func(w *world) {
		if err := w.sim.SetNextCustomers(oslo, simulator.Pay(time.Minute)); err != nil {
			t.Fatal(err)
		}
		w.order(oslo, "o1")
		s := w.until(5*time.Second, oslo, "o1", "awaiting_customer")
		w.sim.Inject(simulator.Fault{Operation: simulator.OpResend, Times: 2, Do: simulator.BusyReply()})
		w.send(oslo, "resends", `{"requestId":"re1","target":"o1"}`)
		w.untilWaiting(5*time.Second, oslo, "re1", "terminalIsBusy")
		w.until(30*time.Second, oslo, "re1", "done")
		w.send(oslo, "checks", `{"requestId":"ch1","target":"o1"}`)
		if s := w.until(5*time.Second, oslo, "ch1", "done"); s.Reason.Code != "pending" {
			t.Errorf("reason %+v", s.Reason)
		}
		w.send(oslo, "checks", `{"requestId":"ch2","orderUuid":"`+s.OrderUUID+`"}`)
		w.until(5*time.Second, oslo, "ch2", "done")
		w.send(oslo, "checks", `{"requestId":"ch3","orderUuid":"ODR-elsewhere"}`)
		w.until(5*time.Second, oslo, "ch3", "rejected")
		w.until(2*time.Minute, oslo, "o1", "paid")
		w.send(oslo, "resends", `{"requestId":"re2","target":"o1"}`)
		if s := w.until(5*time.Second, oslo, "re2", "rejected"); s.Reason.Code != "paid" {
			t.Errorf("reason %+v", s.Reason)
		}
	})
}

// TestACheckAsksForWhatItNames: the payment or the refund of the order that its target is about.
func TestACheckAsksForWhatItNames(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sale(oslo, "s1")
		w.send(oslo, "refunds", `{"requestId":"r1","orderRequestId":"s1","full":true}`)
		w.until(10*time.Second, oslo, "r1", "refunded")
		for i, c := range []struct{ target, what, want string }{
			{"s1", "", "paid"}, {"s1", "refund", "refunded"}, {"s1", "payment", "paid"},
			{"r1", "", "refunded"}, {"r1", "refund", "refunded"}, {"r1", "payment", "paid"},
		} {
			id, what := fmt.Sprint("k", i), ""
			if c.what != "" {
				what = `,"type":"` + c.what + `"`
			}
			w.send(oslo, "checks", `{"requestId":"`+id+`","target":"`+c.target+`"`+what+`}`)
			if s := w.until(5*time.Second, oslo, id, "done"); s.Reason.Code != c.want {
				t.Errorf("%s, %q: %+v, want %s", c.target, c.what, s.Reason, c.want)
			}
		}
	})
}

func TestResolutions(t *testing.T) {
	doubt := func(w *world, id string) {
		w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DropBefore()})
		w.order(oslo, id)
		w.until(5*time.Second, oslo, id, "in_doubt")
	}
	inWorld(t, "", func(w *world) {
		doubt(w, "a")
		w.send(oslo, "resolutions", `{"requestId":"x1","target":"a","outcome":"abandon","by":"Kari"}`)
		if s := w.until(5*time.Second, oslo, "a", "cancelled"); s.Reason.Code != "abandoned" {
			t.Errorf("reason %+v", s.Reason)
		}
		w.until(time.Second, oslo, "x1", "done")

		doubt(w, "b")
		w.send(oslo, "resolutions", `{"requestId":"x2","target":"b","outcome":"resubmit","by":"Kari"}`)
		time.Sleep(140 * time.Second)
		w.until(0, oslo, "b", "in_doubt")
		w.until(time.Minute, oslo, "b", "paid")
		w.until(time.Second, oslo, "x2", "done")

		doubt(w, "c")
		w.until(11*time.Minute, oslo, "c", "unresolved")
		foreign := w.now(oslo, "b").OrderUUID
		w.send(oslo, "resolutions", `{"requestId":"x3","target":"c","outcome":"adopt","orderUuid":"`+foreign+`","by":"Kari"}`)
		if s := w.until(5*time.Second, oslo, "x3", "rejected"); s.Reason.Code != "orderUuidTaken" {
			t.Errorf("reason %+v", s.Reason)
		}
		w.send(oslo, "resolutions", `{"requestId":"x4","target":"c","outcome":"abandon","revision":1,"by":"Kari"}`)
		if s := w.until(5*time.Second, oslo, "x4", "rejected"); s.Reason.Code != "staleRevision" {
			t.Errorf("reason %+v", s.Reason)
		}
		w.send(oslo, "resolutions", `{"requestId":"x5","target":"b","outcome":"abandon","by":"Kari"}`)
		if s := w.until(5*time.Second, oslo, "x5", "rejected"); s.Reason.Code != "notInDoubt" {
			t.Errorf("reason %+v", s.Reason)
		}
	})
}

func TestManyTerminalsUnderOneLimit(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.stop()
		w.cfg = strings.Replace(w.cfg, "100000", "180", 1)
		for i := range 40 {
			w.sim.AddTerminal(simulator.Terminal{UUID: fmt.Sprintf("TRML%02d", i), Name: fmt.Sprint(i)})
		}
		w.start()
		if err := w.sim.SetCustomer("", simulator.Pay(10*time.Minute)); err != nil {
			t.Fatal(err)
		}
		for i := range 40 {
			w.order(fmt.Sprintf("TRML%02d", i), fmt.Sprintf("o%d", i))
		}
		time.Sleep(2 * time.Minute)
		begun := len(w.sim.Orders())
		if begun != 40 {
			t.Fatalf("%d orders", begun)
		}
		before := w.sim.Count(simulator.OpOrderStatuses) + w.sim.Count(simulator.OpPaymentStatus)
		time.Sleep(time.Minute)
		if calls := w.sim.Count(simulator.OpOrderStatuses) + w.sim.Count(simulator.OpPaymentStatus) - before; calls > 180 {
			t.Errorf("%d status calls in a minute", calls)
		}
		w.order(oslo, "new")
		w.until(time.Second, oslo, "new", "awaiting_customer")
		o := w.now("TRML07", "o7").OrderUUID
		if err := w.sim.Settle(o, simulator.Pays); err != nil {
			t.Fatal(err)
		}
		w.until(5*time.Second, "TRML07", "o7", "paid")
		for _, c := range w.sim.Calls() {
			if c.Status == http.StatusTooManyRequests {
				t.Errorf("%s was refused: too many calls", c.Operation)
			}
		}
	}, func(o *simulator.Options) { o.RateLimit = 240 })
}
