package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/internal/shoptest"
)

// deed is one request of a kind, at a terminal of its own: what must be there before it, the request itself, the call
// that it makes at the API, and the state in which it ends when all is well.
type deed struct {
	kind    string
	op      simulator.Operation
	prepare func(w *world, terminal string)
	send    func(w *world, terminal string)
	end     string
	// target is a request whose end belongs to it, and that end.
	target, targetEnd string
}

// deeds are all kinds. Each request bears its kind as its id.
var deeds = []deed{
	{
		kind: "order", op: simulator.OpCreate, end: "paid",
		prepare: func(*world, string) {},
		send:    func(w *world, terminal string) { w.Order(terminal, "order") },
	},
	{
		kind: "refund", op: simulator.OpRefund, end: "refunded",
		prepare: func(w *world, terminal string) { w.Sale(terminal, "sale-refund") },
		send: func(w *world, terminal string) {
			w.Send(terminal, "refunds", `{"requestId":"refund","orderRequestId":"sale-refund","refund":{"type":"regular","grandTotal":10,"products":[{"productId":"VFDDF","amount":10}]}}`)
		},
	},
	{
		kind: "reversal", op: simulator.OpRefund, end: "refunded",
		prepare: func(w *world, terminal string) { w.Sale(terminal, "sale-reversal") },
		send: func(w *world, terminal string) {
			w.Send(terminal, "refunds", `{"requestId":"reversal","orderRequestId":"sale-reversal","refund":{"type":"regular","grandTotal":"42.00","products":[{"line":0,"amount":"42.00"}],"isReversal":true}}`)
		},
	},
	{
		kind: "approval", op: simulator.OpApproval, end: "submitted",
		prepare: func(w *world, terminal string) {
			uuid := w.Sale(terminal, "sale-approval")
			w.Write("approval", fmt.Sprintf(`{"requestId":"approval","orderRequestId":"sale-approval","approval":{"type":"regular","grandTotal":42,"message":"spoilt","products":[{"id":%s,"amount":42}]}}`, w.productOf(uuid)))
		},
		send: func(w *world, terminal string) { w.Send(terminal, "approvals", w.Read("approval")) },
	},
	{
		kind: "cancel", op: simulator.OpCancel, end: "done", target: "to-cancel", targetEnd: "cancelled",
		prepare: func(w *world, terminal string) { w.leave(terminal, "to-cancel") },
		send: func(w *world, terminal string) {
			w.Send(terminal, "cancels", `{"requestId":"cancel","target":"to-cancel"}`)
		},
	},
	{
		kind: "resend", op: simulator.OpResend, end: "done",
		prepare: func(w *world, terminal string) {
			w.Must(w.Sim.SetCustomer(terminal, simulator.WalkAway())) // nor does anyone come when it is shown again
			w.leave(terminal, "to-resend")
		},
		send: func(w *world, terminal string) {
			w.Send(terminal, "resends", `{"requestId":"resend","target":"to-resend"}`)
		},
	},
	{
		// Of an order that another till placed, as the agent's own questions are many.
		kind: "check", op: simulator.OpPaymentStatus, end: "done",
		prepare: func(w *world, terminal string) { w.Write("foreign", w.foreign(terminal)) },
		send: func(w *world, terminal string) {
			w.Send(terminal, "checks", fmt.Sprintf(`{"requestId":"check","orderUuid":%q}`, w.Read("foreign")))
		},
	},
	{
		kind: "resolution", op: simulator.OpCreate, end: "done", target: "doubtful", targetEnd: "paid",
		prepare: func(w *world, terminal string) {
			w.Sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Terminal: terminal, Do: simulator.DropBefore()})
			w.Order(terminal, "doubtful")
			w.UntilWaits(terminal, "doubtful", "needs_staff")
		},
		send: func(w *world, terminal string) {
			w.Send(terminal, "resolutions", `{"requestId":"resolution","target":"doubtful","outcome":"resubmit","by":"Ola"}`)
		},
	},
}

// leave places an order and has the customer walk away from it.
func (w *world) leave(terminal, id string) {
	w.Helper()
	w.customers(terminal, simulator.WalkAway())
	w.Order(terminal, id)
	w.UntilState(terminal, id, "awaiting_customer")
}

// newKinds returns a shop with a terminal for each kind, and what each kind needs. Doubts are held for that long.
func newKinds(t *testing.T, hold string) *world {
	t.Helper()
	outside(t)
	w := newWorld(t, shoptest.Options{Terminals: len(deeds), Settings: shoptest.Settings{"policy.doubt_check": "1s", "policy.customer_timeout": "0s", "policy.doubt_hold": hold}})
	for i, d := range deeds {
		d.prepare(w, terminal(i))
	}
	return w
}

