package outbox

import "slices"

// end makes a request final, and watches it where a payment may still turn up.
func (m *transition) end(s State, why *Reason) {
	m.enter(s, nil, why)
	m.watch()
}

// Watched reports whether a payment may still turn up once an order request has ended: its order reached the API unpaid, a
// submission may have, or there may be an order beyond the one that it holds.
func (r Request) Watched() bool {
	switch {
	case !r.State.Final():
		return false
	case r.Kind != KindOrder:
		return r.RefundWatched()
	case r.MayHaveMore():
		return true
	case r.State == StatePaid:
		return false
	case r.OrderUUID != "", r.State == StateUnresolved, r.Busy > 0, r.Repeated, r.Fresh:
		return true
	}
	return r.Reason != nil && r.Reason.Code == CodeAbandoned
}

// MayHaveMore reports whether orders beyond the one that is held may exist, or do and are not known to be paid: it was sent
// again, by a person's decision or after a busy answer, or the order was named, which need not be what our submission came to.
func (r Request) MayHaveMore() bool {
	named := r.Settled != nil && r.Settled.Resolution == Adopt || r.Unmarked
	return r.sentTwice() || r.Repeated || named && len(r.Submissions) > 0 || len(r.Further) > len(r.FurtherPaid)
}

// sentTwice reports whether a person had the request sent again, or adopted an order after it was sent.
func (r Request) sentTwice() bool {
	return len(r.Submissions) > 1 || r.Settled != nil && r.Settled.Resolution == Adopt && len(r.Submissions) > 0
}

// NeedsSearch reports whether a search for the request's marks may find what is not known yet.
func (r Request) NeedsSearch() bool { return r.OrderUUID == "" || r.MayHaveMore() }

// watch paces the look-ups after the end: every minute for ten minutes, then every ten minutes for a day.
func (m *transition) watch() {
	if !m.r.Watched() || m.r.Finished == nil {
		return
	}
	since, _ := m.e.At.Since(*m.r.Finished)
	switch {
	case since < watchCloselyFor:
		m.wake(TimerWatch, watchCloselyFor/10)
	case since < watchLooselyFor:
		m.wake(TimerWatch, watchCloselyFor)
	}
}

// orderEnded takes late evidence, and a person's decision on what stayed unresolved.
func (m *transition) orderEnded() {
	switch m.e.Type {
	case StatusSeen:
		m.lateStatus()
	case Found, Accepted:
		m.lateFind()
	case Refused:
		m.lateRefusal()
	case Done, NotFound, Busy, Unavailable, RateLimited, Unauthorized, Ambiguous, Restarted:
		m.watch()
	case Resolved:
		m.decidedLate()
	case CheckWanted:
		m.emit(Effect{Type: Publish})
		if m.r.Watched() && m.r.OrderUUID != "" {
			m.query()
		}
	default:
		m.ignore(ignoredStale)
	}
}

// decidedLate takes a person's decision after the end: on what stayed unresolved, or was found late.
func (m *transition) decidedLate() {
	switch {
	case m.r.State == StateUnresolved:
		m.resolve()
	case m.r.Alarmed && (m.e.Revision == 0 || m.e.Revision == m.r.Revision):
		m.acknowledge()
	default:
		m.ignore(CodeNotInDoubt)
	}
}

func (m *transition) lateStatus() {
	switch {
	case m.r.State == StatePaid:
		m.watch()
	case m.e.Status == StatusPaid:
		m.paidLate()
	case m.r.State == StateUnresolved && m.endByStatus():
	default:
		if m.e.Status == StatusPending {
			m.cancelLateFind()
		}
		m.watch()
	}
}

// cancelLateFind cancels an order that turned up late: the till was told that nobody will pay, so nobody shall be asked
// to. One that may be another till's is left alone.
func (m *transition) cancelLateFind() {
	if !m.r.Unmarked {
		m.emit(Effect{Type: SendCancel, OrderUUID: m.r.OrderUUID})
	}
}

