package outbox

// order runs the life of an order: queued, sending, on the terminal, ended; or in doubt.
func (m *transition) order() {
	if m.e.OrderUUID == "" {
		found := m.e.Type == Found || m.e.Type == Accepted && m.r.State != StateSending
		if found || m.e.Type == StatusSeen && m.r.OrderUUID == "" {
			m.ignore(ignoredPair) // evidence of nothing
			return
		}
	}
	switch s := m.r.State; {
	case m.e.Type == CallbackSeen: // this and the next mean the same in every state
		m.noteHint()
	case m.e.Type == HintRead:
		m.judgeHint()
	case s == StateQueued:
		m.orderQueued()
	case s == StateSending:
		m.orderSending()
	case s == StateInDoubt:
		m.orderInDoubt()
	case s == StateAwaitingCustomer:
		m.orderAwaiting()
	case s == StateCancelling:
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
		m.cancelQueued()
	case Found, Accepted:
		// A busy answer hid an order that exists.
		m.adopt()
	case NotFound:
		// The search before a repeat came back empty: that is what the repeat waited for.
		m.wake(TimerRetry, retryAfterAnswer(m.e.Seen))
	case Refused:
		if m.e.OrderUUID != "" {
			m.wake(TimerRetry, m.retryAfter(searchRetry)) // the refusal is about that order, not about this request
			return
		}
		m.orderRefused() // it can't be forwarded at all, for instance because the API does not have its terminal
	default:
		m.queuedCommon()
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

func (m *transition) orderSending() {
	switch m.e.Type {
	case Accepted:
		if m.e.OrderUUID == "" {
			m.doubt(m.e.Reason)
			return
		}
		m.adopt()
	case Found:
		// An earlier busy answer hid it. What the submission under way brings counts as a further order.
		m.adopt()
	case Refused:
		m.orderRefused()
	default:
		m.sendingCommon(m.listLag())
	}
}

// adopt makes an order ours: one just created, one found in doubt, or one that a person named.
func (m *transition) adopt() {
	m.holdOrder(m.e.OrderUUID)
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
	m.watchForFurther()
}

// watchForFurther looks for further orders while the customer has ours: what a person had sent again may come to exist, a
// known one may still be on the terminal. It looks less often for what was called busy and not found.
func (m *transition) watchForFurther() {
	switch {
	case m.r.sentTwice(), len(m.r.Further) > len(m.r.FurtherPaid):
		m.wake(TimerWatch, searchRetry)
	case m.r.MayHaveMore():
		m.wake(TimerWatch, watchCloselyFor/10)
	}
}

func (m *transition) orderAwaiting() {
	switch m.e.Type {
	case StatusSeen:
		m.awaitingStatus()
	case CustomerTimeout:
		if m.r.Unmarked {
			m.unresolved() // it may be another till's: we don't cancel it
			return
		}
		m.r.CancelReason = CodeCustomerTimeout
		m.cancelAtAPI()
	case CancelWanted:
		if m.r.Unmarked {
			m.deferCancel()
			return
		}
		m.noteCancel()
		m.cancelAtAPI()
	case ResendWanted:
		m.emit(Effect{Type: SendResend, OrderUUID: m.r.OrderUUID})
	case CheckWanted:
		m.emit(Effect{Type: Publish})
		m.query()
	case Found, Accepted:
		m.further()
		m.watchForFurther()
	case Restarted:
		m.query()
		m.customerTimer()
		m.watchForFurther()
	case Done:
		m.wake(TimerPoll, m.pollAfter())
	case Refused:
		if !m.furtherPaid() {
			m.wake(TimerPoll, m.retryAfter(m.pollAfter()))
		}
	case Busy, Unavailable, RateLimited, Unauthorized, Ambiguous, NotFound:
		m.wake(TimerPoll, m.retryAfter(m.pollAfter()))
		m.watchForFurther()
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

// wakePoll sets when the status is asked for next: at its pace, and at the moment when the order would be resent.
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
