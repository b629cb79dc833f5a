package outbox

import (
	"cmp"
	"time"
)

// order runs the life of an order: queued, sending, on the terminal, ended; and the doubt beside it.
func (m *transition) order() {
	if m.e.OrderUUID == "" {
		found := m.e.Type == Found || m.e.Type == Accepted && m.r.State != StateSending
		if found || m.e.Type == StatusSeen && m.r.OrderUUID == "" {
			m.ignore(ignoredPair) // evidence of nothing
			return
		}
	}
	switch m.r.State {
	case StateQueued:
		m.orderQueued()
	case StateSending:
		m.orderSending()
	case StateInDoubt:
		m.orderInDoubt()
	case StateAwaitingCustomer:
		m.orderAwaiting()
	case StateCancelling:
		m.orderCancelling()
	default:
		m.orderEnded()
	}
}

func (m *transition) orderQueued() {
	switch m.e.Type {
	case Due:
		m.orderDue()
	case CancelWanted:
		m.orderCancelQueued()
	case Expired:
		if !m.expireIfDue() {
			left, _ := m.r.LiveFor(m.e.At)
			m.wake(TimerExpire, max(left, expireAgain))
		}
	case Found, Accepted:
		// A busy answer hid an order that exists.
		m.adopt()
	case CallbackSeen:
		m.hinted()
	case HintRead:
		m.hintRead()
	case CheckWanted:
		m.emit(Effect{Type: Publish})
	case Moved:
		m.moveTo()
	case NotFound:
		// The search before a repeat came back empty: that is what the repeat waited for.
		m.wake(TimerRetry, afterLook(m.e.Seen))
	case Restarted:
		if !m.expireIfDue() {
			m.expireTimer()
		}
	case Refused:
		if m.e.OrderUUID != "" {
			m.wake(TimerRetry, m.retryAfter(searchAgain)) // it is about that order, and says nothing of the request
			return
		}
		m.orderRefused() // it can't be forwarded at all, such as to a terminal that the API does not have
	case Unavailable, RateLimited, Unauthorized, Ambiguous:
		// The search before a repeat got no answer.
		m.wake(TimerRetry, m.retryAfter(searchAgain))
	default:
		m.ignore(ignoredPair)
	}
}

// orderDue starts an attempt if the time to live, the clock and, after a busy answer, a search allow it.
func (m *transition) orderDue() {
	if m.expireIfDue() || m.waitForClock() || m.waitForHints() || m.r.Busy > 0 && !m.orderMayRepeat() {
		return
	}
	r := &m.r
	if r.CancelWanted {
		m.end(StateCancelled, m.cancelReason())
		return
	}
	m.attempt(Submission{Mark: m.e.Mark, Shown: m.e.Shown, References: m.e.References})
	m.enter(StateSending, nil, nil)
	m.emit(Effect{Type: Submit, Mark: r.Mark()})
}

// waitForHints holds back what a callback may have found: an order that it named is judged before anything is sent again.
func (m *transition) waitForHints() bool {
	if len(m.r.Hints) == 0 {
		return false
	}
	m.askHints()
	m.emit(Effect{Type: Publish, Waiting: m.waiting(WaitChecking, searchAgain)})
	m.wake(TimerRetry, searchAgain)
	return true
}

// orderMayRepeat reports whether an order that was answered "busy" may be sent again: a search that began when the list
// must have shown it by now has just come back in full without it, or there is nothing to be searched and the operator
// takes the API's word. Else it asks for that search.
func (m *transition) orderMayRepeat() bool {
	switch {
	case m.waitForLag(m.listLag()):
		return false
	case !m.searched(m.r.LastBusy()):
		m.emit(Effect{Type: Search, Mark: m.r.Mark()})
		return false
	case m.e.Search == SearchForbidden && m.e.Policy.BusyMeans == BusyDoubt:
		m.doubt(m.r.Reason)
		return false
	}
	return !m.lateToRepeat(m.listLag())
}

// lateToRepeat reports whether so little of the time to live is left that what another attempt may hide behind a busy answer
// could not be looked for before its end. Then nothing more is sent, so that the request ends expired, and not in doubt.
func (m *transition) lateToRepeat(lag time.Duration) bool {
	left, ok := m.r.LiveFor(m.e.At)
	if !ok || left > lag+evidenceLasts {
		return false
	}
	m.wake(TimerRetry, left)
	return true
}