// paidLate takes a payment found after another final state was published: it becomes paid, and calls a person.
func (m *transition) paidLate() {
	m.r.Late, m.r.Alarmed = true, true
	m.enter(StatePaid, nil, nil)
	m.emit(Effect{Type: Alarm, Code: AlarmLatePayment})
	m.watch()
}

// acknowledge ends the alarm of a late or further payment: a person has dealt with it, whatever they decided.
func (m *transition) acknowledge() {
	m.noteSettlement()
	m.r.Alarmed = false
	m.changed()
	m.watch() // an order that the person named need not be all there is
}

// lateFind takes an order that turned up for an ended request: if it is paid, so is the request; else it is cancelled.
func (m *transition) lateFind() {
	if m.r.State == StatePaid || m.r.OrderUUID != "" && m.e.Status != StatusPaid {
		m.further()
		m.watch()
		return
	}
	m.holdOrder(m.e.OrderUUID)
	if m.e.Status == StatusPaid {
		m.paidLate()
		return
	}
	if m.r.State == StateUnresolved && m.endByStatus() {
		return
	}
	m.changed()
	if m.e.Status == StatusPending {
		m.cancelLateFind()
	}
	m.watch()
}

// lateRefusal takes "already paid" as the answer to the cancel of an order found late, or paid before the cancel.
func (m *transition) lateRefusal() {
	switch {
	case m.furtherPaid():
	case m.alreadyPaid() && m.r.State != StatePaid:
		m.paidLate()
	default:
		m.watch()
	}
}

// further takes an order beyond our own that bears a mark of ours: it is cancelled, or, if paid, a person is called.
func (m *transition) further() {
	if m.e.OrderUUID == m.r.OrderUUID {
		return
	}
	known := slices.Contains(m.r.Further, m.e.OrderUUID)
	m.forgetHint(m.e.OrderUUID)
	if !known {
		m.r.Further = append(m.r.Further, m.e.OrderUUID)
	}
	if m.e.Status == StatusPaid {
		m.alarmFurther()
		return
	}
	if !known {
		m.changed()
	}
	if m.e.Status == StatusPending {
		m.emit(Effect{Type: SendCancel, OrderUUID: m.e.OrderUUID})
	}
}

// holdOrder makes an order ours. The one held before, if any, is kept among the further ones: it can still be paid. One that may be
// another till's is a hint again, so that it is not cancelled.
func (m *transition) holdOrder(uuid string) {
	r := &m.r
	switch {
	case r.OrderUUID == uuid:
		r.Unmarked = r.Unmarked && m.e.Type != Resolved // a person's decision is enough
	case r.OrderUUID == "":
		r.Unmarked = r.Unmarked && m.e.Type == HintRead
	case r.Unmarked:
		r.Unmarked = false
		r.Hints = append(r.Hints, Hint{OrderUUID: r.OrderUUID, At: m.e.At})
	default:
		r.Further = append(r.Further, r.OrderUUID)
	}
	r.Further = slices.DeleteFunc(r.Further, func(f string) bool { return f == uuid })
	r.OrderUUID = uuid
	m.forgetHint(uuid)
}

// furtherPaid takes "already paid" as the answer to the cancel of a further order; false for any other refusal.
func (m *transition) furtherPaid() bool {
	if !m.paidRefusal() || !slices.Contains(m.r.Further, m.e.OrderUUID) {
		return false
	}
	m.alarmFurther()
	return true
}

// alarmFurther calls a person to the payment of a further order, once for each.
func (m *transition) alarmFurther() {
	if slices.Contains(m.r.FurtherPaid, m.e.OrderUUID) {
		return
	}
	m.r.FurtherPaid = append(m.r.FurtherPaid, m.e.OrderUUID)
	m.r.Alarmed = true
	m.changed()
	m.emit(Effect{Type: Alarm, Code: AlarmFurtherOrder})
}
