package outbox

import (
	"slices"
	"time"
)

const (
	approvalAtOnce = time.Minute      // how long an approval is asked after like a refund
	approvalFast   = 10 * time.Minute // and then every minute
	approvalPoll   = 5 * time.Minute
	approvalHold   = 45 * 24 * time.Hour
)

// refundPoll paces status calls: an approval takes a person at Front Payment, who may be at it already.
func (m *transition) refundPoll() time.Duration {
	switch {
	case m.r.State != StateAwaitingApproval, m.age() < approvalAtOnce:
		return m.pollAfter()
	case m.age() < approvalFast:
		return time.Minute
	}
	return approvalPoll
}

func (m *transition) refundAwaiting() {
	approval := m.r.State == StateAwaitingApproval
	calledOff := m.e.Type == CustomerTimeout || m.e.Type == CancelWanted
	if calledOff && approval || m.e.Type == DoubtTimeout && (!approval || m.e.Timer != TimerDoubtHold) {
		m.ignore(ignoredStale) // nothing at the API takes an approval back
		return
	}
	switch m.e.Type {
	case StatementSeen:
		m.judgeStatement()
	case CustomerTimeout:
		m.r.CancelReason = CodeCustomerTimeout
		m.cancelAtAPI()
	case CancelWanted:
		m.noteCancel()
		m.cancelAtAPI()
	case DoubtTimeout:
		m.unresolved()
	case CallbackSeen:
		m.query()
	case CheckWanted:
		m.emit(Effect{Type: Publish})
		m.query()
	case Restarted:
		m.query()
		if approval {
			m.wakeAnswering(TimerDoubtHold, approvalHold-m.age())
		} else {
			m.customerTimer()
		}
	case Busy, Unavailable, RateLimited, Unauthorized, Ambiguous, Refused, NotFound, Done:
		m.wake(TimerPoll, m.retryAfter(m.refundPoll()))
	default:
		m.ignore(ignoredPair)
	}
}

// judgeStatement ends a refund by its order's statement. The refund status is the order's, and does not say which
// refund: where the payment history can be read it alone decides what was carried out. A final status that also stood
// there before ours began proves nothing until something else was seen.
func (m *transition) judgeStatement() {
	b, l := m.e.Statement, m.e.Ledger
	moved := m.noteMoved()
	told := b.StatusRead && (b.Readable || b.NotOurs) && m.statusMoved()
	denied := told && b.Status == StatusRefundDenied && !l.MayDeny
	switch {
	case m.changeShown() == changeDone, told && b.Status == StatusRefunded && b.NotOurs && !l.MayRefund:
		m.end(StateRefunded, nil)
	case denied && paidBackSince(m.r.Refund.Before, b, m.r.AmountMinor, l.Denied) > 0:
		m.unresolved() // one was turned down, and one of this amount carried out: nobody knows which is ours
	case denied && m.deniedTooSoon():
		if m.r.Refund.DeniedAt == (Instant{}) { // REJECTED is seen for the first time
			m.r.Refund.DeniedAt, moved = m.e.At, true
		}
		m.wake(TimerPoll, m.retryAfter(m.refundPoll()))
	case denied && m.r.State == StateCancelling:
		m.end(StateCancelled, m.cancelReason())
	case denied:
		m.end(StateDeclined, m.reasonOr(CodeDeclined, "the refund was turned down"))
	default:
		m.wake(TimerPoll, m.retryAfter(m.refundPoll()))
	}
	if moved && !m.published() {
		m.changed()
	}
}

// deniedTooSoon reports whether REJECTED, the order's refund status, may be about another refund, while this one was
// carried out and the statement lags: it shows one of somebody else that is not done. Then this one waits for a
// statement that was read long enough after REJECTED was first seen, and does not show it done either.
func (m *transition) deniedTooSoon() bool {
	at := m.r.Refund.DeniedAt
	return m.otherUndone() && (at == (Instant{}) || !m.e.Statement.Seen.After(at, m.statementLag()))
}

// otherUndone reports whether the statement shows another refund that is not done: new since the submission, or under way then.
func (m *transition) otherUndone() bool {
	before := m.r.Refund.Before
	if before == nil || !before.Readable || !m.e.Statement.Readable {
		return false
	}
	c := compareEntries(*before, m.e.Statement, m.e.Ledger.Denied)
	c.explain(m.e.Ledger.Denied)
	if (before.Status == StatusRefundPending || !before.StatusRead) && !before.noneUnderWay(m.e.Ledger.Denied) && slices.ContainsFunc(c.kept, undone) {
		return true
	}
	_, ours := without(slices.Clone(c.fresh), StatementEntry{Minor: m.r.AmountMinor})
	n := 0
	for _, e := range c.fresh {
		if undone(e) {
			n++
		}
	}
	return n > 1 || n == 1 && !ours
}

func undone(e StatementEntry) bool { return !e.Done }

// statusMoved reports whether the order's refund status is another one than before the submission, or was meanwhile.
// REJECTED may have stood there before we had ours called off.
func (m *transition) statusMoved() bool {
	before := m.r.Refund.Before
	return m.r.Refund.Moved || m.r.Refund.CalledOff && m.e.Statement.Status == StatusRefundDenied || before != nil && before.StatusRead && before.Status != m.e.Statement.Status
}

// noteMoved records that the refund status, which may have been final before, is under way; true if that is new.
func (m *transition) noteMoved() bool {
	b, before := m.e.Statement, m.r.Refund.Before
	if m.r.Refund.Moved || !b.StatusRead || b.Status != StatusRefundPending {
		return false
	}
	m.r.Refund.Moved = before == nil || !before.StatusRead || before.Status == StatusRefunded || before.Status == StatusRefundDenied
	return m.r.Refund.Moved
}

func (m *transition) refundCancelling() {
	switch m.e.Type {
	case StatementSeen:
		m.judgeStatement()
	case Done:
		if !m.r.Refund.CalledOff {
			m.r.Refund.CalledOff = true
			m.changed()
		}
		m.cancellingCommon()
	case Refused:
		m.query()
		m.wake(TimerCancel, m.retryAfter(searchRetry))
	case CallbackSeen:
		m.query()
	default:
		m.cancellingCommon()
	}
}
