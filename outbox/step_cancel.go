package outbox

import "cmp"

// cancelAtAPI asks the API to take the order off its terminal.
func (m *transition) cancelAtAPI() {
	m.enter(StateCancelling, nil, nil)
	m.emit(Effect{Type: SendCancel, OrderUUID: m.r.OrderUUID})
	m.wakeAnswering(TimerDoubtHold, m.e.Policy.DoubtHold)
}

func (m *transition) orderCancelling() {
	switch m.e.Type {
	case StatusSeen:
		if !m.endByStatus() {
			m.wake(TimerPoll, m.pollAfter())
		}
	case Refused:
		m.cancelRefused()
	case Found, Accepted:
		m.further()
	default:
		m.cancellingCommon()
	}
}

// cancellingCommon handles the events that mean the same to everything that is being taken off its terminal.
func (m *transition) cancellingCommon() {
	switch m.e.Type {
	case Done:
		m.query()
		m.wake(TimerCancel, cancelRetry)
	case DoubtTimeout:
		if m.e.Timer != TimerDoubtHold {
			m.ignore(ignoredStale)
			return
		}
		m.unresolved()
	case Busy, Unavailable, RateLimited, Unauthorized, Ambiguous, NotFound:
		m.cancelLater()
	case CancelWanted:
		m.deferCancel()
	case CheckWanted:
		m.emit(Effect{Type: Publish})
		m.query()
	case Restarted:
		m.emit(Effect{Type: SendCancel, OrderUUID: m.r.OrderUUID})
		m.wakeAnswering(TimerDoubtHold, m.e.Policy.DoubtHold)
	default:
		m.ignore(ignoredPair)
	}
}

// cancelLater repeats the cancel soon, and publishes why it waits.
func (m *transition) cancelLater() {
	after := m.retryDelay()
	code := map[EventType]string{
		Busy: WaitBusy, Unavailable: WaitAPIUnreachable, RateLimited: WaitRateLimited, Unauthorized: WaitUnauthorized,
	}[m.e.Type]
	m.emit(Effect{Type: Publish, Waiting: m.waiting(cmp.Or(code, WaitAPIError), after)})
	m.wake(TimerCancel, after)
}

// cancelRefused ends an order that the API says is paid; after any other refusal it asks for the status. A refusal may
// also answer the cancel of a further order, which says nothing of ours.
func (m *transition) cancelRefused() {
	switch {
	case m.furtherPaid():
	case m.alreadyPaid():
		m.end(StatePaid, nil)
	default:
		m.query()
		m.wake(TimerCancel, m.retryAfter(searchRetry))
	}
}

// alreadyPaid reports whether the API refused to cancel because our own order is paid (Front Payment, Cancel Terminal
// Order Payment).
func (m *transition) alreadyPaid() bool {
	return m.paidRefusal() && m.r.OrderUUID != "" && (m.e.OrderUUID == "" || m.e.OrderUUID == m.r.OrderUUID)
}

func (m *transition) paidRefusal() bool {
	return m.e.Reason != nil && m.e.Reason.Code == CodeAlreadyPaid
}

// noteCancel records who wants the cancel.
func (m *transition) noteCancel() {
	m.r.CancelWanted = true
	if m.e.Reason != nil && m.r.CancelReason == "" {
		m.r.CancelReason = m.e.Reason.Code
	}
}

// deferCancel records a cancel that can't be carried out yet; a second one changes nothing.
func (m *transition) deferCancel() {
	if m.r.CancelWanted {
		return
	}
	m.noteCancel()
	m.changed()
}

func (m *transition) cancelReason() *Reason {
	code := cmp.Or(m.r.CancelReason, CodeCancelled)
	switch {
	case code == CodeCustomerTimeout && m.r.Kind == KindRefund:
		return &Reason{Code: code, Message: "the refund was not taken on the terminal in time, and was called off"}
	case code == CodeCustomerTimeout:
		return &Reason{Code: code, Message: "the customer did not pay in time; the order was taken off the terminal"}
	case code == CodeCancelled && !m.r.CancelWanted:
		return m.reasonOr(code, "cancelled at the terminal")
	}
	return &Reason{Code: code, Message: "cancelled on request"}
}

// reasonOr returns the event's own reason where it has one.
func (m *transition) reasonOr(code, message string) *Reason {
	return cmp.Or(m.e.Reason, &Reason{Code: code, Message: message})
}
