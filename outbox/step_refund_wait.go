package outbox

import "time"

// refundPoll paces an approval: it takes a person at Front Payment, who may be at it already.
func (m *move) refundPoll() time.Duration {
	switch {
	case m.r.State != StateAwaitingApproval, m.age() < approvalAtOnce:
		return m.pollAfter()
	case m.age() < approvalFast:
		return time.Minute
	}
	return approvalPoll
}

func (m *move) refundAwaiting() {
	approval := m.r.State == StateAwaitingApproval
	switch m.e.Type {
	case StatusSeen:
		m.refundStatus()
	case BooksSeen:
		m.refundBooks()
	case CustomerTimeout:
		if approval {
			m.ignore(ignoredStale)
			return
		}
		m.r.CancelReason = CodeCustomerTimeout
		m.cancelAtAPI()
	case CancelWanted:
		if approval {
			m.ignore(ignoredStale) // nothing at the API takes it back
			return
		}
		m.noteCancel()
		m.cancelAtAPI()
	case DoubtTimeout:
		if !approval || m.e.Timer != TimerDoubtHold {
			m.ignore(ignoredStale)
			return
		}
		m.unresolved()
	case CallbackSeen:
		m.query()
	case CheckWanted:
		m.do(Effect{Type: Publish})
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

// refundStatus takes what the API says of the order's refund. It does not say which: an end that also stood before ours
// began, or that another one of the order may have brought, is looked up in the books.
func (m *move) refundStatus() {
	s, l := m.e.Status, m.e.Ledger
	about := m.e.OrderUUID == "" || m.e.OrderUUID == m.r.OrderUUID
	if s != StatusRefunded && s != StatusRefundDenied || !about {
		m.wake(TimerPoll, m.refundPoll())
		return
	}
	b := m.r.Refund.Before
	changed := b != nil && b.StatusRead && b.Status != s
	others := s == StatusRefunded && l.MayRefund || s == StatusRefundDenied && l.MayDeny
	switch {
	case others || !changed && !m.e.Confirmed:
		m.seek()
	case s == StatusRefunded:
		m.end(StateRefunded, nil)
	case paidBackSince(m.r.Refund.Before, m.e.Books):
		m.unresolved() // one of the order was turned down, and one was carried out: nobody can tell which is ours
	default:
		m.refundDenied()
	}
}

func (m *move) refundDenied() {
	if m.r.State == StateCancelling {
		m.end(StateCancelled, m.cancelReason())
		return
	}
	m.end(StateDeclined, m.reasonOr(CodeDeclined, "the refund was turned down"))
}

// refundBooks ends a refund that the books show as done.
func (m *move) refundBooks() {
	if m.bookEvidence() == bookDone {
		m.end(StateRefunded, nil)
		return
	}
	m.wake(TimerPoll, m.retryAfter(m.refundPoll()))
}

func (m *move) refundCancelling() {
	switch m.e.Type {
	case StatusSeen:
		m.refundStatus()
	case BooksSeen:
		m.refundBooks()
	case Done:
		m.query()
		m.wake(TimerCancel, cancelAgain)
	case Refused:
		m.query()
		m.wake(TimerCancel, m.retryAfter(searchAgain))
	case Busy, Unavailable, RateLimited, Unauthorized, Ambiguous, NotFound:
		m.cancelLater()
	case DoubtTimeout:
		if m.e.Timer != TimerDoubtHold {
			m.ignore(ignoredStale)
			return
		}
		m.unresolved()
	case CancelWanted:
		m.wishCancel()
	case CallbackSeen:
		m.query()
	case CheckWanted:
		m.do(Effect{Type: Publish})
		m.query()
	case Restarted:
		m.do(Effect{Type: SendCancel, OrderUUID: m.r.OrderUUID})
		m.wakeAnswering(TimerDoubtHold, m.e.Policy.DoubtHold)
	default:
		m.ignore(ignoredPair)
	}
}

// refundEnded: a refund that ended does not change but by a person's word on what stayed unresolved, or by the books.
func (m *move) refundEnded() {
	unresolved := m.r.State == StateUnresolved
	switch m.e.Type {
	case Resolved:
		if !unresolved {
			m.ignore(CodeNotInDoubt)
			return
		}
		m.resolveRefund()
	case CheckWanted:
		m.do(Effect{Type: Publish})
		if unresolved {
			m.seek()
		}
	case CallbackSeen:
		if !unresolved {
			m.ignore(ignoredStale)
			return
		}
		m.seek()
	case BooksSeen:
		if !unresolved || m.bookEvidence() != bookDone || !m.foundInBooks() {
			m.ignore(ignoredStale)
		}
	case Restarted:
	default:
		m.ignore(ignoredStale)
	}
}
