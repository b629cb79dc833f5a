package outbox

import (
	"slices"
	"time"
)

// historyCap is how many journal entries a record keeps; entries from the middle are dropped first.
const historyCap = 32

// Step is the state machine: what a request becomes by an event, and what is then to be done. It is total and pure. If
// nothing durable changes, the request comes back with the same Revision and need not be written.
func Step(r Request, e Event) (Request, []Effect) {
	m := &transition{r: r.Clone(), e: e}
	switch k := r.Kind; {
	case k == KindOrder && aboutUnknownOrder(r, e):
		m.ignore(ignoredStale)
	case e.Type == Resolved && r.State != StateInDoubt && r.State != StateUnresolved && !r.Alarmed:
		m.ignore(CodeNotInDoubt)
	case k == KindOrder: // the others name an order, and own none
		m.e.Type = foundOrStatus(r, e)
		m.order()
	case k == KindRefund, k == KindApproval:
		m.refund()
	case k == KindCancel, k == KindResend, k == KindCheck, k == KindResolution:
		m.control()
	default:
		m.ignore(ignoredKind)
	}
	m.pursueHints(r)
	return m.r, m.fx
}

// aboutUnknownOrder reports whether an event brings the status of an order that is not known to be ours. One that a
// callback named is judged by its details, not by its status alone; one that we held meanwhile may be another till's.
func aboutUnknownOrder(r Request, e Event) bool {
	return e.Type == StatusSeen && e.OrderUUID != "" && e.OrderUUID != r.OrderUUID && !slices.Contains(r.Further, e.OrderUUID)
}

// foundOrStatus returns Found for an order that is new to the request, and StatusSeen for the one that it holds.
func foundOrStatus(r Request, e Event) EventType {
	own := e.OrderUUID == r.OrderUUID
	switch {
	case e.OrderUUID == "":
	case e.Type == StatusSeen && !own:
		// A further order of the request: this is never the status of its own order.
		return Found
	case e.Type == Found && own:
		// It is the order that the request holds already: only its status is new.
		return StatusSeen
	}
	return e.Type
}

// NewRequest starts a request: queued, with revision 1. The Store sets Seq. r carries ID, Kind,
// Terminal, Digest, Body, AmountMinor, Currency, PublishedAt and TTL, and what its kind asks for; at is the moment of acceptance.
func NewRequest(r Request, at Instant) Request {
	m := &transition{r: r.Clone(), e: Event{Type: added, At: at}}
	m.r.Accepted, m.r.TTLFrom = at, at
	if m.r.Refund == nil && (r.Kind == KindRefund || r.Kind == KindApproval) {
		m.r.Refund = &Refund{}
	}
	m.enter(StateQueued, nil, nil)
	return m.r
}

// AfterRestore is what an open request becomes when it is read from an older copy of the outbox: nobody knows what
// happened to it since, so it is in doubt, queued or not. A control request (cancel, resend, check,
// resolution) may have been carried out, and ends rejected: the till can ask again. A final one stays as it is.
func AfterRestore(r Request, at Instant) Request {
	if r.State.Final() {
		return r
	}
	m := &transition{r: r.Clone(), e: Event{Type: Restarted, At: at}}
	m.r.Parked, m.r.RefusedBusy = false, false // the refusal is not the last that happened, as far as anybody knows
	if r.Kind.Laned() {
		m.enter(StateInDoubt, m.waiting(WaitChecking, 0), nil)
	} else {
		m.enter(StateRejected, nil, &Reason{Code: WaitRolledBack, Message: "the outbox was restored from an older copy; whether this was carried out is unknown, ask again"})
	}
	m.r.History[len(m.r.History)-1].Event = "Restored"
	return m.r
}

// transition is one Step under way.
type transition struct {
	r  Request
	e  Event
	fx []Effect
}

// enter is the one place where State changes.
func (m *transition) enter(s State, wait *Waiting, why *Reason) {
	r := &m.r
	r.State, r.Entered = s, m.e.At
	r.Parked = false
	r.Waiting, r.Reason = wait, why
	if s.Final() {
		if r.Finished == nil {
			at := m.e.At
			r.Finished = &at
		}
		if s != StateUnresolved {
			r.Body = nil
		}
	} else {
		r.Finished = nil
	}
	m.changed()
}

// changed records a durable change and asks for its publication.
func (m *transition) changed() {
	r := &m.r
	r.Revision++
	code := ""
	switch {
	case r.Reason != nil:
		code = r.Reason.Code
	case r.Waiting != nil:
		code = r.Waiting.Code
	}
	r.History = append(r.History, Entry{Revision: r.Revision, At: m.e.At, State: r.State, Event: m.e.Type.String(), Code: code, By: m.e.By, To: m.e.To})
	if len(r.History) > historyCap {
		r.History = slices.Delete(r.History, historyCap/2, historyCap/2+1)
		r.Folded++
	}
	m.emit(Effect{Type: Publish})
}

func (m *transition) emit(fx ...Effect) { m.fx = append(m.fx, fx...) }

func (m *transition) ignore(why string) { m.emit(Effect{Type: Ignored, Code: why}) }

// wake sets a timer.
func (m *transition) wake(t Timer, after time.Duration) {
	m.emit(Effect{Type: WakeAt, Timer: t, After: max(after, 0)})
}

// wakeAnswering sets a timer that runs only while the API answers.
func (m *transition) wakeAnswering(t Timer, after time.Duration) {
	m.emit(Effect{Type: WakeAt, Timer: t, After: max(after, 0), Answering: true})
}

// waiting says why the request does not move, and for how long at most; 0 where that is not known.
func (m *transition) waiting(code string, next time.Duration) *Waiting {
	w := &Waiting{Code: code, Since: m.e.At, Attempts: m.r.Attempts}
	if next > 0 {
		w.Next = m.e.At.Add(next)
	}
	return w
}

// query asks the API for the status of the request's own order.
func (m *transition) query() { m.emit(Effect{Type: Query, OrderUUID: m.r.OrderUUID}) }

// published reports whether this step has made a durable change, which is published.
func (m *transition) published() bool {
	return slices.ContainsFunc(m.fx, func(f Effect) bool { return f.Type == Publish && f.Waiting == nil })
}