// waitForLag waits until the API must show what the busy answer may hide.
func (m *transition) waitForLag(lag time.Duration) bool {
	left := lag - m.e.At.passed(m.r.LastBusy())
	if left <= 0 {
		return false
	}
	m.wake(TimerRetry, left)
	return true
}

// searched reports whether the answer to a search is at hand on which something may rest, of a moment at which what
// happened at an event must show.
func (m *transition) searched(event Instant) bool {
	return m.e.Search != SearchNone && m.e.Seen.Fresh(m.e.At) && m.e.Seen.After(event, m.listLag())
}

// listLag is how long an order may be missing from the list; as long as none was measured, as long as a doubt is looked into.
func (m *transition) listLag() time.Duration { return cmp.Or(m.e.ListLag, m.e.Policy.DoubtCheck) }

// orderRefused ends an order that the API refused. After a busy answer a refusal may mean that it exists already: then a
// search has to show first that it does not.
func (m *transition) orderRefused() {
	if m.r.Busy > 0 || len(m.r.Hints) > 0 {
		m.r.RefusedBusy = true
		m.doubt(m.e.Reason)
		return
	}
	m.end(StateRejected, m.e.Reason)
}

// attempt counts another attempt. It begins submission s, and is fresh, unless it repeats the last one after a busy answer.
func (m *transition) attempt(s Submission) (fresh bool) {
	r := &m.r
	r.Attempts++
	r.Repeated = r.Repeated || r.Busy > 0
	if fresh = len(r.Submissions) == 0 || r.Fresh; fresh {
		r.Submissions = append(r.Submissions, s)
		r.Fresh, r.Busy, r.BusyAt, r.BusySince = false, 0, Instant{}, Instant{}
	}
	r.Submissions[len(r.Submissions)-1].At = m.e.At
	return fresh
}

// orderCancelQueued cancels on the spot, unless a busy answer may hide an order: then the search comes first.
func (m *transition) orderCancelQueued() {
	if m.r.Busy == 0 {
		m.noteCancel()
		m.end(StateCancelled, m.cancelReason())
		return
	}
	m.wishCancel()
	m.wake(TimerRetry, 0)
}

