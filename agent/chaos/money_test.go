package chaos_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tillpost/api/simulator"
	"tillpost/outbox"
)

func minorOf(o interface {
	Int64(int) (int64, int64, bool)
}) int64 {
	whole, frac, _ := o.Int64(2)
	return whole*100 + frac
}

// checkOrders: at most one order for a request, and every payment published or accounted for.
func (w *world) checkOrders(records map[string]outbox.Request) {
	exist := map[string]int{}
	for _, o := range w.sim.Orders() {
		tag := tagOf(string(o.Body))
		r, ours := records[tag]
		if !ours {
			if tag != foreign && !w.lost[tag] {
				w.fail("order %s exists for %q, of which no record is kept", o.UUID, tag)
			}
			continue
		}
		if !w.takenForAnother(records, r, o) {
			exist[tag]++
		}
		if o.Terminal != r.Terminal && !w.older.Load() {
			w.fail("order %s of %s is at %s, and the request at %s", o.UUID, tag, o.Terminal, r.Terminal)
		}
		if !o.PaidAt.IsZero() && !w.accounted(records, r, o) {
			named := map[bool]string{true: ", a callback named it"}[w.hinted[o.UUID]]
			w.fail("order %s of %s over %s is paid%s, and the request ended %s (order %s, settled %+v)", o.UUID, tag, o.Amount, named, r.State, r.OrderUUID, r.Settled)
		}
	}
	for id, n := range exist {
		if most := 1 + w.resubmits(records, id); n > most {
			w.fail("%d orders exist for %s, at most %d may", n, id, most)
		}
	}
	for _, r := range records {
		w.checkToldPaid(r)
	}
}

// accounted reports whether a payment is published, or belongs to a request whose status says that nobody knows.
func (w *world) accounted(records map[string]outbox.Request, r outbox.Request, o simulator.Order) bool {
	switch {
	case r.State == outbox.StatePaid && (r.OrderUUID == o.UUID || slices.Contains(r.FurtherPaid, o.UUID)):
		return true
	case w.takenForAnother(records, r, o):
		return true
	case r.State == outbox.StateUnresolved:
		return !w.knowable(r, o)
	}
	return r.Settled != nil // a person decided, right or wrong
}

// takenForAnother reports whether a person took an order for another request's, which has it now: it is no longer found for its
// own. While its references lag nothing shows whose it is.
func (w *world) takenForAnother(records map[string]outbox.Request, r outbox.Request, o simulator.Order) bool {
	return slices.ContainsFunc(w.allSent(), func(d sent) bool {
		other := records[d.refers]
		return d.outcome == "adopt" && other.Kind == outbox.KindOrder && other.ID != r.ID && other.OrderUUID == o.UUID && other.Settled != nil &&
			strings.Contains(d.payload, fmt.Sprintf(`"orderUuid":%q`, o.UUID))
	})
}

func (w *world) checkToldPaid(r outbox.Request) {
	if r.Kind != outbox.KindOrder || r.State != outbox.StatePaid {
		return
	}
	o, ok := w.sim.Order(r.OrderUUID)
	switch {
	case !ok || o.PaidAt.IsZero():
		w.fail("%s is paid by order %q, which is not", r.ID, r.OrderUUID)
	case minorOf(o.Amount) != r.AmountMinor && (w.lookups == simulator.LookupsShown || r.Settled == nil && !w.older.Load()):
		w.fail("%s over %d øre is paid by an order over %s", r.ID, r.AmountMinor, o.Amount)
	}
}

// wish is what is known of one refund or approval of ours, on both sides.
type wish struct {
	r       outbox.Request
	entries int // in the simulator's books
	done    int
}

// mayHave reports whether money may have gone back for a request by its status: nobody knows, or it is not over yet, or a
// person decided.
func (v wish) mayHave() bool {
	switch v.r.State {
	case outbox.StateRefunded, outbox.StateUnresolved, outbox.StateSubmitted, outbox.StateAwaitingApproval:
		return true
	}
	return v.r.Settled != nil
}

