package outbox

import "slices"

// Refund is what a refund or an approval asks for beyond its amount, and what the books showed before it was sent.
type Refund struct {
	// Full asks for all that is left; amount and lines are computed once, when it is sent.
	Full     bool `json:"f,omitempty"`
	Reversal bool `json:"rv,omitempty"`
	// Ask is what to tell the approver where the API wants an approval; "": don't ask.
	Ask string `json:"ask,omitempty"`
	// Approving: the API refused over a threshold, and the submission is now the request for an approval.
	Approving bool         `json:"ap,omitempty"`
	Lines     []RefundLine `json:"l,omitempty"`
	// Before is what the books showed when the submission began; only a change since then is evidence.
	Before *Books `json:"b,omitempty"`
}

// RefundLine is one product to pay back: by its number at the API, by what the till called it, or by its place.
type RefundLine struct {
	ID        int64  `json:"i,omitempty"`
	ProductID string `json:"p,omitempty"`
	Line      int    `json:"n,omitempty"` // from 0; counts where ID and ProductID are absent
	Ore       int64  `json:"o"`
}

// Books is what the API tells of an order's money: order details and refund status.
type Books struct {
	// Readable: the details answered, with a payment history.
	Readable    bool        `json:"r,omitempty"`
	TotalOre    int64       `json:"t,omitempty"` // 0: not told
	RefundedOre int64       `json:"d,omitempty"`
	Entries     []BookEntry `json:"e,omitempty"`
	// Status is the refund status, as far as it matters; StatusRead is false where it could not be read.
	Status     OrderStatus `json:"s,omitempty"`
	StatusRead bool        `json:"sr,omitempty"`
	// Detailed: the details answered, so Products is all there is.
	Detailed bool          `json:"-"`
	Products []BookProduct `json:"-"`
}

// BookEntry is one refund in the payment history.
type BookEntry struct {
	Ore  int64 `json:"o"`
	Done bool  `json:"d,omitempty"`
}

// BookProduct is a line of the order.
type BookProduct struct {
	ID        int64
	ProductID string
	Ore       int64 // 0: not told
}

// Ledger is what the outbox knows of the other refunds and approvals of the same order, in whatever lane, at the moment
// of the event. The Store reads it inside the transaction.
type Ledger struct {
	// Order is the request whose order it is, nil where none of ours placed it.
	Order *LedgerOrder
	// SpentOre counts everything that is not known not to have happened; Lines the same by product number.
	SpentOre int64
	Lines    map[int64]int64
	// UnderWay: another refund is sending, awaiting its end or being cancelled; Doubtful: one is in doubt or unresolved.
	UnderWay bool
	Doubtful bool
	// Twin: one of the doubtful ones is of the same amount.
	Twin bool
}

// LedgerOrder is the order that is paid back.
type LedgerOrder struct {
	State     State
	OrderUUID string
	AmountOre int64
}

// Spends tells whether a refund or approval counts against its order: everything that may have happened does.
func (r Request) Spends() bool {
	if r.Kind != KindRefund && r.Kind != KindApproval {
		return false
	}
	switch r.State {
	case StateSending, StateInDoubt, StateAwaitingRefund, StateAwaitingApproval, StateCancelling,
		StateRefunded, StateSubmitted, StateUnresolved:
		return true
	}
	return false
}

// Count adds another refund or approval of the order to the ledger as r sees it.
func (l *Ledger) Count(other Request, amount int64) {
	if !other.Spends() {
		return
	}
	l.SpentOre += other.AmountOre
	if other.Refund != nil {
		for _, line := range other.Refund.Lines {
			if line.ID != 0 {
				if l.Lines == nil {
					l.Lines = map[int64]int64{}
				}
				l.Lines[line.ID] += line.Ore
			}
		}
	}
	if other.Kind != KindRefund {
		return
	}
	switch other.State {
	case StateSending, StateAwaitingRefund, StateCancelling:
		l.UnderWay = true
	case StateInDoubt, StateUnresolved:
		l.Doubtful = true
		l.Twin = l.Twin || other.AmountOre == amount
	}
}

// left is what of an order can still be paid back; ok is false where nobody knows what it came to.
func (m *move) left() (ore int64, ok bool) {
	total := m.e.Books.TotalOre
	if o := m.e.Ledger.Order; o != nil && o.AmountOre > 0 {
		total = o.AmountOre
	}
	if total == 0 {
		return 0, false
	}
	return max(total-max(m.e.Ledger.SpentOre, m.e.Books.RefundedOre), 0), true
}

// lineLeft is what of a product can still be paid back; ok is false where the books don't tell.
func (m *move) lineLeft(id int64) (ore int64, ok bool) {
	for _, p := range m.e.Books.Products {
		if p.ID == id && p.Ore > 0 {
			return max(p.Ore-m.e.Ledger.Lines[id], 0), true
		}
	}
	return 0, false
}

// change says what became visible between two looks at the books.
type bookChange uint8

const (
	bookUnreadable bookChange = iota // no look, or none to compare with
	bookSame
	bookDone    // a refund of exactly this amount is done
	bookPending // a refund of exactly this amount is on its way
	bookOther   // something else changed; it proves nothing either way
)

// booksSince compares a look at the books with the one before the submission.
func booksSince(before *Books, now Books, amount int64) bookChange {
	if before == nil || !before.Readable || !now.Readable {
		if before != nil && before.StatusRead && now.StatusRead && before.Status != now.Status {
			return bookOther
		}
		return bookUnreadable
	}
	grown := now.RefundedOre - before.RefundedOre
	fresh := newEntries(before.Entries, now.Entries)
	switch {
	case grown == amount && len(fresh) <= 1 && (len(fresh) == 0 || fresh[0].Ore == amount):
		return bookDone
	case grown == 0 && len(fresh) == 1 && fresh[0].Ore == amount && fresh[0].Done:
		return bookDone
	case grown == 0 && len(fresh) == 1 && fresh[0].Ore == amount:
		return bookPending
	case grown != 0 || len(fresh) > 0 || before.StatusRead && now.StatusRead && before.Status != now.Status:
		return bookOther
	}
	return bookSame
}

// newEntries lists what of now was not there before, each entry matched once.
func newEntries(before, now []BookEntry) []BookEntry {
	rest := slices.Clone(before)
	var fresh []BookEntry
	for _, e := range now {
		if i := slices.Index(rest, e); i >= 0 {
			rest = slices.Delete(rest, i, i+1)
			continue
		}
		fresh = append(fresh, e)
	}
	return fresh
}

// BornOut tells whether a look at the books shows a refund of this amount that was not there before the submission.
func (f *Refund) BornOut(now Books, amount int64) bool {
	return booksSince(f.Before, now, amount) == bookDone
}
