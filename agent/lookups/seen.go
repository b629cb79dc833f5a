package lookups

import (
	"crypto/sha256"
	"encoding/hex"

	"tillpost/api"
	"tillpost/outbox"
)

// StatusOf maps the API's payment states to the statuses of the state machine (Front Payment, Payment Status Check).
func StatusOf(s api.PaymentState) outbox.OrderStatus {
	switch s {
	case api.PaymentPaid:
		return outbox.StatusPaid
	case api.PaymentDeclined:
		return outbox.StatusDeclined
	case api.PaymentCancelled, api.PaymentExpired:
		return outbox.StatusCancelled
	default:
		return outbox.StatusPending
	}
}

// RefundStatusOf maps the API's refund states to the statuses of the state machine (Front Payment, Refund Status Check).
func RefundStatusOf(s api.RefundState) outbox.OrderStatus {
	switch s {
	case api.RefundDone:
		return outbox.StatusRefunded
	case api.RefundRejected:
		return outbox.StatusRefundDenied
	default:
		return outbox.StatusRefundPending
	}
}

// ReferencesDigest returns a digest of the two references of an order that a till may fill in: 24 hex digits, which do not reveal
// them.
func ReferencesDigest(referenceNo, customerReference string) string {
	sum := sha256.Sum256([]byte(referenceNo + "\x00" + customerReference))
	return hex.EncodeToString(sum[:12])
}

// ReferencesOf returns the digest of an order's references at the API, "" where it does not return them apart.
func ReferencesOf(d api.OrderDetails) string {
	if !d.ReferencesRead {
		return ""
	}
	return ReferencesDigest(d.ReferenceNo, d.CustomerReference)
}

// AmountOf returns what an order comes to, in øre; false where the details don't say.
func AmountOf(d api.OrderDetails) (int64, bool) {
	if ore, ok := d.GrandTotal.Minor(); ok {
		return ore, true
	}
	ore, ok := d.Payment.Amount.Minor()
	return ore, ok && ore != 0 // it is 0 as long as nothing is paid
}

// StatementOf returns what an order's details show of its money.
func StatementOf(d api.OrderDetails) outbox.Statement {
	b := outbox.Statement{Detailed: true, Readable: d.Payment.Known}
	b.TotalMinor, _ = AmountOf(d)
	if ore, ok := d.Payment.Refunded.Minor(); ok {
		b.RefundedMinor = abs(ore)
	}
	for _, e := range d.Payment.Refunds {
		ore, ok := e.Amount.Minor()
		b.Readable = b.Readable && ok
		b.Entries = append(b.Entries, outbox.StatementEntry{Minor: abs(ore), Done: e.IsRefunded})
	}
	for _, p := range d.Products {
		ore, _ := p.Amount.MinorUp() // what is paid back has no fractions; the API judges the last one
		b.Products = append(b.Products, outbox.StatementProduct{ID: p.ID, ProductID: p.ProductID, Minor: ore})
	}
	return b
}

// abs is what an amount comes to, whichever way a history writes what went back.
func abs(ore int64) int64 { return max(ore, -ore) }