// checkRefunds compares, order by order, what went back at the simulator with what was published, to the øre. Refunds of
// the same amount can't be told apart by anyone, so each amount is counted as a whole where there are several.
func (w *world) checkRefunds(records map[string]outbox.Request) {
	for _, o := range w.sim.Orders() {
		wishes := map[string]*wish{}
		for _, r := range records {
			if (r.Kind == outbox.KindRefund || r.Kind == outbox.KindApproval) && r.OrderUUID == o.UUID {
				wishes[r.ID] = &wish{r: r}
			}
		}
		groups, explained := map[int64]*group{}, map[string]bool{}
		for _, e := range o.Refunds {
			ore := minorOf(e.Amount)
			tag := tagOf(string(e.Body))
			if tag == "" {
				tag = fullOf(wishes, ore)
				if lost := w.lostFull(o, e.At, wishes, tag, explained); lost != "" {
					tag, explained[lost] = lost, true
				}
			}
			g := groups[ore]
			if g == nil {
				g = &group{}
				groups[ore] = g
			}
			done := e.Status == simulator.RefundDone
			if v := wishes[tag]; v != nil {
				v.entries++
				if done {
					v.done++
					g.ours++
				}
			} else if tag == foreign {
				g.foreign = g.foreign || e.Status != simulator.RefundRejected
			} else if !w.lost[tag] && !w.older.Load() {
				w.fail("order %s has a refund over %s by %q, of which no record is kept", o.UUID, e.Amount, tag)
			}
			if done {
				g.done++
			}
			g.all++
		}
		w.checkWishes(records, o, wishes, groups)
	}
}

// group counts the refunds of one amount in an order's books.
type group struct {
	all, done, ours int
	foreign         bool // another till's is among them
}

// fullOf finds whose refund it is that bears no tag: one of all that is left, whose amount is computed by us.
func fullOf(wishes map[string]*wish, ore int64) string {
	best := ""
	for id, v := range wishes {
		if v.r.Refund != nil && v.r.Refund.Full && v.r.AmountMinor == ore && (best == "" || v.entries < wishes[best].entries) {
			best = id
		}
	}
	return best
}

