package outbox

import "cmp"

func (m *transition) refundInDoubt() {
	switch m.e.Type {
	case StatementSeen:
		switch {
		case m.foundInStatement():
		case m.r.RefusedBusy && m.unchangedSince(m.r.Entered):
			m.end(StateRejected, m.r.Reason)
		default:
			m.wake(TimerSearch, m.retryDelay())
		}
	case Accepted:
		// The API's answer, committed only now.
		m.refundAccepted()
	case NotFound, Unavailable, RateLimited, Unauthorized, Ambiguous, Refused:
		m.wake(TimerSearch, m.retryDelay())
	case CallbackSeen:
		m.lookUp()
	default:
		m.doubtCommon()
	}
}

// adoptRefund takes a person's word that a refund was carried out. What they name is the order that it pays back.
func (m *transition) adoptRefund() {
	r := &m.r
	uuid := r.OrderUUID
	if o := m.e.Ledger.Order; uuid == "" && o != nil {
		// From a copy of the outbox in which its turn had not come.
		uuid = o.OrderUUID
	}
	uuid = cmp.Or(uuid, m.e.OrderUUID)
	if uuid == "" || m.e.OrderUUID != "" && m.e.OrderUUID != uuid {
		m.ignore(CodeAmountMismatch)
		return
	}
	r.OrderUUID = uuid
	m.noteSettlement()
	m.accept()
}
