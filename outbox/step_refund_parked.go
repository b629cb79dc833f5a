package outbox

import "time"

// waitForOtherRefund holds a refund beside one of the same order that is under way, and refuses one beside a doubtful one. The
// other one is at another terminal, whose trouble must not keep this one's queue: so it waits beside its lane. What was
// answered "busy" keeps its place, as its books are read again and again.
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

// waitBehindRefund has a refund wait for another one of the same order, beside its lane unless it has its place there.
func (m *transition) waitBehindRefund(wait time.Duration) {
	if w := m.r.Waiting; w == nil || w.Code != WaitBehind {
		m.r.Waiting = m.waiting(WaitBehind, 0)
		m.r.Parked = m.r.Busy == 0
		m.changed()
	}
	m.wake(TimerRetry, wait)
}

// sameAmountShown reports whether the books show what another refund of the same amount has paid back, as they do once they were read
// as long after it as they lag. Else they would show it later as if it were this one; so it waits beside its lane.
func (m *transition) sameAmountShown() bool {
	b, l := m.e.Statement, m.e.Ledger
	if b.NotOurs || l.SameAmountEnded == (Instant{}) || b.Seen.After(l.SameAmountEnded, m.statementLag()) || b.Seen.After(l.SameAmountEnded, 0) && b.refunded() >= l.done() {
		return true
	}
	m.waitBehindRefund(min(max(m.statementLag()-m.e.At.passed(l.SameAmountEnded), 0), statementRetry))
	return false
}

// statementRetry is how soon books are read again that could not be.
const statementRetry = 2 * time.Second

// waitForStatement keeps a refund whose order's books can't be read beside its lane, so that it does not keep the others
// waiting, and looks again.
func (m *transition) waitForStatement() {
	if w := m.r.Waiting; !m.r.Parked || w == nil || w.Code != WaitAPIError {
		m.r.Parked = true
		m.r.Waiting = m.waiting(WaitAPIError, statementRetry)
		m.changed()
	}
	m.wake(TimerRetry, m.retryAfter(statementRetry))
}

// waitForOrder holds a refund until the order that it pays back has ended; one in another lane is waited for beside the
// lane. True: it does not go on now.
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

// unpark brings a refund back to its lane once its order has ended, or its record is gone; false if there is nothing to
// bring back.
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