// lostFull finds the refund of all that is left whose entry this is, where an older copy of the outbox has forgotten it: it was first on
// its way before the entry was made, and after the one that the copy knows, id, which nobody had sent again. Each explains one entry.
func (w *world) lostFull(o simulator.Order, made time.Time, wishes map[string]*wish, id string, explained map[string]bool) string {
	v := wishes[id]
	if v == nil || v.r.Settled != nil {
		return ""
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	known, wasSent := w.sentAt[id]
	for _, s := range w.tills.sent {
		at, ok := w.sentAt[s.id]
		if s.kind == "refunds" && s.refers == tagOf(string(o.Body)) && strings.Contains(s.payload, `"full":true`) && w.lost[s.id] && wishes[s.id] == nil &&
			!explained[s.id] && ok && !at.After(made) && (!wasSent || at.After(known)) {
			return s.id
		}
	}
	return ""
}

// untagged counts the other refunds of all that is left of an order of which an older copy of the outbox does not know that
// they were carried out, or over what amount: in the books they look the same as this one.
func (w *world) untagged(records map[string]outbox.Request, o simulator.Order, r outbox.Request) (n int) {
	if !w.older.Load() || r.Refund == nil || !r.Refund.Full {
		return 0
	}
	for _, s := range w.allSent() {
		other, known := records[s.id]
		if s.kind == "refunds" && s.id != r.ID && s.refers == tagOf(string(o.Body)) && strings.Contains(s.payload, `"full":true`) &&
			(w.lost[s.id] || !known || other.AmountMinor == 0) {
			n++
		}
	}
	return n
}

func (w *world) checkWishes(records map[string]outbox.Request, o simulator.Order, wishes map[string]*wish, groups map[int64]*group) {
	toldDone, mayBe := map[int64]int{}, map[int64]int{}
	for id, v := range wishes {
		if most := 1 + w.resubmits(records, id) + w.untagged(records, o, v.r); v.entries > most {
			w.fail("%d refunds exist for %s, at most %d may", v.entries, id, most)
		}
		ore := v.r.AmountMinor
		sameAmount := groups[ore] != nil && (groups[ore].all > 1 || groups[ore].foreign) || sameAmountFull(wishes, ore)
		if v.r.State == outbox.StateRefunded {
			toldDone[ore]++
		}
		if v.mayHave() || w.mayStand(v.r) {
			mayBe[ore] += 1 + w.resubmits(records, id)
		}
		switch {
		case sameAmount: // counted below
		case w.swapped(o, wishes, v): // the books show one of that amount, and one is told
		case v.r.State == outbox.StateRefunded && v.done == 0 && !settledOf(wishes, ore) && !w.statusOnly(o):
			w.fail("%s over %d øre of order %s is told refunded, and is not: %s", id, ore, o.UUID, entriesOf(o))
		case v.done > 0 && !v.mayHave() && !w.mayStand(v.r) && !w.statusLate(o):
			w.fail("%s over %d øre of order %s went back, and is told %s: %s", id, ore, o.UUID, v.r.State, entriesOf(o))
		}
	}
	for ore, g := range groups {
		if toldDone[ore] > g.done && !settledOne(wishes) && !w.statusOnly(o) {
			w.fail("%d refunds over %d øre of order %s are told, %d are done: %s", toldDone[ore], ore, o.UUID, g.done, entriesOf(o))
		}
		if g.ours > mayBe[ore]+w.takenForOurs(o, ore, wishes) {
			w.fail("%d refunds over %d øre of order %s are done, %d are told or not known: %s", g.ours, ore, o.UUID, mayBe[ore], entriesOf(o))
		}
	}
}

// swapped reports whether a refund and another one of ours of its amount were taken for each other: one was carried out, and was told
// turned down by the status of another till's, which was turned down before the books could show ours; the other one was sent, was
// never carried out, and was told done by the entry that is the first one's. The books say of no entry whose it is.
func (w *world) swapped(o simulator.Order, wishes map[string]*wish, v *wish) bool {
	for _, other := range wishes {
		if other.r.AmountMinor == v.r.AmountMinor && (w.deniedByAnothers(o, v) && toldByAnothers(other) || w.deniedByAnothers(o, other) && toldByAnothers(v)) {
			return true
		}
	}
	return false
}

// deniedByAnothers reports whether a refund went back and is told turned down, where another till's, begun since it was sent, was
// turned down, and no books that could be read by then showed ours.
func (w *world) deniedByAnothers(o simulator.Order, v *wish) bool {
	if v.done == 0 || v.r.State != outbox.StateDeclined && v.r.State != outbox.StateCancelled {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	sent, ended := w.sentAt[v.r.ID], w.endedAt[v.r.ID]
	unseen := slices.ContainsFunc(o.Refunds, func(e simulator.Refund) bool {
		return tagOf(string(e.Body)) != foreign && minorOf(e.Amount) == v.r.AmountMinor && e.At.Add(w.lag.History+booksAge).After(ended)
	})
	return unseen && slices.ContainsFunc(o.Refunds, func(e simulator.Refund) bool {
		return tagOf(string(e.Body)) == foreign && e.Status == simulator.RefundRejected && e.At.After(sent) && e.At.Before(ended)
	})
}

// toldByAnothers reports whether a refund is told done that was sent and of which the books hold nothing.
func toldByAnothers(v *wish) bool {
	return v.entries == 0 && v.r.State == outbox.StateRefunded && len(v.r.Submissions) > 0
}

// sameAmountFull reports whether several refunds asked for all that is left, of the same amount: the books don't say whose is whose.
func sameAmountFull(wishes map[string]*wish, ore int64) bool {
	n := 0
	for _, v := range wishes {
		if v.r.Refund != nil && v.r.Refund.Full && v.r.AmountMinor == ore {
			n++
		}
	}
	return n > 1
}

// foreignEnded reports whether another till's refund of the order ended so. The API has one refund status per order, that of
// the refund asked for last: what it says of one till's refund may be taken for the other's.
func foreignEnded(o simulator.Order, s simulator.RefundStatus) bool {
	return slices.ContainsFunc(o.Refunds, func(e simulator.Refund) bool { return e.Status == s && tagOf(string(e.Body)) == foreign })
}

// settledOf reports whether a person has decided on a refund of an amount: by a wrong decision on one, another may be taken for it.
func settledOf(wishes map[string]*wish, ore int64) bool {
	for _, v := range wishes {
		if v.r.Settled != nil && (v.r.AmountMinor == ore || v.r.AmountMinor == 0) {
			return true
		}
	}
	return false
}

func settledOne(wishes map[string]*wish) bool {
	for _, v := range wishes {
		if v.r.Settled != nil {
			return true
		}
	}
	return false
}

func entriesOf(o simulator.Order) string {
	text := ""
	for _, e := range o.Refunds {
		text += fmt.Sprintf("[%s %s %s by %q]", e.Amount, e.Kind, e.Status, tagOf(string(e.Body)))
	}
	return text
}
