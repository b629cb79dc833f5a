package outbox

import "slices"

// Statement is what the API returned of an order's money: order details and refund status. The documents call it the
// order's books. Ledger is what this outbox knows of the same order.
type Statement struct {
	// Seen says when they were read.
	Seen Seen `json:"-"`
	// Readable: the details answered, with a payment history.
	Readable bool `json:"r,omitempty"`
	// NotOurs: the API does not let us read any, and that is established. Where neither holds they could not be read.
	NotOurs       bool             `json:"no,omitempty"`
	TotalMinor    int64            `json:"t,omitempty"` // 0: unknown
	RefundedMinor int64            `json:"d,omitempty"`
	Entries       []StatementEntry `json:"e,omitempty"`
	// Status is the refund status, as far as it matters; StatusRead is false where it could not be read.
	Status     OrderStatus `json:"s,omitempty"`
	StatusRead bool        `json:"sr,omitempty"`
	// Detailed: the details answered, so Products is all there is.
	Detailed bool               `json:"-"`
	Products []StatementProduct `json:"-"`
}

// StatementEntry is one refund in the payment history.
type StatementEntry struct {
	Minor int64 `json:"o"`
	Done  bool  `json:"d,omitempty"`
}

// StatementProduct is a line of the order.
type StatementProduct struct {
	ID        int64 // 0: unknown
	ProductID string
	Minor     int64 // 0: unknown
}

// forRecord returns the part of a statement that is stored, to be compared with a later one.
func (b Statement) forRecord() *Statement {
	b.Entries = slices.Clone(b.Entries)
	b.Seen, b.Detailed, b.Products = Seen{}, false, nil
	return &b
}

// noneUnderWay reports whether no refund of the order was under way. Then an entry that is not done was turned down, and
// can't turn into one of ours. The history does not say so itself, and the status only of the last one: nothing of the
// others where one of ours, of the amounts denied, was turned down, or more than one entry is not done.
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
		others, _ = without(others, StatementEntry{Minor: ore})
	}
	return len(others) == 0 || len(others) == 1 && len(denied) == 0 && b.Status == StatusRefundDenied
}

// refunded returns what the statement shows as paid back.
func (b Statement) refunded() int64 {
	var done int64
	for _, e := range b.Entries {
		if e.Done {
			done = addMinor(done, e.Minor)
		}
	}
	return max(done, b.RefundedMinor)
}

// refundedElsewhere returns what the statement shows as paid back beyond a ledger. A refund of exactly the amount of
// one of ours whose end is not known is taken for that one, as in a doubt.
func (b Statement) refundedElsewhere(l Ledger) int64 {
	others := b.refunded()
	var amounts []int64
	for _, e := range b.Entries {
		if e.Done {
			amounts = append(amounts, e.Minor)
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

// without returns a list less one element that is equal to one.
func without[T comparable](list []T, one T) (rest []T, found bool) {
	i := slices.Index(list, one)
	if i < 0 {
		return list, false
	}
	return slices.Delete(list, i, i+1), true
}

// explainedBy reports whether other requests of ours, of the amounts done, account for all that the statement shows as
// paid back of an amount, or for its sum where it lists no entries: one of them may have become visible only now.
func (b Statement) explainedBy(amount int64, done []int64) bool {
	shown, ours, sum := 0, 0, amount
	for _, e := range b.Entries {
		if e == (StatementEntry{Minor: amount, Done: true}) {
			shown++
		}
	}
	for _, ore := range done {
		sum = addMinor(sum, ore)
		if ore == amount {
			ours++
		}
	}
	if shown == 0 {
		return b.refunded() < sum
	}
	return shown <= ours
}
