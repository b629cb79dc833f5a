package outbox

import "time"

// order runs the life of an order: queued, sending, on the terminal, ended; and the doubt beside it.
func (m *move) order() {
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

func (m *move) orderQueued() {
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
		m.verifyHint()
	case CheckWanted:
		m.do(Effect{Type: Publish})
	case NotFound:
		// The search before a repeat came back empty: that is what the repeat waited for.
		m.wake(TimerRetry, 0)
	case Restarted:
		if !m.expireIfDue() {
			m.expireTimer()
		}
	case Refused:
		if m.e.OrderUUID != "" {
			// So ended a hint that named an order; it says nothing of the request.
			m.wake(TimerRetry, m.retryAfter(searchAgain))
			return
		}
		// It can't be forwarded at all, such as to a terminal that the API does not have.
		m.end(StateRejected, m.e.Reason)
	case Unavailable, RateLimited, Unauthorized, Ambiguous:
		// The search before a repeat got no answer.
		m.wake(TimerRetry, m.retryAfter(searchAgain))
	default:
		m.ignore(ignoredPair)
	}
}

// orderDue starts an attempt if the time to live, the clock and, after a busy answer, a search allow it.
func (m *move) orderDue() {
	if m.expireIfDue() || m.waitForClock() {
		return
	}
	r := &m.r
	if r.Busy > 0 {
		switch {
		case m.e.Search == SearchNone:
			m.do(Effect{Type: Search, Mark: r.Mark()})
			return
		case m.e.Search == SearchForbidden && m.e.Policy.BusyMeans == BusyDoubt:
			m.doubt(m.r.Reason)
			return
		}
	}
	if r.CancelWanted {
		m.end(StateCancelled, m.cancelReason())
		return
	}
	m.attempt(Submission{Mark: m.e.Mark, Shown: m.e.Shown})
	m.to(StateSending, nil, nil)
	m.do(Effect{Type: Submit, Mark: r.Mark()})
}

// attempt counts another attempt. It begins submission s, and is fresh, unless it repeats the last one after a busy answer.
func (m *move) attempt(s Submission) (fresh bool) {
	r := &m.r
	r.Attempts++
	if fresh = len(r.Submissions) == 0 || r.Fresh; fresh {
		r.Submissions = append(r.Submissions, s)
		r.Fresh = false
	}
	r.Submissions[len(r.Submissions)-1].At = m.e.At
	return fresh
}

// expireIfDue ends what is too old, or of an age that nobody can know any more, once the clock is right.
func (m *move) expireIfDue() bool {
	if !m.e.At.Known {
		return false
	}
	left, ok := m.r.LiveFor(m.e.At)
	switch {
	case ok && left > 0:
		return false
	case m.r.Busy > 0 && m.r.Kind.Laned() && (m.e.Policy.BusyMeans == BusyDoubt || m.owesLook()):
		// A busy answer is no proof by the operator's word, or none until the books bear it out: it may have been carried
		// out.
		m.doubt(nil)
	case !ok:
		m.end(StateExpired, &Reason{Code: CodeAgeUnknown, Message: "accepted before a restart, while the clock was not known; its age can't be told, so it was not sent"})
	default:
		m.end(StateExpired, m.r.expiry(m.e.At))
	}
	return true
}

// waitForClock holds back what can't be aged, or seems too old, while the clock may be wrong.
func (m *move) waitForClock() bool {
	if left, ok := m.r.LiveFor(m.e.At); m.e.At.Known || ok && left > 0 {
		return false
	}
	m.do(Effect{Type: Publish, Waiting: m.waiting(WaitClockUnknown, clockAgain)})
	m.wake(TimerRetry, clockAgain)
	return true
}

// orderCancelQueued cancels on the spot, unless a busy answer may hide an order: then the search comes first.
func (m *move) orderCancelQueued() {
	if m.r.Busy == 0 {
		m.noteCancel()
		m.end(StateCancelled, m.cancelReason())
		return
	}
	m.wishCancel()
	m.wake(TimerRetry, 0)
}

func (m *move) orderSending() {
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
		m.r.Busy++
		wait := m.backoff(m.r.Busy)
		m.requeue(WaitBusy, m.retryAfter(wait))
	case Unavailable:
		m.requeue(WaitAPIUnreachable, m.retryAfter(0))
	case RateLimited:
		m.requeue(WaitRateLimited, m.retryAfter(m.e.Policy.BusyBackoffMin))
	case Unauthorized:
		m.requeue(WaitUnauthorized, m.retryAfter(0))
	case Refused:
		m.end(StateRejected, m.e.Reason)
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

// requeue puts an attempt back that was not carried out for sure. A wish to cancel that waited for this outcome is
// granted now, as the next turn may be long in coming; unless a busy answer may hide an order.
func (m *move) requeue(code string, after time.Duration) {
	if m.r.CancelWanted && m.r.Busy == 0 {
		m.end(StateCancelled, m.cancelReason())
		return
	}
	m.to(StateQueued, m.waiting(code, after), nil)
	m.wake(TimerRetry, after)
	m.expireTimer()
}

// expireTimer sets the end of the time to live; while the age can't be told it looks again and again, so that the end
// is told as soon as the clock is right.
func (m *move) expireTimer() {
	left, ok := m.r.LiveFor(m.e.At)
	if !ok {
		left = expireAgain
	}
	m.wake(TimerExpire, left)
}

// adopt takes an order for ours: a fresh one, one found in doubt, or one that a person named.
func (m *move) adopt() {
	m.own(m.e.OrderUUID)
	m.r.Busy = 0
	if m.r.CancelWanted {
		m.cancelAtAPI()
		return
	}
	m.to(StateAwaitingCustomer, nil, nil)
	if m.e.Type == Accepted {
		m.wake(TimerPoll, m.pollAfter())
	} else {
		m.query()
	}
	m.customerTimer()
	m.lookForMore()
}

// lookForMore looks for further orders while the customer has ours: what a person had sent again may still come to exist.
func (m *move) lookForMore() {
	if m.r.MayHaveMore() {
		m.wake(TimerWatch, searchAgain)
	}
}

func (m *move) customerTimer() {
	if t := m.e.Policy.CustomerTimeout; t > 0 {
		m.wakeAnswering(TimerCustomer, t-m.age())
	}
}

func (m *move) query() { m.do(Effect{Type: Query, OrderUUID: m.r.OrderUUID}) }

func (m *move) orderAwaiting() {
	switch m.e.Type {
	case StatusSeen:
		m.awaitingStatus()
	case CustomerTimeout:
		m.r.CancelReason = CodeCustomerTimeout
		m.cancelAtAPI()
	case CancelWanted:
		m.noteCancel()
		m.cancelAtAPI()
	case ResendWanted:
		m.do(Effect{Type: SendResend, OrderUUID: m.r.OrderUUID})
	case CheckWanted:
		m.do(Effect{Type: Publish})
		m.query()
	case CallbackSeen:
		m.verifyHint()
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

func (m *move) awaitingStatus() {
	if m.endByStatus() {
		return
	}
	if after := m.e.Policy.ResendAfter; after > 0 && !m.r.Resent {
		if m.age() >= after {
			m.r.Resent = true
			m.changed()
			m.do(Effect{Type: SendResend, OrderUUID: m.r.OrderUUID})
		} else if left := after - m.age(); left < m.pollAfter() {
			m.wake(TimerPoll, left)
			return
		}
	}
	m.wake(TimerPoll, m.pollAfter())
}

// endByStatus ends an order by what the API says of it; false while that is nothing final.
func (m *move) endByStatus() bool {
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