// trouble has every kind's next call go wrong.
func (w *world) trouble(times int, do simulator.Action) {
	for i, d := range deeds {
		w.Sim.Inject(simulator.Fault{Operation: d.op, Terminal: terminal(i), Times: times, Do: do})
	}
}

func (w *world) sendAll() {
	w.Helper()
	for i, d := range deeds {
		d.send(w, terminal(i))
	}
}

// endAll waits for every kind's end; but names those that end otherwise.
func (w *world) endAll(but map[string]string) {
	w.Helper()
	for i, d := range deeds {
		for id, end := range map[string]string{d.kind: d.end, d.target: d.targetEnd} {
			if other, ok := but[id]; ok {
				end = other
			}
			if id != "" {
				w.UntilState(terminal(i), id, end)
			}
		}
	}
	w.Once()
}

// laneGoesOn checks that each terminal takes another order.
func (w *world) laneGoesOn() {
	w.Helper()
	for i, d := range deeds {
		if d.kind == "resend" || d.kind == "check" {
			continue // an order is on that terminal
		}
		w.Sale(terminal(i), "next-"+d.kind)
	}
}

func TestKindsWhenAllIsWell(t *testing.T) {
	w := newKinds(t, "1m")
	w.sendAll()
	w.endAll(nil)
	w.laneGoesOn()
}

func TestKindsAtABusyTerminal(t *testing.T) {
	w := newKinds(t, "1m")
	w.trouble(2, simulator.BusyReply())
	w.sendAll()
	w.endAll(nil)
	w.laneGoesOn()
}

func TestKindsOverAnOutage(t *testing.T) {
	w := newKinds(t, "1m")
	w.down(true)
	w.sendAll()
	for i, d := range deeds {
		if d.kind == "cancel" {
			w.UntilState(terminal(i), d.target, "cancelling") // that is what it waits for
			continue
		}
		w.UntilStatus(terminal(i), d.kind, "told why it waits", func(s status) bool { return s.Final || s.Waits() != "" })
	}
	w.down(false)
	w.endAll(nil)
	w.laneGoesOn()
}

// A reply that got lost before anything was done leaves a doubt that only a person can end.
func TestKindsWhoseCallsAreLost(t *testing.T) {
	w := newKinds(t, "20s")
	w.trouble(1, simulator.DropBefore())
	w.sendAll()
	w.endAll(map[string]string{"order": "unresolved", "refund": "unresolved", "reversal": "unresolved", "approval": "unresolved", "doubtful": "unresolved"})
	if n := w.Orders()["order"] + w.Orders()["doubtful"]; n != 0 {
		t.Errorf("%d orders, want none", n)
	}
	w.laneGoesOn()
}

// A reply that got lost after the deed is made up for by looking.
func TestKindsWhoseRepliesAreLost(t *testing.T) {
	w := newKinds(t, "20s")
	w.trouble(1, simulator.DropAfter())
	w.sendAll()
	w.endAll(map[string]string{"approval": "unresolved"})
	w.laneGoesOn()
}

func TestKindsKilledInTheQueue(t *testing.T) {
	w := newKinds(t, "1m")
	w.down(true)
	w.sendAll()
	for i, d := range deeds {
		w.UntilStatus(terminal(i), d.kind, "taken", func(s status) bool { return s.State != "" })
	}
	w.Crash()
	w.down(false)
	w.endAll(nil)
}

func TestKindsKilledWhileSending(t *testing.T) {
	w := newKinds(t, "20s")
	// No search finds an order whose reply is awaited, for that would end its sending.
	w.Sim.Inject(simulator.Fault{Operation: simulator.OpOrderStatuses, Times: 1000, Do: simulator.DropBefore()})
	for i, d := range deeds {
		late := simulator.DelayReply(time.Minute)
		if d.kind == "cancel" {
			late = simulator.Delay(time.Minute) // what it did would be seen by a poll, which ends it
		}
		w.Sim.Inject(simulator.Fault{Operation: d.op, Terminal: terminal(i), Do: late})
	}
	for i, d := range deeds {
		if d.kind == "resolution" {
			continue // it waits for a search
		}
		d.send(w, terminal(i))
		w.UntilState(terminal(i), d.kind, "sending")
	}
	w.Until("the API to have all calls", func() bool { return len(w.Sim.Faults()) == 2 })
	w.Crash()
	w.Sim.ClearFaults()
	w.Send(terminal(len(deeds)-1), "resolutions", `{"requestId":"resolution","target":"doubtful","outcome":"resubmit","by":"Ola"}`)
	w.endAll(map[string]string{"approval": "unresolved"})
	if states := w.history("order"); !slices.Contains(states, "in_doubt") {
		t.Errorf("the order was %v", states)
	}
	w.laneGoesOn()
}

