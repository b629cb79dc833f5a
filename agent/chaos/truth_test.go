package chaos_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/outbox"
)

// checkRefunded: at "refunded" the money is back in that moment, or somebody else's refund can't be told from
// theirs.
func (w *world) checkRefunded(r outbox.Request, s told) {
	if r.Kind != outbox.KindRefund || s.State != "refunded" || r.State != outbox.StateRefunded || r.Settled != nil {
		return
	}
	o, ok := w.sim.Order(r.OrderUUID)
	if !ok {
		w.fail("%s is told refunded of order %q, which is not there", r.ID, r.OrderUUID)
		return
	}
	w.mu.Lock()
	key := refundKey{r.OrderUUID, r.AmountMinor}
	if w.toldBack[key] == nil {
		w.toldBack[key] = map[string]bool{}
	}
	w.toldBack[key][r.ID] = true
	n := len(w.toldBack[key])
	first := time.Now()
	for id := range w.toldBack[key] {
		if at := w.sentAt[id]; at.Before(first) {
			first = at // zero where the process died with that commit
		}
	}
	w.mu.Unlock()
	done := 0
	for _, e := range o.Refunds {
		if e.Status == simulator.RefundDone && minorOf(e.Amount) == r.AmountMinor && w.mayBeOurs(e, first) {
			done++
		}
	}
	if n > done && !w.statusOnly(o) {
		w.fail("%d refunds over %d øre of order %s are told refunded, and %d are done: %s", n, r.AmountMinor, o.UUID, done, entriesOf(o))
	}
}

// booksAge is how old the books may be that were read for a submission, with the calls that read them.
const booksAge = 14 * time.Second

// mayBeOurs reports whether a refund in the API's books is one of ours, or somebody else's that can't be told from ours:
// the books that were read before the submission did not show it yet.
func (w *world) mayBeOurs(e simulator.Refund, sent time.Time) bool {
	if tagOf(string(e.Body)) != foreign || w.lookups != simulator.LookupsShown {
		return true
	}
	if w.lag.RefundStatus > 0 {
		return true // the status may have said that all was ended, while one was under way
	}
	return e.At.Add(w.lag.History).After(sent.Add(-booksAge))
}

// statusLate reports whether the refund status may have been of another till's refund for longer than the agent could know.
func (w *world) statusLate(o simulator.Order) bool {
	return w.lag.RefundStatus > 0 && slices.ContainsFunc(o.Refunds, func(e simulator.Refund) bool { return tagOf(string(e.Body)) == foreign })
}

// turnedDownWithin is the longest that another till's refund takes until it is turned down.
const turnedDownWithin = 20 * time.Second

// takenForOurs counts the refunds of ours over an amount that were told turned down, and were carried out, where another till's of
// that amount was turned down and the lagging refund status may have said so between sending ours and telling its end. Nobody
// can say that the status is not about ours then.
func (w *world) takenForOurs(o simulator.Order, ore int64, wishes map[string]*wish) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, v := range wishes {
		if v.r.AmountMinor != ore || v.done == 0 || v.r.State != outbox.StateDeclined && v.r.State != outbox.StateCancelled {
			continue
		}
		if w.lag.RefundStatus > 0 && slices.ContainsFunc(o.Refunds, func(e simulator.Refund) bool {
			seen := e.At.Add(turnedDownWithin + w.lag.RefundStatus + booksAge)
			return tagOf(string(e.Body)) == foreign && e.Status == simulator.RefundRejected && minorOf(e.Amount) == ore &&
				e.At.Before(w.endedAt[id]) && w.sentAt[id].Before(seen)
		}) {
			n++
		}
	}
	return n
}

type refundKey struct {
	order string
	ore   int64
}

// statusOnly reports whether nobody can know of which refund of an order the API's status is: we may not read its books, and
// another till's refund was carried out.
func (w *world) statusOnly(o simulator.Order) bool {
	return w.lookups != simulator.LookupsShown && foreignEnded(o, simulator.RefundDone)
}

// checkExceeds: a refund is refused as more than is left only if it is, by what the API's books and ours say of the
// order at that moment: what is said of one that was refused before (a person moves it) is not looked at.
func (w *world) checkExceeds(r outbox.Request, e outbox.Event, fx []outbox.Effect) {
	if len(fx) == 0 || r.Entered != e.At || r.State != outbox.StateRejected || r.Reason == nil || r.Reason.Code != outbox.CodeRefundExceeds || r.OrderUUID == "" {
		return
	}
	o, ok := w.sim.Order(r.OrderUUID)
	if !ok {
		return
	}
	left := leftAtLeast(w.records(), o, r)
	// What is done and what is ours were counted both; so this is less than what is left.
	if left > 0 && r.AmountMinor > 0 && r.AmountMinor <= left && strings.Contains(r.Reason.Message, "of the order") {
		w.fail("%s over %d øre is refused (%s), and more than %d øre of order %s are left: %s", r.ID, r.AmountMinor, r.Reason.Message, left, o.UUID, entriesOf(o))
	}
}

