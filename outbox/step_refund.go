package outbox

import (
	"fmt"
	"time"
)

const (
	approvalFast = 10 * time.Minute // how long an approval is asked after every minute
	approvalPoll = 5 * time.Minute
	approvalHold = 45 * 24 * time.Hour
)

// refund runs the life of a refund or reversal: queued, weighed, sending, on the terminal or with an approver, ended.
func (m *move) refund() {
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

func (m *move) refundQueued() {
	switch m.e.Type {
	case Due:
		m.refundDue()
	case CancelWanted:
		m.noteCancel()
		if m.r.Busy > 0 {
			m.changed()
			m.wake(TimerRetry, 0)
			return
		}
		m.end(StateCancelled, m.cancelReason())
	case TargetSeen:
		m.unpark()
	default:
		m.queuedCommon()
	}
}

// queuedCommon is what happens to everything that is queued, whatever its kind.
func (m *move) queuedCommon() {
	switch m.e.Type {
	case Expired:
		if !m.expireIfDue() {
			left, _ := m.r.LiveFor(m.e.At)
			m.wake(TimerExpire, max(left, expireAgain))
		}
	case CheckWanted:
		m.do(Effect{Type: Publish})
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

// refundDue weighs the refund against everything known of its order, and starts an attempt if it holds.
func (m *move) refundDue() {
	if m.expireIfDue() || m.waitForClock() || m.waitForOrder() {
		return
	}
	if m.r.OrderUUID == "" {
		m.end(StateRejected, &Reason{Code: CodeUnknownTarget, Message: "the refund names no order that is known any more; name it by orderUuid"})
		return
	}
	if m.r.Busy > 0 && !m.mayRepeat() {
		return
	}
	if m.r.CancelWanted {
		m.end(StateCancelled, m.cancelReason())
		return
	}
	if !m.r.Refund.Approving || m.r.Kind == KindApproval {
		if m.waitForTwin() || !m.weigh() {
			return
		}
	}
	m.r.Attempts++
	if len(m.r.Submissions) == 0 || m.r.Fresh {
		m.r.Submissions = append(m.r.Submissions, Submission{Mark: m.e.Mark})
		m.r.Fresh = false
	}
	m.r.Submissions[len(m.r.Submissions)-1].At = m.e.At
	before := m.e.Books
	m.r.Refund.Before = &before
	m.to(StateSending, nil, nil)
	m.do(Effect{Type: Submit, OrderUUID: m.r.OrderUUID})
}

// waitForOrder holds a refund until the order that it pays back has ended; one in another lane is waited for beside the
// lane. True: it does not go on now.
func (m *move) waitForOrder() bool {
	o := m.e.Ledger.Order
	if o == nil {
		return false
	}
	switch {
	case o.State == StatePaid:
		m.r.OrderUUID = o.OrderUUID
		return false
	case o.State.Final() && o.State != StateUnresolved || o.State == StateUnresolved:
		m.end(StateRejected, &Reason{Code: CodeOrderNotPaid, Message: "the order to pay back ended " + o.State.String()})
	case !m.r.Parked:
		m.r.Parked = true
		m.r.Waiting = m.waiting(WaitForOrder, 0)
		m.changed()
	}
	return true
}

// unpark brings a refund back to its lane once its order has ended.
func (m *move) unpark() {
	if !m.r.Parked || !m.e.Target.Final() {
		return
	}
	m.r.Parked = false
	m.r.Waiting = nil
	m.changed()
	m.wake(TimerRetry, 0)
}

// mayRepeat tells whether a refund that was answered "busy" may be sent again: the books must show no change at all.
func (m *move) mayRepeat() bool {
	switch booksSince(m.r.Refund.Before, m.e.Books, m.r.AmountOre) {
	case bookSame:
		return true
	case bookUnreadable:
		if m.e.Policy.BusyMeans == BusyNotCreated {
			return true
		}
	}
	m.doubt(nil)
	return false
}

// waitForTwin holds a refund beside one of the same order that is under way, and refuses one beside a doubtful one.
func (m *move) waitForTwin() bool {
	l := m.e.Ledger
	switch {
	case l.Doubtful:
		m.end(StateRejected, &Reason{Code: CodeRefundOpen, Message: "another refund of this order may or may not have been carried out; settle that one first"})
	case l.UnderWay:
		m.do(Effect{Type: Publish, Waiting: m.waiting(WaitBehind, m.e.Policy.PollInterval)})
		m.wake(TimerRetry, m.e.Policy.PollInterval)
	default:
		return false
	}
	return true
}

// weigh fills in what a full refund comes to, finds the products' numbers, and refuses what exceeds the order.
func (m *move) weigh() bool {
	left, known := m.left()
	if m.r.Refund.Full && m.r.AmountOre == 0 {
		if !known || !m.e.Books.Detailed {
			m.end(StateRejected, &Reason{Code: CodeOrderUnknown, Message: "what is left of the order can't be told, because its details can't be read; name the amount and the products"})
			return false
		}
		if left == 0 {
			return m.exceeds(0, left)
		}
		m.r.AmountOre = left
		m.r.Refund.Lines = m.linesLeft(left)
	}
	if known && m.r.AmountOre > left {
		return m.exceeds(m.r.AmountOre, left)
	}
	return m.numberLines() && m.linesHold()
}

func (m *move) exceeds(asked, left int64) bool {
	message := fmt.Sprintf("the refund is for %s, of the order %s is left", kroner(asked), kroner(left))
	if asked == 0 {
		message = "nothing is left of the order to pay back"
	}
	m.end(StateRejected, &Reason{Code: CodeRefundExceeds, Message: message})
	return false
}

// linesLeft spreads what is left over the order's products.
func (m *move) linesLeft(left int64) []RefundLine {
	var lines []RefundLine
	for _, p := range m.e.Books.Products {
		ore, ok := m.lineLeft(p.ID)
		if !ok || ore == 0 || left == 0 {
			continue
		}
		ore = min(ore, left)
		left -= ore
		lines = append(lines, RefundLine{ID: p.ID, Ore: ore})
	}
	if left > 0 && len(lines) > 0 {
		lines[len(lines)-1].Ore += left
	}
	return lines
}

// numberLines finds the numbers of products that the till named in its own way.
func (m *move) numberLines() bool {
	products := m.e.Books.Products
	for i := range m.r.Refund.Lines {
		line := &m.r.Refund.Lines[i]
		if line.ID != 0 {
			continue
		}
		if !m.e.Books.Detailed {
			m.end(StateRejected, &Reason{Code: CodeOrderUnknown, Message: "the products' numbers can't be looked up, because the order's details can't be read; name the products by id"})
			return false
		}
		switch {
		case line.ProductID != "":
			for _, p := range products {
				if p.ProductID == line.ProductID {
					line.ID = p.ID
				}
			}
		case line.Line < len(products):
			line.ID = products[line.Line].ID
		}
		if line.ID == 0 {
			m.end(StateRejected, &Reason{Code: CodeProductUnknown, Message: fmt.Sprintf("the order has no such product as number %d of the refund names", i+1)})
			return false
		}
	}
	if m.r.Refund.Full && len(m.r.Refund.Lines) == 0 {
		m.end(StateRejected, &Reason{Code: CodeOrderUnknown, Message: "the order's products can't be read; name the amount and the products"})
		return false
	}
	return true
}

// linesHold refuses a refund that takes more of a product than is left of it.
func (m *move) linesHold() bool {
	asked := map[int64]int64{}
	for _, line := range m.r.Refund.Lines {
		asked[line.ID] += line.Ore
	}
	for id, ore := range asked {
		if left, ok := m.lineLeft(id); ok && ore > left && !m.r.Refund.Full {
			return m.exceeds(ore, left)
		}
	}
	return true
}

func (m *move) refundSending() {
	switch m.e.Type {
	case Accepted:
		m.refundAccepted()
	case Refused:
		m.refundRefused()
	case Busy:
		m.r.Busy++
		m.requeue(WaitBusy, m.retryAfter(m.backoff(m.r.Busy)))
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
		m.do(Effect{Type: Publish})
	default:
		m.ignore(ignoredPair)
	}
}

// refundAccepted: a reversal's 200 is final, a 202 is polled, an approval waits for a person at Front Payment.
func (m *move) refundAccepted() {
	m.r.Busy = 0
	switch {
	case m.r.Kind == KindApproval:
		m.end(StateSubmitted, nil)
	case m.r.Refund.Approving:
		m.awaitApproval()
	case m.e.Final:
		m.end(StateRefunded, nil)
	case m.r.CancelWanted:
		m.cancelAtAPI()
	default:
		m.awaitRefund()
	}
}

func (m *move) awaitApproval() {
	m.to(StateAwaitingApproval, nil, nil)
	m.wake(TimerPoll, m.refundPoll())
	m.wakeAnswering(TimerDoubtHold, approvalHold)
}

func (m *move) awaitRefund() {
	m.to(StateAwaitingRefund, nil, nil)
	m.wake(TimerPoll, m.pollAfter())
	m.customerTimer()
}

// refundRefused: over a threshold an approval is asked for, if the till wants that; a repeat of a doubtful request for
// an approval finds it submitted.
func (m *move) refundRefused() {
	code := ""
	if m.e.Reason != nil {
		code = m.e.Reason.Code
	}
	again := code == CodeAlreadySubmitted && len(m.r.Submissions) > 1 && m.approves()
	switch {
	case again && m.r.Kind == KindApproval:
		m.end(StateSubmitted, nil)
	case again:
		m.awaitApproval()
	case m.r.Kind == KindRefund && !m.r.Refund.Approving && m.r.Refund.Ask != "" && (code == CodeAmountThreshold || code == CodeWeeklyThreshold):
		if m.r.CancelWanted {
			m.end(StateCancelled, m.cancelReason())
			return
		}
		m.r.Refund.Approving, m.r.Busy = true, 0
		m.r.Submissions = nil
		m.to(StateQueued, nil, nil)
		m.wake(TimerRetry, 0)
		m.expireTimer()
	default:
		m.end(StateRejected, m.e.Reason)
	}
}

// approves tells whether the submission is a request for an approval, not a refund.
func (m *move) approves() bool { return m.r.Kind == KindApproval || m.r.Refund.Approving }

func (m *move) refundInDoubt() {
	switch m.e.Type {
	case BooksSeen:
		m.judgeBooks()
	case NotFound, Unavailable, RateLimited, Unauthorized, Ambiguous, Refused:
		m.wake(TimerSearch, m.retryAfter(searchAgain))
	case CancelWanted:
		m.wishCancel()
	case CallbackSeen:
		m.do(Effect{Type: Search})
	case Resolved:
		m.resolveRefund()
	case DoubtTimeout:
		m.doubtTimeout()
	case CheckWanted:
		m.do(Effect{Type: Publish}, Effect{Type: Search})
	case Restarted:
		m.lookInto()
	default:
		m.ignore(ignoredPair)
	}
}

// judgeBooks ends a doubt by a change of exactly this amount since the submission, and by nothing less. Where another
// refund of the same amount is in doubt too, nobody can tell them apart.
func (m *move) judgeBooks() {
	change := bookUnreadable
	if !m.e.Ledger.Twin {
		change = booksSince(m.r.Refund.Before, m.e.Books, m.r.AmountOre)
	}
	switch change {
	case bookDone:
		m.end(StateRefunded, nil)
	case bookPending:
		switch {
		case m.approves():
			m.wake(TimerSearch, searchAgain)
		case m.r.CancelWanted:
			m.cancelAtAPI()
		default:
			m.awaitRefund()
		}
	default:
		m.wake(TimerSearch, m.retryAfter(searchAgain))
	}
}

func (m *move) resolveRefund() {
	if m.e.Revision != 0 && m.e.Revision != m.r.Revision {
		m.ignore(CodeStaleRevision)
		return
	}
	switch m.e.Resolution {
	case Adopt:
		switch {
		case m.e.OrderUUID != m.r.OrderUUID:
			m.ignore(CodeAmountMismatch)
		case m.r.Kind == KindApproval:
			m.settle()
			m.end(StateSubmitted, nil)
		case m.r.Refund.Approving:
			m.settle()
			m.awaitApproval()
		default:
			m.settle()
			m.awaitRefund()
		}
	case Resubmit:
		m.resubmit()
	case Abandon:
		m.settle()
		m.end(StateRejected, &Reason{Code: CodeAbandoned, Message: "given up by a person; nothing was sent again"})
	default:
		m.ignore(ignoredPair)
	}
}

// refundPoll paces an approval: it takes a person at Front Payment.
func (m *move) refundPoll() time.Duration {
	switch {
	case m.r.State == StateAwaitingRefund:
		return m.pollAfter()
	case m.age() < approvalFast:
		return time.Minute
	}
	return approvalPoll
}

func (m *move) refundAwaiting() {
	switch m.e.Type {
	case StatusSeen:
		if !m.refundEnds() {
			m.wake(TimerPoll, m.refundPoll())
		}
	case CustomerTimeout:
		if m.r.State == StateAwaitingApproval {
			m.ignore(ignoredStale)
			return
		}
		m.r.CancelReason = CodeCustomerTimeout
		m.cancelAtAPI()
	case CancelWanted:
		if m.r.State == StateAwaitingApproval {
			m.ignore(ignoredStale) // nothing at the API takes it back
			return
		}
		m.noteCancel()
		m.cancelAtAPI()
	case DoubtTimeout:
		m.unresolved()
	case CallbackSeen:
		m.query()
	case CheckWanted:
		m.do(Effect{Type: Publish})
		m.query()
	case Restarted:
		m.query()
		if m.r.State == StateAwaitingRefund {
			m.customerTimer()
		} else {
			m.wakeAnswering(TimerDoubtHold, approvalHold-m.age())
		}
	case Busy, Unavailable, RateLimited, Unauthorized, Ambiguous, Refused:
		m.wake(TimerPoll, m.retryAfter(m.refundPoll()))
	default:
		m.ignore(ignoredPair)
	}
}

// refundEnds ends a refund by what the API says of its order's refund. The status is the order's, not this refund's: one
// that stood before we began counts once the books bear it out, or it has been told several times over.
func (m *move) refundEnds() bool {
	if m.e.Status != StatusRefunded && m.e.Status != StatusRefundDenied {
		return false
	}
	if b := m.r.Refund.Before; b != nil && b.StatusRead && b.Status == m.e.Status && !m.e.Confirmed {
		return false
	}
	switch {
	case m.e.Status == StatusRefunded:
		m.end(StateRefunded, nil)
	case m.r.State == StateCancelling:
		m.end(StateCancelled, m.cancelReason())
	default:
		m.end(StateDeclined, m.reasonOr(CodeDeclined, "the refund was turned down"))
	}
	return true
}

func (m *move) refundCancelling() {
	switch m.e.Type {
	case StatusSeen:
		if !m.refundEnds() {
			m.wake(TimerPoll, m.pollAfter())
		}
	case Done:
		m.query()
		m.wake(TimerCancel, cancelAgain)
	case Refused:
		m.query()
		m.wake(TimerCancel, m.retryAfter(searchAgain))
	case Busy, Unavailable, RateLimited, Unauthorized, Ambiguous:
		m.wake(TimerCancel, m.retryAfter(searchAgain))
	case DoubtTimeout:
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

// refundEnded: a refund that ended does not change but by a person's word on what stayed unresolved.
func (m *move) refundEnded() {
	switch m.e.Type {
	case Resolved:
		if m.r.State == StateUnresolved {
			m.resolveRefund()
			return
		}
		m.ignore(CodeNotInDoubt)
	case CheckWanted:
		m.do(Effect{Type: Publish})
	case Restarted:
	default:
		m.ignore(ignoredStale)
	}
}

// kroner writes øre with two digits.
func kroner(ore int64) string { return fmt.Sprintf("%d.%02d", ore/100, ore%100) }
