package outbox

// refundEnded changes a refund that has ended by a person's decision, or by the statement, and by nothing else.
func (m *transition) refundEnded() {
	watched := m.r.RefundWatched()
	if e := m.e.Type; !watched && e != Resolved && e != CheckWanted && e != Restarted {
		m.ignore(ignoredStale)
		return
	}
	switch m.e.Type {
	case Resolved:
		m.decidedLate()
	case CheckWanted:
		m.emit(Effect{Type: Publish})
		if watched {
			m.lookUp()
		}
	case CallbackSeen:
		m.lookUp()
	case StatementSeen:
		m.lateStatement()
	case NotFound, Busy, Unavailable, RateLimited, Unauthorized, Ambiguous, Refused, Restarted:
		m.watch()
	default:
		m.ignore(ignoredStale)
	}
}

// RefundWatched reports whether a refund that ended as not carried out may turn out to have been all the same.
func (r Request) RefundWatched() bool {
	if r.Kind != KindRefund && r.Kind != KindApproval || r.Refund == nil || r.Attempts == 0 {
		return false
	}
	switch r.State {
	case StateUnresolved:
		return true
	case StateDeclined, StateCancelled:
		return r.Kind == KindRefund && r.Refund.Before != nil
	case StateRejected, StateExpired:
		return r.Kind == KindRefund && (r.Busy > 0 || r.Repeated)
	}
	return false
}

// lateStatement calls a person to a refund that had ended, is watched, and was carried out after all.
func (m *transition) lateStatement() {
	switch {
	case m.changeShown() != changeDone:
		m.watch()
	case m.r.Kind == KindApproval:
		m.end(StateSubmitted, nil)
	default:
		m.notBusy()
		m.r.Late, m.r.Alarmed = true, true
		m.enter(StateRefunded, nil, nil)
		m.emit(Effect{Type: Alarm, Code: AlarmLatePayment})
	}
}
