package outbox

import (
	"cmp"
	"time"
)

// statementAtHand asks for the order's statement, unless it was just read, or is not ours, and shows what it must.
func (m *transition) statementAtHand() bool {
	b := m.e.Statement
	denied := m.e.Ledger.DeniedLast
	outdated := b.Readable && denied != (Instant{}) && !b.Seen.After(denied, 0)
	if b.Seen.Fresh(m.e.At) && (b.Readable || b.NotOurs) && !outdated {
		return m.sameAmountShown()
	}
	m.emit(Effect{Type: Search, OrderUUID: m.r.OrderUUID, Mark: m.r.Mark()})
	return false
}

// statementLag is how long a refund may be missing from the statement; doubt_check as long as that was not measured.
func (m *transition) statementLag() time.Duration {
	return cmp.Or(m.e.StatementLag, m.e.Policy.DoubtCheck)
}

// unchangedSince reports whether nothing came of the submission: a statement that began when it must have shown what
// happened at an event shows no change. Where it is not ours to read, BusyMeans decides.
func (m *transition) unchangedSince(event Instant) bool {
	b := m.e.Statement
	if !b.Seen.After(event, m.statementLag()) {
		return false
	}
	switch statementChangeSince(m.r.Refund.Before, b, m.r.AmountMinor, m.e.Ledger.Denied) {
	case changeNone:
		return b.StatusRead
	case changeUnknown:
		return b.NotOurs && m.e.Policy.BusyMeans == BusyNotCreated
	}
	return false
}

// firstQuery asks how a refund stands: at once where an earlier refund of the order had ended, as this one has to be seen
// under way to tell its end from that one's, and where statements can be read, to measure how long they take to show it.
func (m *transition) firstQuery() {
	b := m.r.Refund.Before
	if m.e.Type != Accepted || b == nil || b.Readable || !b.StatusRead || b.Status == StatusRefunded || b.Status == StatusRefundDenied {
		m.query()
		return
	}
	m.wake(TimerPoll, m.refundPoll())
}

// changeShown returns what the statement shows of this refund: changeUnknown where it may be others of that amount, all that
// is shown.
func (m *transition) changeShown() statementChange {
	l, before, amount := m.e.Ledger, m.r.Refund.Before, m.r.AmountMinor
	change := statementChangeSince(before, m.e.Statement, amount, l.Denied)
	switch {
	case l.SameAmount > 0 && (change != changeDone || paidBackSince(before, m.e.Statement, amount, l.Denied) <= l.SameAmount):
		return changeUnknown
	case change == changeDone && m.e.Statement.explainedBy(amount, l.Done):
		return changeOther
	}
	return change
}

// foundInStatement ends a doubt by a change of exactly this amount since the submission; false if there is none.
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

// NewIn returns how many refunds of exactly this amount a statement shows that were not there before the submission. More than one:
// another one is of the same amount, and nobody can say which is ours.
func (r Request) NewIn(b Statement) int {
	if r.Refund == nil || r.Refund.Before == nil || !r.Refund.Before.Readable || !b.Readable {
		return 0
	}
	n := 0
	for _, e := range compareEntries(*r.Refund.Before, b, nil).fresh {
		if e.Minor == r.AmountMinor {
			n++
		}
	}
	if n == 0 && statementChangeSince(r.Refund.Before, b, r.AmountMinor, nil) == changeDone {
		return 1 // the sum shows it
	}
	return n
}