func (m *transition) orderSending() {
	switch m.e.Type {
	case Accepted:
		if m.e.OrderUUID == "" {
			m.doubt(m.e.Reason)
			return
		}
		m.adopt()
	case Found:
		// An earlier busy answer hid it. What becomes of the submission under way is taken as evidence of a further order.
		m.adopt()
	case Busy:
		m.busy(m.listLag())
	case Unavailable:
		m.requeue(WaitAPIUnreachable, m.retryAfter(0))
	case RateLimited:
		m.requeue(WaitRateLimited, m.retryAfter(m.e.Policy.BusyBackoffMin))
	case Unauthorized:
		m.requeue(WaitUnauthorized, m.retryAfter(0))
	case Refused:
		m.orderRefused()
	case CallbackSeen:
		m.hinted()
	case HintRead:
		m.hintRead()
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

// busy puts an attempt back that was called busy. It is tried again no sooner than the API must show what may have come of
// it all the same, and looked for before its time to live ends.
func (m *transition) busy(lag time.Duration) {
	m.countBusy()
	m.r.BusyAt = m.e.At
	wait := max(m.retryAfter(m.backoff()), lag)
	if left, ok := m.r.LiveFor(m.e.At); ok {
		wait = min(wait, max(left-evidenceLasts, lag))
	}
	m.requeue(WaitBusy, wait)
}

// countBusy counts one more "busy" in a row.
func (m *transition) countBusy() {
	if m.r.Busy++; m.r.Busy == 1 {
		m.r.BusySince = m.e.At
	}
}

// requeue puts an attempt back that was not carried out for sure. A wish to cancel that waited for this outcome is
// granted now, as the next turn may be long in coming; unless a busy answer may hide an order.
func (m *transition) requeue(code string, after time.Duration) {
	m.notSent()
	if m.e.Type == Unavailable {
		m.r.Unsent++
	}
	if m.r.CancelWanted && m.r.Busy == 0 {
		m.end(StateCancelled, m.cancelReason())
		return
	}
	m.enter(StateQueued, m.waiting(code, after), nil)
	m.wake(TimerRetry, after)
	m.expireTimer()
}

// adopt takes an order for ours: a fresh one, one found in doubt, or one that a person named.
func (m *transition) adopt() {
	m.own(m.e.OrderUUID)
	m.notBusy()
	if m.r.CancelWanted && !m.r.Unmarked {
		m.cancelAtAPI()
		return
	}
	m.enter(StateAwaitingCustomer, nil, nil)
	if m.e.Type == Accepted {
		m.wakePoll()
	} else {
		m.query()
	}
	m.customerTimer()
	m.lookForMore()
}

// notBusy forgets that an attempt was called busy or refused: it is known what came of it.
func (m *transition) notBusy() {
	m.r.Busy, m.r.BusyAt, m.r.BusySince, m.r.RefusedBusy = 0, Instant{}, Instant{}, false
}

// lookForMore looks for further orders while the customer has ours: what a person had sent again may still come to exist, and a
// further one that is known may still be on the terminal; less often for what was called busy, of which a search has shown
// nothing.
func (m *transition) lookForMore() {
	switch {
	case m.r.sentTwice(), len(m.r.Further) > len(m.r.FurtherPaid):
		m.wake(TimerWatch, searchAgain)
	case m.r.MayHaveMore():
		m.wake(TimerWatch, watchClosely/10)
	}
}

func (m *transition) customerTimer() {
	if t := m.e.Policy.CustomerTimeout; t > 0 {
		m.wakeAnswering(TimerCustomer, t-m.age())
	}
}

func (m *transition) query() { m.emit(Effect{Type: Query, OrderUUID: m.r.OrderUUID}) }

func (m *transition) orderAwaiting() {
	switch m.e.Type {
	case StatusSeen:
		m.awaitingStatus()
	case CustomerTimeout:
		if m.r.Unmarked {
			m.unresolved() // it may be another till's: we don't take it off the terminal
			return
		}
		m.r.CancelReason = CodeCustomerTimeout
		m.cancelAtAPI()
	case CancelWanted:
		if m.r.Unmarked {
			m.wishCancel()
			return
		}
		m.noteCancel()
		m.cancelAtAPI()
	case ResendWanted:
		m.emit(Effect{Type: SendResend, OrderUUID: m.r.OrderUUID})
	case CheckWanted:
		m.emit(Effect{Type: Publish})
		m.query()
	case CallbackSeen:
		m.hinted()
	case HintRead:
		m.hintRead()
	case Found, Accepted:
		m.further()
		m.lookForMore()
	case Restarted:
		m.query()
		m.customerTimer()
		m.lookForMore()
	case Done:
		m.wake(TimerPoll, m.pollAfter())
	case Refused:
		if !m.furtherPaid() {
			m.wake(TimerPoll, m.retryAfter(m.pollAfter()))
		}
	case Busy, Unavailable, RateLimited, Unauthorized, Ambiguous, NotFound:
		m.wake(TimerPoll, m.retryAfter(m.pollAfter()))
		m.lookForMore()
	default:
		m.ignore(ignoredPair)
	}
}

func (m *transition) awaitingStatus() {
	if m.endByStatus() {
		return
	}
	if after := m.e.Policy.ResendAfter; after > 0 && !m.r.Resent && m.age() >= after {
		m.r.Resent = true
		m.changed()
		m.emit(Effect{Type: SendResend, OrderUUID: m.r.OrderUUID})
	}
	m.wakePoll()
}

// wakePoll has the order's status asked for next: at its pace, and at the moment at which it would be resent.
func (m *transition) wakePoll() {
	next := m.pollAfter()
	if after := m.e.Policy.ResendAfter; after > 0 && !m.r.Resent && m.age() < after {
		next = min(next, after-m.age())
	}
	m.wake(TimerPoll, next)
}

// endByStatus ends an order by what the API says of it; false while that is nothing final.
func (m *transition) endByStatus() bool {
	switch m.e.Status {
	case StatusPaid:
		m.end(StatePaid, nil)
	case StatusDeclined:
		m.end(StateDeclined, m.reasonOr(CodeDeclined, "the payment was declined on the terminal"))
	case StatusCancelled:
		m.end(StateCancelled, m.cancelReason())
	default:
		return false
	}
	return true
}