func TestKindsKilledInDoubt(t *testing.T) {
	outside(t)
	w := newWorld(t, shoptest.Options{Terminals: len(deeds), Settings: shoptest.Settings{"policy.doubt_check": "20s"}})
	inDoubt := []string{"order", "refund", "reversal", "approval"}
	for i := range inDoubt {
		deeds[i].prepare(w, terminal(i))
	}
	w.trouble(1, simulator.DropBefore())
	for i := range inDoubt {
		deeds[i].send(w, terminal(i))
	}
	w.UntilState(terminal(0), "order", "in_doubt")
	// A resolution that has to wait for doubt_check is killed as well.
	w.Send(terminal(0), "resolutions", `{"requestId":"again","target":"order","outcome":"resubmit","by":"Ola"}`)
	for i, id := range inDoubt[1:] {
		w.UntilState(terminal(i+1), id, "in_doubt")
	}
	w.UntilStatus(terminal(0), "again", "under way", func(s status) bool { return s.State != "" && !s.Final })
	w.Crash()
	for i, id := range inDoubt[1:] {
		w.UntilState(terminal(i+1), id, "in_doubt")
		w.Send(terminal(i+1), "resolutions", fmt.Sprintf(`{"requestId":"give-up-%s","target":%q,"outcome":"abandon","by":"Ola"}`, id, id))
		if s := w.UntilState(terminal(i+1), id, "rejected"); s.ReasonCode() != "abandoned" {
			t.Errorf("%s: the reason is %q", id, s.ReasonCode())
		}
		w.UntilState(terminal(i+1), "give-up-"+id, "done")
	}
	w.UntilState(terminal(0), "order", "paid")
	w.UntilState(terminal(0), "again", "done")
	w.Once()
	if n := w.Orders()["order"]; n != 1 {
		t.Errorf("%d orders, want 1", n)
	}
}

func TestKilledBeforeTheCustomer(t *testing.T) {
	outside(t)
	w := newWorld(t, shoptest.Options{Terminals: 3})
	w.leave(terminal(0), "order")
	w.Sale(terminal(1), "sale-refund")
	w.Sale(terminal(2), "sale-asked")
	w.Must(w.Sim.SetRefundCustomer(terminal(1), simulator.Pay(8*time.Second)))
	w.Send(terminal(1), "refunds", `{"requestId":"refund","orderRequestId":"sale-refund","full":true}`)
	w.UntilTold("refund", "awaiting_refund", func(s status) bool { return s.State == "awaiting_refund" })
	w.Sim.SetApprover(simulator.Grant(5 * time.Second))
	w.Sim.Inject(simulator.Fault{Operation: simulator.OpRefund, Terminal: terminal(2),
		Do: simulator.Refuse(400, "Conflict of Business Logic", "refundRejectionForRequestAmountThresholdExceed")})
	w.Send(terminal(2), "refunds", `{"requestId":"asked","orderRequestId":"sale-asked","full":true,"requestApproval":{"message":"spoilt"}}`)
	w.UntilTold("asked", "awaiting_approval", func(s status) bool { return s.State == "awaiting_approval" })
	w.Agent.Kill()
	approved := func() bool {
		o, ok := w.Sim.Order(w.Now(terminal(2), "sale-asked").OrderUUID)
		return ok && o.Status == simulator.Refunded
	}
	w.Until("the approval to be granted", approved)
	w.Start()
	w.Must(w.Sim.Settle(w.Now(terminal(0), "order").OrderUUID, simulator.Declines))
	w.UntilState(terminal(0), "order", "declined")
	w.UntilState(terminal(1), "refund", "refunded")
	w.UntilState(terminal(2), "asked", "refunded")
	w.Once()
}

func TestKilledWhileCancelling(t *testing.T) {
	outside(t)
	w := newWorld(t, shoptest.Options{})
	w.Sale(terminal(1), "sale-refund")
	w.Must(w.Sim.SetRefundCustomer(terminal(1), simulator.WalkAway()))
	w.Send(terminal(1), "refunds", `{"requestId":"refund","orderRequestId":"sale-refund","full":true}`)
	w.UntilState(terminal(1), "refund", "awaiting_refund")
	w.leave(terminal(0), "order")
	w.Sim.Inject(simulator.Fault{Operation: simulator.OpCancel, Times: 4, Do: simulator.Delay(time.Minute)})
	for i, id := range []string{"order", "refund"} {
		w.Send(terminal(i), "cancels", fmt.Sprintf(`{"requestId":"cancel-%s","target":%q}`, id, id))
		w.UntilState(terminal(i), id, "cancelling")
	}
	w.Until("the API to have both calls", func() bool { return w.Sim.Count(simulator.OpCancel) >= 2 })
	w.Sim.ClearFaults()
	w.Crash()
	for i, id := range []string{"order", "refund"} {
		w.UntilState(terminal(i), id, "cancelled")
		w.UntilState(terminal(i), "cancel-"+id, "done")
		w.Sale(terminal(i), "next-"+id)
	}
	w.Once()
}
