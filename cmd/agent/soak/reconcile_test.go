package soak

import (
	"fmt"
	"slices"
	"strings"

	"tillpost/api/simulator"
	"tillpost/internal/shoptest"
)

// tally is the result of a comparison of the books.
type tally struct {
	orders, refunds, controls     int
	states                        map[string]int // kind and state
	doubted, found                int            // were in doubt; and ended by evidence
	charged, refunded             int64          // øre, as the simulator has it
	toldCharged, toldRefunded     int64          // øre, by the statuses that the tills got
	acked, twiceByPerson, staffed int
}

// reconcile compares the statuses that the tills got with what the simulator did. person reports whether one decided on what nobody
// could know; without one nothing may have been sent twice, and each terminal's orders must have come in their order.
func (s *shop) reconcile(person bool) tally {
	s.Helper()
	t := tally{states: map[string]int{}}
	byID := map[string][]simulator.Order{}
	byUUID := map[string]simulator.Order{}
	for _, o := range s.Sim.Orders() {
		id := shoptest.Reference(s, o)
		byID[id] = append(byID[id], o)
		byUUID[o.UUID] = o
		if isPaid(o) {
			t.charged += ore(s, o.Amount.String())
		}
		for _, r := range o.Refunds {
			if r.Status == simulator.RefundDone {
				t.refunded += ore(s, r.Amount.String())
			}
		}
	}
	s.books.each(func(r request) {
		t.states[r.kind+" "+r.told.State]++
		if r.acked {
			t.acked++
		}
		if r.staffed {
			t.staffed++
		}
		if r.states["in_doubt"] {
			t.doubted++
		}
		if r.states["in_doubt"] && !r.staffed && r.told.Final && r.told.State != "unresolved" {
			t.found++
		}
		switch r.kind {
		case "order":
			t.orders++
			s.reconcileOrder(r, byID[r.id], &t)
			delete(byID, r.id)
		case "refund":
			t.refunds++
			s.reconcileRefund(r, byUUID, &t)
		default:
			t.controls++
		}
	})
	for id := range byID {
		s.Errorf("the API has an order for %q, which no till asked for", id)
	}
	if t.charged != t.toldCharged || t.refunded != t.toldRefunded {
		s.Errorf("the API charged %s and refunded %s; the tills were told %s and %s",
			kroner(t.charged), kroner(t.refunded), kroner(t.toldCharged), kroner(t.toldRefunded))
	}
	s.inOrder(person)
	return t
}

func isPaid(o simulator.Order) bool {
	return slices.Contains([]simulator.OrderStatus{simulator.Paid, simulator.Refunded, simulator.PartiallyRefunded}, o.Status)
}

// reconcileOrder holds one order against what the API has under its id.
func (s *shop) reconcileOrder(r request, there []simulator.Order, t *tally) {
	s.Helper()
	if len(there) > 1 {
		t.twiceByPerson++
		if !r.staffed {
			s.Errorf("%s: %d orders at the API, and no person had it sent again", r.id, len(there))
		}
	}
	paid := slices.DeleteFunc(slices.Clone(there), func(o simulator.Order) bool { return !isPaid(o) })
	if r.told.State == "paid" {
		t.toldCharged += r.amount
	}
	right := false
	switch r.told.State {
	case "paid":
		right = len(paid) == 1 && paid[0].UUID == r.told.OrderUUID && ore(s, paid[0].Amount.String()) == r.amount
	case "declined":
		right = len(paid) == 0 && len(there) > 0 && slices.ContainsFunc(there, func(o simulator.Order) bool { return o.Declined })
	case "cancelled", "rejected", "expired":
		right = len(paid) == 0 && !slices.ContainsFunc(there, func(o simulator.Order) bool { return o.Status == simulator.Sent })
	case "unresolved":
		right = len(there) == 0 // else the search would have found it
	}
	if !right {
		s.Errorf("%s was told %s (%s, order %s) after %v; the API has %s", r.id, r.told.State, r.told.ReasonCode(), r.told.OrderUUID, keys(r.states), briefly(there))
	}
}

// reconcileRefund holds one refund, of which an order has at most one here, against the order's.
func (s *shop) reconcileRefund(r request, orders map[string]simulator.Order, t *tally) {
	s.Helper()
	o, known := orders[s.books.now(r.target).OrderUUID]
	done := 0
	for _, f := range o.Refunds {
		if f.Status == simulator.RefundDone && ore(s, f.Amount.String()) == r.amount {
			done++
		}
	}
	right := known && done == 0
	if r.told.State == "refunded" {
		t.toldRefunded += r.amount
		right = done == 1
	}
	if !right {
		s.Errorf("refund %s of %s was told %s (%s) after %v; the API has %d done of its amount", r.id, kroner(r.amount), r.told.State, r.told.ReasonCode(), keys(r.states), done)
	}
}

// inOrder checks that each terminal's orders came to the API in the order in which its till asked for them. What a
// person had sent again came when that person said so.
func (s *shop) inOrder(person bool) {
	s.Helper()
	places := map[string]request{}
	s.books.each(func(r request) { places[r.id] = r })
	last := map[string]request{}
	for _, o := range s.Sim.Orders() {
		r := places[shoptest.Reference(s, o)]
		if person && r.staffed {
			continue
		}
		if before := last[o.Terminal]; r.place < before.place {
			s.Errorf("%s came to the API after %s", r.id, before.id)
		}
		last[o.Terminal] = r
	}
}

// ore reads an amount in kroner without a detour over floats.
func ore(s *shop, amount string) int64 {
	s.Helper()
	whole, frac, _ := strings.Cut(amount, ".")
	var k, o int64
	if _, err := fmt.Sscan(whole, &k); err != nil || len(frac) > 2 {
		s.Fatalf("not an amount: %q", amount)
	}
	if frac != "" {
		if _, err := fmt.Sscan(strings.TrimLeft((frac + "0")[:2], "0")+"", &o); err != nil && strings.Trim(frac, "0") != "" {
			s.Fatalf("not an amount: %q", amount)
		}
	}
	return k*100 + o
}

func briefly(orders []simulator.Order) string {
	if len(orders) == 0 {
		return "no order"
	}
	var all []string
	for _, o := range orders {
		all = append(all, fmt.Sprintf("%s %s of %s", o.UUID, o.Status, o.Amount))
	}
	return strings.Join(all, ", ")
}

func keys(m map[string]bool) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// String returns the tally as the summary prints it.
func (t tally) String() string {
	var lines []string
	for what, n := range t.states {
		lines = append(lines, fmt.Sprintf("%s %d", what, n))
	}
	slices.Sort(lines)
	return fmt.Sprintf("%d orders, %d refunds, %d others; %d doubts, %d ended by evidence, %d by a person; charged %s, refunded %s, as told to the øre\n  %s",
		t.orders, t.refunds, t.controls, t.doubted, t.found, t.staffed, kroner(t.charged), kroner(t.refunded), strings.Join(lines, ", "))
}
