package chaos_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"tillpost/api/simulator"
	"tillpost/outbox"
)

var endNames = []string{
	"order paid", "order declined", "order cancelled", "order rejected", "order expired", "order unresolved",
	"refund refunded", "refund declined", "refund cancelled", "refund rejected", "refund expired", "refund unresolved", "refund awaiting_approval",
	"approval submitted", "approval rejected", "approval expired", "approval unresolved",
	"cancel done", "cancel rejected", "cancel expired", "resend done", "resend rejected", "resend expired", "check done", "check rejected", "check expired",
	"resolution done", "resolution rejected", "resolution expired",
}

// records returns the outbox of the process that runs now; nil while none does.
func (w *world) records() map[string]outbox.Request {
	p := w.current.Load()
	if p == nil || p.dead.Load() || p.store == nil {
		return nil
	}
	all := map[string]outbox.Request{}
	err := p.store.Each(func(r outbox.Request) bool { all[r.ID] = r; return true })
	switch {
	case errors.Is(err, outbox.ErrClosed):
		return nil // it has just stopped
	case err != nil:
		w.fail("read the outbox: %v", err)
	}
	return all
}

// hasEnded: final, or waiting for a person at Front Payment, which may take days.
func hasEnded(r outbox.Request) bool {
	return r.State.Final() || r.State == outbox.StateAwaitingApproval
}

// mayStand reports whether nothing has to end a refund: the customer may wait for ever, and there is no evidence of it,
// since a person took it for one that was carried out, we may not read its order's books, or nothing was paid back that
// another refund of ours does not explain.
func (w *world) mayStand(r outbox.Request) bool {
	if w.customerTimeout > 0 || r.State != outbox.StateAwaitingRefund {
		return false
	}
	o, ok := w.sim.Order(r.OrderUUID)
	if !ok || w.lookups != simulator.LookupsShown || r.Refund == nil || r.Refund.Before == nil {
		return true // a person took one that never arrived for sent
	}
	done, undone := 0, 0
	for _, e := range o.Refunds {
		switch same := minorOf(e.Amount) == r.AmountMinor && e.At.After(w.sentAt[r.ID]); {
		case minorOf(e.Amount) == r.AmountMinor && !same && e.Status != simulator.RefundDone:
			undone++ // it was under way when ours was sent, and may be the one that is done
		case same && tagOf(string(e.Body)) == foreign && r.Attempts > 1:
			return true // it may have been there when ours was sent again
		case same && e.Status == simulator.RefundDone:
			done++
		case same:
			undone++
		}
	}
	for _, other := range w.records() {
		order := other.OrderUUID == r.OrderUUID || other.Target != "" && other.Target == r.Target
		switch same := other.ID != r.ID && order && (other.AmountMinor == r.AmountMinor || other.AmountMinor == 0); {
		case same && other.State == outbox.StateUnresolved:
			return true // the same may have been paid back for it; a person has to settle it
		case same && other.State == outbox.StateRefunded:
			done--
		case same && other.State == outbox.StateAwaitingRefund && (other.Refund == nil || other.Refund.Before == nil):
			return true // a person took one for sent that never was: which of the two is done nobody knows
		}
	}
	return done <= 0 || undone > 0 // of several nobody knows which one is ours
}

// unended lists what is still on its way.
func (w *world) unended() []string {
	records := w.records()
	if records == nil {
		return []string{"the process"}
	}
	var open []string
	for _, s := range w.allSent() {
		r, ok := records[s.id]
		if ok && !hasEnded(r) && !w.mayStand(r) || !ok && !w.wasRefused(s.id) && !w.isLost(s.id) {
			open = append(open, s.id)
		}
	}
	return open
}

func (w *world) wasRefused(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refused[id]
}

func (w *world) isLost(id string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost[id]
}

// mayBeLate reports whether some order of ours is paid and its request is not.
func (w *world) mayBeLate() bool {
	records := w.records()
	return slices.ContainsFunc(w.sim.Orders(), func(o simulator.Order) bool {
		r, ours := records[tagOf(string(o.Body))]
		back := slices.ContainsFunc(o.Refunds, func(e simulator.Refund) bool {
			refund, ours := records[tagOf(string(e.Body))]
			if tagOf(string(e.Body)) == "" { // all that was left
				refund, ours = w.fullRefund(records, o, minorOf(e.Amount))
			}
			return ours && e.Status == simulator.RefundDone && refund.State != outbox.StateRefunded
		})
		return ours && !o.PaidAt.IsZero() && r.State != outbox.StatePaid || back
	})
}

// fullRefund finds a refund of all that was left of an order, of an amount, whose status is not refunded.
func (w *world) fullRefund(records map[string]outbox.Request, o simulator.Order, ore int64) (outbox.Request, bool) {
	for _, r := range records {
		if r.Refund != nil && r.Refund.Full && r.OrderUUID == o.UUID && r.AmountMinor == ore && r.State != outbox.StateRefunded {
			return r, true
		}
	}
	return outbox.Request{}, false
}