// leftAtLeast returns what of an order is left at least for a refund of ours: less what the API's books show, unless it was turned
// down, and less whatever else of ours may have been carried out.
func leftAtLeast(records map[string]outbox.Request, o simulator.Order, r outbox.Request) int64 {
	left := minorOf(o.Amount)
	for _, e := range o.Refunds {
		if e.Status != simulator.RefundRejected {
			left -= minorOf(e.Amount)
		}
	}
	for _, other := range records {
		if other.ID == r.ID || other.Refund == nil || !paysBack(records, other, o.UUID) {
			continue
		}
		switch other.State {
		case outbox.StateDeclined, outbox.StateCancelled, outbox.StateRejected, outbox.StateExpired:
			continue
		case outbox.StateQueued:
			if len(other.Submissions) == 0 {
				continue
			}
		default: // it may have been carried out, or was
		}
		if other.AmountMinor == 0 { // all that was left, from a copy of the outbox in which its turn had not come
			return 0
		}
		left -= other.AmountMinor
	}
	return left
}

// paysBack reports whether a refund or approval is of an order. One from an older copy of the outbox, in which its turn had not
// come, knows the order by the request that placed it alone.
func paysBack(records map[string]outbox.Request, r outbox.Request, order string) bool {
	if r.OrderUUID != "" {
		return r.OrderUUID == order
	}
	placed := records[r.Target]
	return r.Target != "" && placed.Kind == outbox.KindOrder && placed.OrderUUID == order
}

// TestLeftAtLeast takes off whatever of ours may have been carried out, by whichever name it knows the order.
func TestLeftAtLeast(t *testing.T) {
	order := outbox.Request{ID: "o1", Kind: outbox.KindOrder, State: outbox.StatePaid, OrderUUID: "ODR1", AmountMinor: 4200}
	asked := outbox.Request{ID: "r1", Kind: outbox.KindRefund, State: outbox.StateRejected, Target: "o1", OrderUUID: "ODR1", AmountMinor: 2100}
	other := func(s outbox.State, target, uuid string, ore int64) outbox.Request {
		return outbox.Request{
			ID: "a1", Kind: outbox.KindApproval, State: s, Target: target, OrderUUID: uuid, AmountMinor: ore, Refund: &outbox.Refund{},
		}
	}
	for _, c := range []struct {
		name  string
		other outbox.Request
		left  int64
	}{
		{"unresolved, of the order by its uuid", other(outbox.StateUnresolved, "", "ODR1", 1000), 1100},
		{"unresolved, from an older copy, of the order by its request", other(outbox.StateUnresolved, "o1", "", 1000), 1100},
		{"unresolved, from an older copy, all that was left", other(outbox.StateUnresolved, "o1", "", 0), 0},
		{"given up, of the order by its request", other(outbox.StateRejected, "o1", "", 1000), 2100},
		{"not sent yet, of the order by its request", other(outbox.StateQueued, "o1", "", 1000), 2100},
		{"unresolved, of another order", other(outbox.StateUnresolved, "", "ODR2", 1000), 2100},
		{"unresolved, of another order by its request", other(outbox.StateUnresolved, "o2", "", 1000), 2100},
	} {
		t.Run(c.name, func(t *testing.T) {
			records := map[string]outbox.Request{"o1": order, "r1": asked, "a1": c.other}
			o := simulator.Order{UUID: "ODR1", Amount: decimalOf(42), Refunds: []simulator.Refund{
				{Amount: decimalOf(21), Status: simulator.RefundDone}, {Amount: decimalOf(5), Status: simulator.RefundRejected},
			}}
			if got := leftAtLeast(records, o, asked); got != c.left {
				t.Errorf("%d øre are left, want %d", got, c.left)
			}
		})
	}
}

// checkAdopted: a person may take an order for another request's than the one whose mark stands in it only as long as that can't
// be read.
func (w *world) checkAdopted(r outbox.Request, e outbox.Event) {
	if e.Type != outbox.Resolved || e.Resolution != outbox.Adopt || r.Kind != outbox.KindOrder || r.Settled == nil || r.Settled.ID != e.Source {
		return
	}
	o, ok := w.sim.Order(r.OrderUUID)
	if !ok || !w.searchable() || time.Since(o.CreatedAt) < w.lag.References+w.lag.Details+booksAge {
		return
	}
	for _, mark := range outbox.FindMarks(strings.Join(o.References, " ")) {
		for _, other := range w.records() {
			if other.ID != r.ID && other.Bears(mark) {
				w.fail("order %s, which bears a mark of %s, is adopted for %s", o.UUID, other.ID, r.ID)
			}
		}
	}
}

// cancels: nobody else's order is ever cancelled by us, unless a person gave it to us.
func (w *world) cancels(order string) {
	o, ok := w.sim.Order(order)
	if !ok || tagOf(string(o.Body)) != foreign {
		return
	}
	p := w.current.Load()
	if p == nil || p.store == nil {
		return
	}
	if r, err := p.store.ByOrder(order); err == nil && r.Settled != nil {
		return
	}
	w.fail("another till's order %s is cancelled", order)
}

// knowable reports whether there is evidence of a payment that can be found: a callback named it and was accepted, or the mark
// stands where a search sees it. Who decided otherwise is a person's affair.
func (w *world) knowable(r outbox.Request, o simulator.Order) bool {
	switch {
	case r.Settled != nil || w.older.Load():
		return false
	case w.lookups == simulator.LookupsHidden:
		return false // an order that the API does not know for long is turned down
	case w.hinted[o.UUID]:
		return w.lookups != simulator.LookupsShown || w.lag.References >= 0
	}
	hidden := func(s outbox.Submission) bool { return !s.Shown }
	return w.searchable() && !slices.ContainsFunc(r.Submissions, hidden) && len(r.Submissions) > 0
}
