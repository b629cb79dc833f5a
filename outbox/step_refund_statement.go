package outbox

import (
	"cmp"
	"time"
)

// booksAtHand reports whether the order's books have just been read, or are not ours to read. Else it asks for them.
func (m *transition) booksAtHand() bool {
	b := m.e.Books
	if b.Seen.Fresh(m.e.At) && (b.Readable || b.NotOurs) {
		return m.twinShown()
	}
	m.emit(Effect{Type: Search, OrderUUID: m.r.OrderUUID, Mark: m.r.Mark()})
	return false
}

// booksLag is how long a refund may be missing from the books; as long as none was measured, as long as a doubt is looked into.
func (m *transition) booksLag() time.Duration { return cmp.Or(m.e.BooksLag, m.e.Policy.DoubtCheck) }

// unchangedSince reports whether the books show that nothing came of the submission, in a look that began when they must
// have shown what happened at an event; where they are not ours to read, whether the operator takes the API's word for it.
func (m *transition) unchangedSince(event Instant) bool {
	b := m.e.Books
	if !b.Seen.After(event, m.booksLag()) {
		return false
	}
	switch booksSince(m.r.Refund.Before, b, m.r.AmountOre, m.e.Ledger.Denied) {
	case bookSame:
		return true
	case bookUnreadable:
		return b.NotOurs && m.e.Policy.BusyMeans == BusyNotCreated
	}
	return false
}

// firstLook asks how a refund stands, at once where an earlier one of the order had ended: that this one is under way has
// to be seen, so that its end can be told from that one's; and where books can be read, so that it is known how long they
// take to show it.
func (m *transition) firstLook() {
	b := m.r.Refund.Before
	if m.e.Type != Accepted || b == nil || b.Readable || !b.StatusRead || b.Status == StatusRefunded || b.Status == StatusRefundDenied {
		m.query()
		return
	}
	m.wake(TimerPoll, m.refundPoll())
}

// bookEvidence says what the books show of this refund. Where another one may have brought the same amount into them,
// nobody can tell the two apart.
func (m *transition) bookEvidence() bookChange {
	if m.e.Ledger.Twin {
		return bookUnreadable
	}
	change := booksSince(m.r.Refund.Before, m.e.Books, m.r.AmountOre, m.e.Ledger.Denied)
	if change == bookDone && m.e.Books.explained(m.r.AmountOre, m.e.Ledger.Done) {
		return bookOther
	}
	return change
}

// foundInBooks ends a doubt by a change of exactly this amount since the submission, and by nothing less; false if there is
// none.
func (m *transition) foundInBooks() bool {
	switch change := m.bookEvidence(); {
	case change == bookDone && m.r.Kind == KindRefund:
		m.end(StateRefunded, nil)
	case change == bookDone, change == bookPending && !m.approves():
		m.accept()
	default:
		return false
	}
	return true
}

// ShownIn reports whether the books show a refund of exactly this amount that was not there before the submission.
func (r Request) ShownIn(b Books) bool {
	if r.Refund == nil {
		return false
	}
	change := booksSince(r.Refund.Before, b, r.AmountOre, nil)
	return change == bookDone || change == bookPending
}
