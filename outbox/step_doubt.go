package outbox

import (
	"cmp"
	"time"
)

// doubt enters the state of everything that may or may not exist at the API.
func (m *transition) doubt(why *Reason) {
	m.enter(StateInDoubt, m.waiting(WaitChecking, 0), why)
	m.investigate()
}

// investigate looks for evidence, and sets how long before staff is called, and before the doubt is given up.
func (m *transition) investigate() {
	m.lookUp()
	if m.r.Waiting == nil || m.r.Waiting.Code != WaitNeedsStaff {
		m.wakeAnswering(TimerDoubtCheck, m.e.Policy.DoubtCheck)
	}
	m.wakeAnswering(TimerDoubtHold, m.e.Policy.DoubtHold)
}

// lookUp asks for evidence: the status of the order, if one is held, else whatever bears our marks, or the statement.
func (m *transition) lookUp() {
	if m.r.Kind == KindOrder && m.r.OrderUUID != "" {
		m.query()
		return
	}
	m.emit(Effect{Type: Search, Mark: m.r.Mark()})
}

func (m *transition) lookUpLater(after time.Duration) {
	if m.r.OrderUUID != "" {
		m.wake(TimerPoll, after)
		return
	}
	m.wake(TimerSearch, after)
}

func (m *transition) orderInDoubt() {
	switch m.e.Type {
	case Found, Accepted:
		m.adopt()
	case StatusSeen:
		// Only a request from a restored copy of the outbox holds an order and is in doubt.
		if !m.endByStatus() {
			m.adopt()
		}
	case Unavailable:
		// The lost reply itself made the API seem out of reach: search as soon as it is tried again.
		m.lookUpLater(cmp.Or(m.e.RetryAfter, searchRetry))
	case NotFound:
		if m.r.RefusedBusy && m.refusalStands() {
			m.end(StateRejected, m.r.Reason)
			return
		}
		m.lookUpLater(m.retryDelay())
	case RateLimited, Unauthorized, Ambiguous, Refused:
		m.lookUpLater(m.retryDelay())
	default:
		m.doubtCommon()
	}
}

// doubtCommon handles the events that mean the same to everything in doubt, whatever its kind.
func (m *transition) doubtCommon() {
	switch m.e.Type {
	case CancelWanted:
		m.deferCancel()
	case DoubtTimeout:
		m.doubtTimeout()
	case CheckWanted:
		m.emit(Effect{Type: Publish})
		m.lookUp()
	case Restarted:
		m.investigate()
	case Resolved:
		m.resolve()
	default:
		m.ignore(ignoredPair)
	}
}

// refusalStands reports whether a search confirms that an order, refused after a busy answer, was never created.
func (m *transition) refusalStands() bool {
	if len(m.r.Hints) > 0 || !m.searched(m.r.Entered) {
		return false
	}
	return m.e.Search == SearchClear || m.e.Policy.BusyMeans == BusyNotCreated
}

func (m *transition) doubtTimeout() {
	if m.e.Timer == TimerDoubtCheck {
		if m.r.Waiting != nil && m.r.Waiting.Code == WaitNeedsStaff {
			return
		}
		m.r.Waiting = m.waiting(WaitNeedsStaff, 0)
		m.changed()
		m.emit(Effect{Type: Alarm, Code: AlarmNeedsStaff})
		return
	}
	m.unresolved()
}

// unresolved ends a doubt without an answer, and calls a person.
func (m *transition) unresolved() {
	m.end(StateUnresolved, &Reason{Code: CodeDoubtUnresolved, Message: "nobody could tell whether it was carried out at the API; look it up there, then adopt, resubmit or abandon it"})
	m.emit(Effect{Type: Alarm, Code: AlarmUnresolved})
}

// resolve carries out a person's decision on a request in doubt or unresolved.
func (m *transition) resolve() {
	if m.staleResolution() {
		return
	}
	order := m.r.Kind == KindOrder
	switch e := m.e.Resolution; {
	case e == Adopt && !order:
		m.adoptRefund()
	case e == Adopt && m.e.OrderUUID == "":
		m.ignore(ignoredStale)
	case e == Adopt:
		m.noteSettlement()
		m.adoptNamed()
	case e == Resubmit:
		if order || !m.foundInStatement() { // what the statement shows is not sent again, whatever the person knew
			m.resubmit()
		}
	case e == Abandon:
		m.noteSettlement()
		state := StateRejected
		if order {
			state = StateCancelled
		}
		m.end(state, &Reason{Code: CodeAbandoned, Message: "given up by a person; nothing was sent again"})
	default:
		m.ignore(ignoredPair)
	}
}

// adoptNamed takes the order that a person named. An unresolved request holds no lane, and needs none if its order has
// ended; that order was not found late, but by the person.
func (m *transition) adoptNamed() {
	if m.r.State != StateUnresolved || m.e.Status == StatusPending {
		m.adopt()
		return
	}
	m.holdOrder(m.e.OrderUUID)
	m.notBusy()
	m.r.Finished = nil
	if !m.endByStatus() {
		m.adopt()
	}
}

// staleResolution refuses a decision that was made on another revision, or carried out before.
func (m *transition) staleResolution() bool {
	switch {
	case m.r.Settled != nil && m.r.Settled.ID == m.e.Source && m.e.Source != "":
		m.ignore(ignoredStale)
	case m.e.Revision != 0 && m.e.Revision != m.r.Revision:
		m.ignore(CodeStaleRevision)
	default:
		return false
	}
	return true
}

// lookedUpAgain reports whether the event brings a fresh search, or statement, that showed nothing.
func (m *transition) lookedUpAgain() bool {
	seen := m.e.Seen
	if m.r.Kind != KindOrder {
		seen = m.e.Statement.Seen
	}
	return m.e.Search != SearchNone && seen.Fresh(m.e.At)
}

// resubmit is the one way from doubt to a second submission: a person chose it, doubt_check has passed since the last
// byte, and a new search found nothing or was not allowed. An order that we know of is not resubmitted: it exists.
func (m *transition) resubmit() {
	r := &m.r
	sent := r.Entered // of the doubt: no byte left after it
	if n := len(r.Submissions); n > 0 && r.State == StateUnresolved {
		sent = r.Submissions[n-1].At
	}
	since, ok := m.e.At.Since(sent)
	switch {
	case r.CancelWanted:
		m.ignore(CodeCancelWanted)
		return
	case r.Kind == KindOrder && r.OrderUUID != "":
		m.ignore(CodeNotInDoubt)
		return
	case !m.lookedUpAgain() || ok && since < m.e.Policy.DoubtCheck:
		m.ignore(IgnoredEarly)
		return
	case len(r.Hints) > 0:
		m.ignore(IgnoredHint)
		return
	case len(r.Body) == 0 && (r.Refund == nil || !r.Refund.Full): // what asks for all that is left has none
		m.ignore(ignoredStale)
		return
	}
	m.noteSettlement()
	if r.Refund != nil {
		r.Refund.Doubted = true
	}
	m.notBusy()
	r.Fresh, r.CancelReason = true, ""
	r.TTLFrom, r.PublishedAt = m.e.At, 0
	m.enter(StateQueued, nil, nil)
	m.wake(TimerRetry, 0)
	m.wake(TimerExpire, r.TTL)
}

// noteSettlement records who decided what.
func (m *transition) noteSettlement() {
	m.r.Settled = &Settlement{ID: m.e.Source, Resolution: m.e.Resolution, By: m.e.By, At: m.e.At}
}
