package e2e

import (
	"maps"
	"slices"
	"testing"

	"tillpost/api/simulator"
	"tillpost/internal/shoptest"
)

// nonsense are the replies that no till should ever suffer from.
var nonsense = map[string]simulator.Action{
	"html": simulator.Unreadable(simulator.GarbageHTML), "single quotes": simulator.Unreadable(simulator.GarbageSingleQuoted),
	"empty": simulator.Unreadable(simulator.GarbageEmpty), "20 MB": simulator.Unreadable(simulator.GarbageHuge),
	"cut": simulator.HalfReply(), "without an end": simulator.Unreadable(simulator.GarbageInvalidJSON), "under 200": simulator.Under200(),
	"busy but done": simulator.BusyButCreated(), "dropped": simulator.DropAfter(),
}

// each makes every kind of nonsense happen at a terminal of its own.
func each(w *world, do func(terminal, id string, a simulator.Action)) (ids map[string]string) {
	ids = map[string]string{}
	for i, name := range slices.Sorted(maps.Keys(nonsense)) {
		ids["n-"+string(rune('a'+i))] = name
		do(terminal(i), "n-"+string(rune('a'+i)), nonsense[name])
	}
	return ids
}

func nonsenseShop() shoptest.Options {
	return shoptest.Options{Terminals: len(nonsense), Settings: shoptest.Settings{"policy.doubt_check": "3s", "policy.doubt_hold": "1m"}}
}

func TestNonsenseAfterACreate(t *testing.T) {
	outside(t)
	w := newWorld(t, nonsenseShop())
	ids := each(w, func(terminal, id string, a simulator.Action) {
		w.Sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Terminal: terminal, Do: a})
		w.Order(terminal, id)
	})
	i := 0
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		w.UntilState(terminal(i), id, "paid")
		i++
	}
	for id, name := range ids {
		if n := w.Orders()[id]; n != 1 {
			t.Errorf("%s: %d orders, want 1", name, n)
		}
	}
	if n := w.Sim.Count(simulator.OpCreate); n != len(ids) {
		t.Errorf("%d creates for %d orders", n, len(ids))
	}
}

// Nonsense in answer to a question leads to no state, and the question is asked again.
func TestNonsenseInsteadOfAStatus(t *testing.T) {
	outside(t)
	w := newWorld(t, nonsenseShop())
	ids := each(w, func(terminal, id string, a simulator.Action) {
		w.Sim.Inject(simulator.Fault{Operation: simulator.OpPaymentStatus, Terminal: terminal, Times: 2, Do: a})
		w.Order(terminal, id)
	})
	i := 0
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		w.UntilState(terminal(i), id, "paid")
		if got := w.Heard.States(id); !slices.Equal(got, []string{"queued", "sending", "awaiting_customer", "paid"}) {
			t.Errorf("%s: told %v", ids[id], got)
		}
		i++
	}
	w.Once()
}

// A search that gets nonsense is no search: the order is found by the next one.
func TestNonsenseInASearch(t *testing.T) {
	outside(t)
	w := newWorld(t, shoptest.Options{Terminals: 1})
	w.Sale(terminal(0), "first")
	for i, name := range []string{"html", "20 MB", "cut", "without an end"} {
		op := []simulator.Operation{simulator.OpOrderStatuses, simulator.OpOrderDetails}[i%2]
		w.Sim.Inject(simulator.Fault{Operation: op, Do: nonsense[name]})
		w.Sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DropAfter()})
		id := "lost-" + string(rune('a'+i))
		w.Order(terminal(0), id)
		w.UntilState(terminal(0), id, "paid")
	}
	w.Once()
	if n := w.Sim.Count(simulator.OpCreate); n != 5 {
		t.Errorf("%d creates, want 5", n)
	}
}

// A redirect of a create is neither followed nor repeated; nobody can know what became of it.
func TestRedirectsAreNotFollowed(t *testing.T) {
	outside(t)
	w := newWorld(t, shoptest.Options{Settings: shoptest.Settings{"policy.doubt_check": "1s", "policy.doubt_hold": "8s"}})
	for i, code := range []int{307, 308} {
		w.Sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Terminal: terminal(i), Do: simulator.Redirect(code)})
		w.Order(terminal(i), "moved-"+terminal(i))
		w.Order(terminal(i), "next-"+terminal(i))
	}
	for i := range 2 {
		id := "moved-" + terminal(i)
		if s := w.UntilState(terminal(i), id, "unresolved"); s.ReasonCode() != "doubtUnresolved" {
			t.Errorf("the reason is %q", s.ReasonCode())
		}
		if !slices.ContainsFunc(w.Heard.Told(id), func(s status) bool { return s.Waits() == "needs_staff" }) {
			t.Errorf("%s never asked for staff", id)
		}
		w.UntilState(terminal(i), "next-"+terminal(i), "paid")
		if n := w.Orders()[id]; n != 0 {
			t.Errorf("%d orders, want none", n)
		}
	}
	w.UntilProblem("unresolved")
	if n := w.Sim.Count(simulator.OpCreate); n != 4 {
		t.Errorf("%d creates, want 4", n)
	}
	// Questions are asked again, not at another place.
	w.Sim.Inject(simulator.Fault{Operation: simulator.OpPaymentStatus, Terminal: terminal(0), Do: simulator.Redirect(308)})
	w.Sale(terminal(0), "after")
}

// Where the status line says 200, the body's own status code counts.
func TestEverythingUnder200(t *testing.T) {
	outside(t)
	w := newWorld(t, shoptest.Options{})
	reply := func(code, message string) simulator.Action {
		return simulator.Status(200, `{"status_code":`+code+`,"status_message":"x","message":"`+message+`","is_error":true,"errors":"Array"}`)
	}
	create := func(a simulator.Action) { w.Sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: a}) }
	create(reply("417", "payloadValidationErrors"))
	w.Order(terminal(0), "refused")
	if s := w.UntilState(terminal(0), "refused", "rejected"); s.ReasonCode() != "payloadValidationErrors" || s.Reason.HTTPStatus != 417 {
		t.Errorf("the reason is %+v", s.Reason)
	}
	w.Sale(terminal(0), "first") // by which the lag of the list is measured
	create(reply("510", "Terminal is busy"))
	w.Sale(terminal(0), "busy")
	create(reply("401", "Unauthenticated."))
	w.Order(terminal(0), "unauthorized")
	w.UntilState(terminal(0), "unauthorized", "paid")
	create(reply("510", "Something Went Wrong"))
	w.Order(terminal(0), "broken")
	w.UntilState(terminal(0), "broken", "in_doubt")
	w.Sim.Inject(simulator.Fault{Operation: simulator.OpPaymentStatus, Terminal: terminal(1), Do: reply("404", "Order Not Found")})
	w.Sale(terminal(1), "missing")
	for id, n := range w.Orders() {
		if n > 1 {
			t.Errorf("%d orders for %s", n, id)
		}
	}
	if n := len(w.Sim.Orders()); n != 4 {
		t.Errorf("%d orders, want 4", n)
	}
}
