package outbox

import "slices"

// Statement is what the API tells of an order's money: order details and refund status.
type Statement struct {
	// Seen says when they were read.
	Seen Seen `json:"-"`
	// Readable: the details answered, with a payment history.
	Readable bool `json:"r,omitempty"`
	// NotOurs: the API does not let us read any, and that is established. Where neither holds they could not be read.
	NotOurs     bool             `json:"no,omitempty"`
	TotalOre    int64            `json:"t,omitempty"` // 0: not told
	RefundedOre int64            `json:"d,omitempty"`
	Entries     []StatementEntry `json:"e,omitempty"`
	// Status is the refund status, as far as it matters; StatusRead is false where it could not be read.
	Status     OrderStatus `json:"s,omitempty"`
	StatusRead bool        `json:"sr,omitempty"`
	// Detailed: the details answered, so Products is all there is.
	Detailed bool               `json:"-"`
	Products []StatementProduct `json:"-"`
}

// StatementEntry is one refund in the payment history.
type StatementEntry struct {
	Ore  int64 `json:"o"`
	Done bool  `json:"d,omitempty"`
}

// StatementProduct is a line of the order.
type StatementProduct struct {
	ID        int64 // 0: not told
	ProductID string
	Ore       int64 // 0: not told
}

// forRecord is what of the books is evidence later.
func (b Statement) forRecord() *Statement {
	b.Entries = slices.Clone(b.Entries)
	b.Seen, b.Detailed, b.Products = Seen{}, false, nil
	return &b
}

// noneUnderWay reports whether no refund of the order was under way: an entry that is not done was turned down then, and is
// nobody's twin. The history does not say so itself, and the status only of the last one: where that may have been one of ours,
// of the amounts denied, or more than one is not done, it leaves open what became of the others.
func (b Statement) noneUnderWay(denied []int64) bool {
	if !b.StatusRead || b.Status == StatusRefundPending {
		return false
	}
	var others []StatementEntry
	for _, e := range b.Entries {
		if !e.Done {
			others = append(others, e)
		}
	}
	for _, ore := range denied {
		others, _ = without(others, StatementEntry{Ore: ore})
	}
	return len(others) == 0 || len(others) == 1 && len(denied) == 0 && b.Status == StatusRefundDenied
}

// refunded is what was paid back by these books.
func (b Statement) refunded() int64 {
	var done int64
	for _, e := range b.Entries {
		if e.Done {
			done = addOre(done, e.Ore)
		}
	}
	return max(done, b.RefundedOre)
}

// refundedElsewhere is what the books show as paid back beyond a ledger. A refund of exactly the amount of one of ours of which
// the end is not known is taken for that one, as in a doubt.
func (b Statement) refundedElsewhere(l Ledger) int64 {
	others := b.refunded()
	var amounts []int64
	for _, e := range b.Entries {
		if e.Done {
			amounts = append(amounts, e.Ore)
		}
	}
	for _, ore := range l.Done {
		others = max(others-ore, 0)
		amounts, _ = without(amounts, ore)
	}
	if len(b.Entries) == 0 {
		amounts = []int64{others}
	}
	for _, ore := range l.Open {
		var ours bool
		if amounts, ours = without(amounts, ore); ours {
			others = max(others-ore, 0)
		}
	}
	return others
}

// without takes one that is equal out of a list.
func without[T comparable](list []T, one T) (rest []T, found bool) {
	i := slices.Index(list, one)
	if i < 0 {
		return list, false
	}
	return slices.Delete(list, i, i+1), true
}

// explainedBy reports whether all that the books show as done of an amount, or in sum where they list nothing, is what other
// requests of ours are known to have brought: one of them may have become visible only now.
func (b Statement) explainedBy(amount int64, done []int64) bool {
	shown, ours, sum := 0, 0, amount
	for _, e := range b.Entries {
		if e == (StatementEntry{Ore: amount, Done: true}) {
			shown++
		}
	}
	for _, ore := range done {
		sum = addOre(sum, ore)
		if ore == amount {
			ours++
		}
	}
	if shown == 0 {
		return b.refunded() < sum
	}
	return shown <= ours
}
