package outbox

import "time"

// waitForOtherRefund holds a refund while another one of the same order is under way, and rejects it while one is in
// doubt. The other one is at another terminal, whose trouble must not keep this lane waiting: so this one is parked.
// One that was answered "busy" keeps its place in the lane, as its statement is read again and again.
func (m *transition) waitForOtherRefund() bool {
	l := m.e.Ledger
	switch {
	case l.Doubtful:
		m.end(StateRejected, &Reason{Code: CodeRefundOpen, Message: "another refund of this order may or may not have been carried out; settle that one first"})
	case l.UnderWay:
		m.waitBehindRefund(searchRetry)
	default:
		return false
	}
	return true
}

// waitBehindRefund waits for another refund of the order: parked, unless a busy answer has it keep its place.
func (m *transition) waitBehindRefund(wait time.Duration) {
	if w := m.r.Waiting; w == nil || w.Code != WaitBehind {
		m.r.Waiting = m.waiting(WaitBehind, 0)
		m.r.Parked = m.r.Busy == 0
		m.changed()
	}
	m.wake(TimerRetry, wait)
}

// sameAmountShown reports whether the statement shows what another refund of the same amount has paid back, as it does
// once it was read long enough after that. Otherwise this one waits: the other one, shown later, would be taken for it.
func (m *transition) sameAmountShown() bool {
	b, l := m.e.Statement, m.e.Ledger
	if b.NotOurs || l.SameAmountEnded == (Instant{}) || b.Seen.After(l.SameAmountEnded, m.statementLag()) || b.Seen.After(l.SameAmountEnded, 0) && b.refunded() >= l.done() {
		return true
	}
	m.waitBehindRefund(min(max(m.statementLag()-m.e.At.passed(l.SameAmountEnded), 0), statementRetry))
	return false
}

// statementRetry is how soon a statement is read again that could not be.
const statementRetry = 2 * time.Second

// waitForStatement reads a statement again that could not be read; parked, the refund keeps no lane waiting.
func (m *transition) waitForStatement() {
	if w := m.r.Waiting; !m.r.Parked || w == nil || w.Code != WaitAPIError {
		m.r.Parked = true
		m.r.Waiting = m.waiting(WaitAPIError, statementRetry)
		m.changed()
	}
	m.wake(TimerRetry, m.retryAfter(statementRetry))
}

// waitForOrder parks a refund until the order that it pays back has ended, and rejects it where nothing was paid. It
// returns true where the refund does not go on now.
func (m *transition) waitForOrder() bool {
	o := m.e.Ledger.Order
	switch {
	case o == nil && m.r.OrderUUID != "":
		return false // not one of ours
	case o == nil:
		m.end(StateRejected, &Reason{Code: CodeUnknownTarget, Message: "no order of that requestId is on record any more; name the order by its orderUuid"})
	case o.State == StatePaid && o.OrderUUID != "":
		m.r.OrderUUID = o.OrderUUID
		return false
	case o.State.Final():
		m.end(StateRejected, &Reason{Code: CodeOrderNotPaid, Message: "the order to pay back ended " + o.State.String()})
	case !m.r.Parked:
		m.r.Parked = true
		m.r.Waiting = m.waiting(WaitForOrder, 0)
		m.changed()
	}
	return true
}

// unpark brings a refund back to its lane once its order has ended, or its record is gone; false if it does not.
func (m *transition) unpark() bool {
	o := m.e.Ledger.Order
	if !m.r.Parked || m.e.Type == TargetSeen && m.r.Waiting != nil && m.r.Waiting.Code != WaitForOrder || o != nil && !o.State.Final() || m.e.Type == TargetSeen && !m.e.Target.Final() {
		return false
	}
	m.backInLane()
	return true
}

func (m *transition) backInLane() {
	m.r.Parked = false
	m.r.Waiting = nil
	m.changed()
	m.wake(TimerRetry, 0)
}