// checkAll checks the promises against what is on disk, what was published, and the simulator's books.
func (w *world) checkAll() {
	records := w.records()
	if records == nil {
		w.fail("no process runs at the end")
		return
	}
	rejects := w.rejects()
	for _, s := range w.allSent() {
		r, ok := records[s.id]
		if !ok {
			if !rejects[s.id] && !w.lost[s.id] {
				w.fail("%s %s vanished: it is not on disk, and nobody was told why", s.kind, s.id)
			}
			continue
		}
		w.checkEnd(r)
	}
	for id, s := range w.seen {
		if _, ok := records[id]; !ok && s.accepted && !w.lost[id] {
			w.fail("%s was told %s, and is gone", id, s.State)
		}
	}
	w.checkOrder(records)
	w.checkOrders(records)
	w.checkRefunds(records)
	w.checkProblems()
}

// rejects returns the ids for which a refusal was published.
func (w *world) rejects() map[string]bool {
	all := map[string]bool{}
	for _, m := range w.broker.Log() {
		if m.Topic == "tillpost/rejects" {
			var r struct {
				RequestID string `json:"requestId"`
			}
			if err := json.Unmarshal(m.Payload, &r); err != nil {
				w.fail("a reject is not JSON: %v", err)
			}
			all[r.RequestID] = true
		}
	}
	return all
}

// checkEnd: every request ends in a state with a reason, and its till knows it.
func (w *world) checkEnd(r outbox.Request) {
	if w.mayStand(r) {
		return
	}
	if !hasEnded(r) {
		books := ""
		if o, ok := w.sim.Order(r.OrderUUID); ok {
			books = entriesOf(o)
		}
		w.fail("%s %s over %d øre never ends: it is %s, revision %d, waiting %+v; the order's refunds: %s", r.Kind, r.ID, r.AmountMinor, r.State, r.Revision, r.Waiting, books)
		return
	}
	if end := w.count.ends[fmt.Sprint(r.Kind, " ", r.State)]; end != nil {
		end.Add(1)
	}
	switch r.State {
	case outbox.StatePaid, outbox.StateRefunded, outbox.StateSubmitted, outbox.StateDone, outbox.StateAwaitingApproval:
	default:
		if r.Reason == nil || r.Reason.Code == "" {
			w.fail("%s %s ended %s without a reason", r.Kind, r.ID, r.State)
		}
	}
	for _, terminal := range r.Terminals() {
		s, ok := w.statusOf(terminal, r.ID)
		if !ok && w.clock.everWrong() {
			return // by a clock that was years ahead its time was over
		}
		if !ok || s.State != r.State.String() || s.Revision != r.Revision || s.Terminal != r.Terminal {
			w.fail("%s %s is %s at %s with revision %d, and at %s it is told %q at %s with revision %d", r.Kind, r.ID, r.State, r.Terminal, r.Revision, terminal, s.State, s.Terminal, s.Revision)
		}
	}
}

// checkOrder: creates of one terminal begin in the order in which they were accepted, or moved there. A second attempt keeps
// its place, wherever the others have come to.
func (w *world) checkOrder(records map[string]outbox.Request) {
	begun := map[string]bool{}
	last := map[string]outbox.Request{}
	for _, a := range w.arrivals {
		r, ok := records[a.tag]
		if a.op != simulator.OpCreate || !ok || begun[a.tag] {
			continue
		}
		begun[a.tag] = true
		if w.resubmits(records, a.tag) > 0 || w.older.Load() {
			continue // the first attempt may never have come this far
		}
		if before := last[r.Terminal]; before.Turn() > r.Turn() {
			w.fail("%s (number %d) reached the API after %s (number %d) of the same terminal", r.ID, r.Seq, before.ID, before.Seq)
		}
		last[r.Terminal] = r
	}
}

// resubmits returns how often a person had a request sent again, by this outbox or by a newer copy of it.
func (w *world) resubmits(records map[string]outbox.Request, id string) int {
	n := 0
	for _, s := range w.allSent() {
		if s.refers == id && s.outcome == "resubmit" && (records[s.id].State == outbox.StateDone || w.lost[s.id] || w.carriedOut[s.id]) {
			n++
		}
	}
	return n
}

// checkProblems: when all is well again, nothing is left of the agent's problems but what a person has to look at.
func (w *world) checkProblems() {
	raw, _ := w.broker.Retained("tillpost/agent")
	var s struct {
		State    string
		Problems []struct{ Code string }
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		w.fail("the agent's state is not JSON: %v", err)
	}
	for _, p := range s.Problems {
		if !slices.Contains([]string{"needsStaff", "unresolved", "latePayment", "furtherOrderPaid"}, p.Code) {
			w.fail("the agent still has the problem %s", p.Code)
		}
	}
	if want := map[bool]string{true: "degraded", false: "online"}[len(s.Problems) > 0]; s.State != want {
		w.fail("the agent is %q with %d problems", s.State, len(s.Problems))
	}
}

// checkFarewell: the last word of an ordered stop.
func (w *world) checkFarewell() {
	raw, _ := w.broker.Retained("tillpost/agent")
	var s struct{ State string }
	if err := json.Unmarshal(raw, &s); err != nil || s.State != "offline" {
		w.fail("the agent's last word is %s", raw)
	}
}
