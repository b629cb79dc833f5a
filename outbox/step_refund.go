package outbox

import (
	"cmp"
	"time"
)

// booksAgain is how soon books are read again that could not be.
const booksAgain = 2 * time.Second

const (
	approvalAtOnce = time.Minute      // how long an approval is asked after like a refund
	approvalFast   = 10 * time.Minute // and then every minute
	approvalPoll   = 5 * time.Minute
	approvalHold   = 45 * 24 * time.Hour
)

// refund runs the life of a refund, reversal or approval: queued, weighed, sending, on the terminal or with an approver,
// ended.
func (m *transition) refund() {
	switch {
	case m.r.Refund == nil:
		m.ignore(ignoredKind)
		return
	case m.r.Kind == KindApproval && m.e.Type == CancelWanted:
		m.ignore(ignoredPair) // nothing takes an approval back
		return
	}
	switch m.r.State {
	case StateQueued:
		m.refundQueued()
	case StateSending:
		m.refundSending()
	case StateInDoubt:
		m.refundInDoubt()
	case StateAwaitingRefund, StateAwaitingApproval:
		m.refundAwaiting()
	case StateCancelling:
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
		if m.r.Busy > 0 {
			// A busy answer may hide it: the books are read first.
			m.wishCancel()
			m.wake(TimerRetry, 0)
			return
		}
		m.noteCancel()
		m.end(StateCancelled, m.cancelReason())
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
	case BooksSeen:
		if b := m.e.Books; !b.Readable && !b.NotOurs {
			m.waitForBooks()
			return
		}
		m.wake(TimerRetry, afterLook(m.e.Books.Seen)) // the next Due brings what the look showed
	case NotFound:
		m.wake(TimerRetry, m.retryAfter(searchAgain))
	case Ambiguous:
		m.waitForBooks()
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

// queuedCommon is what happens to everything that is queued, whatever its kind.
func (m *transition) queuedCommon() {
	switch m.e.Type {
	case Expired:
		if !m.expireIfDue() {
			left, _ := m.r.LiveFor(m.e.At)
			m.wake(TimerExpire, max(left, expireAgain))
		}
	case CheckWanted:
		m.emit(Effect{Type: Publish})
	case Moved:
		m.moveTo()
	case Restarted:
		if !m.expireIfDue() {
			m.expireTimer()
		}
	case Refused:
		m.end(StateRejected, m.e.Reason)
	case Unavailable, RateLimited, Unauthorized, Ambiguous:
		m.wake(TimerRetry, m.retryAfter(searchAgain))
	default:
		m.ignore(ignoredPair)
	}
}

// refundDue takes a turn, and keeps what it found out of the order that is paid back.
func (m *transition) refundDue() {
	uuid := m.r.OrderUUID
	m.refundTurn()
	if m.r.OrderUUID != uuid && !m.told() {
		m.changed()
	}
}

// refundTurn weighs the refund against everything known of its order, and starts an attempt if it holds.
func (m *transition) refundTurn() {
	if m.expireIfDue() || m.waitForClock() || m.waitForOrder() {
		return
	}
	switch busy := m.r.Busy > 0; {
	case !busy && m.cancelledWaiting(), !busy && m.waitForTwin():
		return
	case !busy && !m.booksAtHand(), busy && !m.refundMayRepeat():
		return
	case busy && m.cancelledWaiting(), busy && m.waitForTwin():
		return
	}
	if m.r.Parked { // first comes its turn, and a look at the books
		m.backInLane()
		return
	}
	if !m.weigh() {
		return
	}
	r := &m.r
	fresh := m.attempt(Submission{Mark: m.e.Mark})
	if fresh || r.Busy == 0 || r.Refund.Before == nil || m.e.Books.Readable {
		// A repeat after a busy answer keeps the better evidence.
		r.Refund.Before = m.e.Books.toKeep()
	}
	m.enter(StateSending, nil, nil)
	m.emit(Effect{Type: Submit, OrderUUID: r.OrderUUID, Mark: r.Mark()})
}

// notSent forgets what the books showed before an attempt that was not carried out for sure, where no other one was made: what
// comes into them from now on is not ours.
func (m *transition) notSent() {
	r := &m.r
	if r.Refund != nil && r.Busy == 0 && !r.Repeated && !r.Refund.Doubted && len(r.Submissions) == 1 {
		r.Refund.Before = nil
	}
}

// cancelledWaiting ends a refund that somebody wished to be cancelled, before anything of it is sent.
func (m *transition) cancelledWaiting() bool {
	if m.r.CancelWanted {
		m.end(StateCancelled, m.cancelReason())
	}
	return m.r.CancelWanted
}

// booksAtHand reports whether the order's books have just been read, or are not ours to read. Else it asks for them.
func (m *transition) booksAtHand() bool {
	b := m.e.Books
	if b.Seen.Fresh(m.e.At) && (b.Readable || b.NotOurs) {
		return m.twinShown()
	}
	m.emit(Effect{Type: Search, OrderUUID: m.r.OrderUUID, Mark: m.r.Mark()})
	return false
}

// waitForBooks keeps a refund whose order's books can't be read beside its lane, so that it does not keep the others
// waiting, and looks again.
func (m *transition) waitForBooks() {
	if w := m.r.Waiting; !m.r.Parked || w == nil || w.Code != WaitAPIError {
		m.r.Parked = true
		m.r.Waiting = m.waiting(WaitAPIError, booksAgain)
		m.changed()
	}
	m.wake(TimerRetry, m.retryAfter(booksAgain))
}

// booksLag is how long a refund may be missing from the books; as long as none was measured, as long as a doubt is looked into.
func (m *transition) booksLag() time.Duration { return cmp.Or(m.e.BooksLag, m.e.Policy.DoubtCheck) }

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

// refundMayRepeat reports whether a refund that was answered "busy" may be sent again: the books, read when they must have
// shown it by now, show no change at all. Where they are not ours to read, the operator's word counts.
func (m *transition) refundMayRepeat() bool {
	switch {
	case m.waitForLag(m.booksLag()):
		return false
	case !m.e.Books.Seen.After(m.r.LastBusy(), m.booksLag()):
		m.emit(Effect{Type: Search, OrderUUID: m.r.OrderUUID, Mark: m.r.Mark()})
		return false
	case !m.booksAtHand():
		return false
	case m.unchangedSince(m.r.LastBusy()):
		return !m.lateToRepeat(m.booksLag())
	}
	m.doubt(nil)
	return false
}

// unchangedSince reports whether the books show that nothing came of the submission, in a look that began when they must
// have shown what happened at an event; where they are not ours to read, whether the operator takes the API's word for it.
func (m *transition) unchangedSince(event Instant) bool {
	b := m.e.Books
	if !b.Seen.After(event, m.booksLag()) {
		return false
	}
	switch booksSince(m.r.Refund.Before, b, m.r.AmountOre, m.e.Ledger.Denied) {
	case bookSame:
		return true
	case bookUnreadable:
		return b.NotOurs && m.e.Policy.BusyMeans == BusyNotCreated
	}
	return false
}

func (m *transition) refundSending() {
	switch m.e.Type {
	case Accepted:
		m.refundAccepted()
	case Refused:
		m.refundRefused()
	case Busy:
		m.busy(m.booksLag())
	case Unavailable:
		m.requeue(WaitAPIUnreachable, m.retryAfter(0))
	case RateLimited:
		m.requeue(WaitRateLimited, m.retryAfter(m.e.Policy.BusyBackoffMin))
	case Unauthorized:
		m.requeue(WaitUnauthorized, m.retryAfter(0))
	case Ambiguous, Restarted:
		m.doubt(m.e.Reason)
	case CancelWanted:
		m.wishCancel()
	case CheckWanted:
		m.emit(Effect{Type: Publish})
	default:
		m.ignore(ignoredPair)
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

// accept goes on with a submission that the API has: it said so, the books show it, or a person knows.
func (m *transition) accept() {
	m.notBusy()
	switch {
	case m.r.Kind == KindApproval:
		m.end(StateSubmitted, nil)
	case m.r.Refund.Approving:
		// Nothing takes it back any more, so a wish to cancel is over.
		m.r.CancelWanted, m.r.CancelReason = false, ""
		m.enter(StateAwaitingApproval, nil, nil)
		m.firstLook()
		m.wakeAnswering(TimerDoubtHold, approvalHold)
	case m.r.CancelWanted:
		m.cancelAtAPI()
	default:
		m.enter(StateAwaitingRefund, nil, nil)
		m.firstLook()
		m.customerTimer()
	}
}

// firstLook asks how a refund stands, at once where an earlier one of the order had ended: that this one is under way has
// to be seen, so that its end can be told from that one's; and where books can be read, so that it is known how long they
// take to show it.
func (m *transition) firstLook() {
	b := m.r.Refund.Before
	if m.e.Type != Accepted || b == nil || b.Readable || !b.StatusRead || b.Status == StatusRefunded || b.Status == StatusRefundDenied {
		m.query()
		return
	}
	m.wake(TimerPoll, m.refundPoll())
}

// refundRefused: over a threshold an approval is asked for, if the till wants that (Front Payment, Request Refund
// Approval). That one "already submitted" is told may mean ours or another till's: ours if we were in doubt about it.
func (m *transition) refundRefused() {
	code := ""
	if m.e.Reason != nil {
		code = m.e.Reason.Code
	}
	already := code == CodeAlreadySubmitted && m.approves()
	switch {
	case already && m.r.Refund.Doubted:
		m.accept()
	case already && m.r.Busy > 0:
		m.doubt(m.e.Reason)
	case m.overThreshold(code) && m.r.CancelWanted && m.r.Busy == 0:
		m.end(StateCancelled, m.cancelReason())
	case m.overThreshold(code):
		// A submission of another kind, with a mark and a doubt of its own.
		// After a busy answer the books are read first: the refund itself may have been carried out.
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
		m.r.RefusedBusy = true // "refunded already" may speak of our own, which was called busy
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
