package outbox

import (
	"cmp"
	"time"
)

// statementAtHand reports whether the order's books have just been read, or are not ours to read. Else it asks for them.
func (m *transition) statementAtHand() bool {
	b := m.e.Statement
	if b.Seen.Fresh(m.e.At) && (b.Readable || b.NotOurs) {
		return m.sameAmountShown()
	}
	m.emit(Effect{Type: Search, OrderUUID: m.r.OrderUUID, Mark: m.r.Mark()})
	return false
}

// statementLag is how long a refund may be missing from the books; as long as none was measured, as long as a doubt is looked into.
func (m *transition) statementLag() time.Duration {
	return cmp.Or(m.e.StatementLag, m.e.Policy.DoubtCheck)
}

// unchangedSince reports whether the books show that nothing came of the submission, in a look that began when they must
// have shown what happened at an event; where they are not ours to read, whether the operator takes the API's word for it.
func (m *transition) unchangedSince(event Instant) bool {
	b := m.e.Statement
	if !b.Seen.After(event, m.statementLag()) {
		return false
	}
	switch statementChangeSince(m.r.Refund.Before, b, m.r.AmountOre, m.e.Ledger.Denied) {
	case changeNone:
		return true
	case changeUnknown:
		return b.NotOurs && m.e.Policy.BusyMeans == BusyNotCreated
	}
	return false
}

// firstQuery asks how a refund stands, at once where an earlier one of the order had ended: that this one is under way has
// to be seen, so that its end can be told from that one's; and where books can be read, so that it is known how long they
// take to show it.
func (m *transition) firstQuery() {
	b := m.r.Refund.Before
	if m.e.Type != Accepted || b == nil || b.Readable || !b.StatusRead || b.Status == StatusRefunded || b.Status == StatusRefundDenied {
		m.query()
		return
	}
	m.wake(TimerPoll, m.refundPoll())
}

// changeShown says what the books show of this refund. Where another one may have brought the same amount into them,
// nobody can tell the two apart.
func (m *transition) changeShown() statementChange {
	if m.e.Ledger.SameAmount {
		return changeUnknown
	}
	change := statementChangeSince(m.r.Refund.Before, m.e.Statement, m.r.AmountOre, m.e.Ledger.Denied)
	if change == changeDone && m.e.Statement.explainedBy(m.r.AmountOre, m.e.Ledger.Done) {
		return changeOther
	}
	return change
}

// foundInStatement ends a doubt by a change of exactly this amount since the submission, and by nothing less; false if there is
// none.
func (m *transition) foundInStatement() bool {
	switch change := m.changeShown(); {
	case change == changeDone && m.r.Kind == KindRefund:
		m.end(StateRefunded, nil)
	case change == changeDone, change == changePending && !m.approves():
		m.accept()
	default:
		return false
	}
	return true
}

// ShownIn reports whether the books show a refund of exactly this amount that was not there before the submission.
func (r Request) ShownIn(b Statement) bool {
	if r.Refund == nil {
		return false
	}
	change := statementChangeSince(r.Refund.Before, b, r.AmountOre, nil)
	return change == changeDone || change == changePending
}
