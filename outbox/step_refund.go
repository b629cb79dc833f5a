package outbox

import "cmp"

// refund runs the life of a refund or approval: queued, sending, on the terminal or with an approver, ended; or in doubt.
func (m *transition) refund() {
	switch s := m.r.State; {
	case m.r.Refund == nil:
		m.ignore(ignoredKind)
	case m.r.Kind == KindApproval && m.e.Type == CancelWanted:
		m.ignore(ignoredPair) // nothing takes an approval back
	case s == StateQueued:
		m.refundQueued()
	case s == StateSending:
		m.refundSending()
	case s == StateInDoubt:
		m.refundInDoubt()
	case s == StateAwaitingRefund, s == StateAwaitingApproval:
		m.refundAwaiting()
	case s == StateCancelling:
		m.refundCancelling()
	default:
		m.refundEnded()
	}
}

func (m *transition) refundQueued() {
	switch m.e.Type {
	case Due:
		m.refundDue()
	case CancelWanted:
		m.cancelQueued()
	case TargetSeen:
		if !m.unpark() {
			m.ignore(ignoredStale)
		}
	case Refused:
		if m.r.Busy > 0 && !m.unchangedSince(m.r.LastBusy()) {
			m.doubt(nil) // it may have been carried out before it became impossible
			return
		}
		m.queuedCommon()
	case StatementSeen:
		if b := m.e.Statement; !b.Readable && !b.NotOurs {
			m.waitForStatement()
			return
		}
		m.wake(TimerRetry, retryAfterAnswer(m.e.Statement.Seen)) // the next Due brings what was read
	case NotFound:
		m.wake(TimerRetry, m.retryAfter(searchRetry))
	case Ambiguous:
		m.waitForStatement()
	case Restarted:
		// The order may have ended just before the process did.
		m.queuedCommon()
		if m.r.State == StateQueued {
			m.unpark()
		}
	default:
		m.queuedCommon()
	}
}

// refundDue takes a turn, and commits the uuid of the order that is paid back if that was just learnt.
func (m *transition) refundDue() {
	uuid := m.r.OrderUUID
	m.refundTurn()
	if m.r.OrderUUID != uuid && !m.published() {
		m.changed()
	}
}

// refundTurn checks the refund against everything known of its order, and starts an attempt if it fits.
func (m *transition) refundTurn() {
	if m.expireIfDue() || m.waitForClock() || m.waitForOrder() {
		return
	}
	held := func() bool { return m.cancelledWaiting() || m.waitForOtherRefund() }
	if m.r.Busy > 0 {
		if !m.refundMayRepeat() || held() {
			return
		}
	} else if held() || !m.statementAtHand() {
		return
	}
	if m.r.Parked { // it needs its turn in the lane first
		m.backInLane()
		return
	}
	if !m.fixAmount() {
		return
	}
	r := &m.r
	fresh := m.attempt(Submission{Mark: m.e.Mark})
	if fresh || r.Busy == 0 || r.Refund.Before == nil || m.e.Statement.Readable {
		// A repeat after a busy answer keeps the better evidence.
		r.Refund.Before = m.e.Statement.forRecord()
	}
	m.enter(StateSending, nil, nil)
	m.emit(Effect{Type: Submit, OrderUUID: r.OrderUUID, Mark: r.Mark()})
}

// notSent drops the statement that was stored for an attempt which certainly was not carried out, where no other one
// was made: what a later statement shows beyond it is not ours.
func (m *transition) notSent() {
	r := &m.r
	if r.Refund != nil && r.Busy == 0 && !r.Repeated && !r.Refund.Doubted && len(r.Submissions) == 1 {
		r.Refund.Before = nil
	}
}

// cancelledWaiting ends a refund whose cancel is wanted, before anything of it is sent.
func (m *transition) cancelledWaiting() bool {
	if m.r.CancelWanted {
		m.end(StateCancelled, m.cancelReason())
	}
	return m.r.CancelWanted
}

func (m *transition) refundSending() {
	switch m.e.Type {
	case Accepted:
		m.refundAccepted()
	case Refused:
		m.refundRefused()
	default:
		m.sendingCommon(m.statementLag())
	}
}

// refundAccepted: a reversal's 200 is final, a 202 is polled, an approval waits for a person at Front Payment.
func (m *transition) refundAccepted() {
	if m.e.Final && !m.approves() {
		m.end(StateRefunded, nil)
		return
	}
	m.accept()
}

// accept goes on with a submission that the API has: it said so, the statement shows it, or a person knows.
func (m *transition) accept() {
	m.notBusy()
	switch {
	case m.r.Kind == KindApproval:
		m.end(StateSubmitted, nil)
	case m.r.Refund.Approving:
		// Nothing takes it back any more, so a wish to cancel is over.
		m.r.CancelWanted, m.r.CancelReason = false, ""
		m.enter(StateAwaitingApproval, nil, nil)
		m.firstQuery()
		m.wakeAnswering(TimerDoubtHold, approvalHold)
	case m.r.CancelWanted:
		m.cancelAtAPI()
	default:
		m.enter(StateAwaitingRefund, nil, nil)
		m.firstQuery()
		m.customerTimer()
	}
}

// refundRefused asks for an approval where the amount is over a threshold and the till wants that (Front Payment,
// Request Refund Approval). "Already submitted" may mean another till's request for one; ours, if it was in doubt.
func (m *transition) refundRefused() {
	code := cmp.Or(m.e.Reason, &Reason{}).Code
	already := code == CodeAlreadySubmitted && m.approves()
	switch {
	case already && m.r.Refund.Doubted:
		m.accept()
	case already && m.r.Busy > 0:
		m.doubt(m.e.Reason)
	case m.overThreshold(code) && m.r.CancelWanted && m.r.Busy == 0:
		m.end(StateCancelled, m.cancelReason())
	case m.overThreshold(code):
		// A submission of another kind, with a mark and a doubt of its own. After a busy answer the statement is read first:
		// the refund itself may have been carried out.
		r := &m.r
		r.Refund.Approving, r.Refund.Doubted, r.Refund.Moved = true, false, false
		r.Fresh = true
		if r.Busy > 0 {
			r.BusyAt = m.e.At
		}
		m.enter(StateQueued, nil, nil)
		m.wake(TimerRetry, 0)
		m.expireTimer()
	case m.r.Busy > 0:
		m.r.RefusedBusy = true // "refunded already" may be about our own, which was called busy
		m.doubt(m.e.Reason)
	default:
		m.end(StateRejected, m.e.Reason)
	}
}

// overThreshold reports whether an approval is the way on.
func (m *transition) overThreshold(code string) bool {
	return (code == CodeAmountThreshold || code == CodeWeeklyThreshold) && !m.approves() && m.r.Refund.Ask != ""
}

// approves reports whether the submission is a request for an approval, not a refund.
func (m *transition) approves() bool { return m.r.Kind == KindApproval || m.r.Refund.Approving }
