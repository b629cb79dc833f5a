package agent

import (
	"context"
	"time"

	"tillpost/api"
	"tillpost/outbox"
)

// statement is what was read of the money of an order: its books, or why they could not be read.
type statement struct {
	books outbox.Books
	begun time.Time
	// failed is the event that says so where nothing was read; zero else.
	failed outbox.Event
	code   string // why it waits then
}

// readStatement reads an order's details and refund status. What is not ours to read is not known, and that is said; what
// merely could not be read makes it fail.
func (l *lane) readStatement(ctx context.Context, uuid string) statement {
	s := statement{begun: time.Now()}
	begun := l.clock.Now()
	details, reply := l.api.OrderDetails(ctx, uuid)
	l.rights.sawDetails(ctx, details, reply)
	switch {
	case reply.Outcome == api.OutcomeAccepted:
		s.books = booksOf(details)
		if !s.books.Readable && !l.rights.notOurs(lookupHistory) {
			return s.fails(reply)
		}
		s.books.NotOurs = !s.books.Readable
	case l.rights.notOurs(lookupDetails) && (forbids(reply) || missing(reply)):
		s.books.NotOurs = true
	default:
		return s.fails(reply)
	}
	status, reply := l.api.RefundStatus(ctx, uuid)
	switch reply.Outcome {
	case api.OutcomeAccepted:
		s.books.Status, s.books.StatusRead = refundSeen(status.State), true
	case api.OutcomeNotFound:
		s.books.Status, s.books.StatusRead = outbox.StatusRefundNone, true // nothing was ever refunded
	case api.OutcomeRefused: // it is not told
	default:
		return s.fails(reply)
	}
	s.books.Seen = outbox.Seen{Begun: begun, Answered: l.clock.Now(), Broken: l.health.failedSince(s.begun)}
	return s
}

// fails says why nothing was read.
func (s statement) fails(reply api.Reply) statement {
	e := outbox.Event{Type: outbox.Ambiguous, RetryAfter: reply.RetryAfter}
	if t, held := heldBack(reply.Outcome); held {
		e.Type = t
	}
	return statement{begun: s.begun, failed: e, code: waitingCode(reply)}
}

func waitingCode(reply api.Reply) string {
	switch reply.Outcome {
	case api.OutcomeUnavailable:
		return outbox.WaitAPIUnreachable
	case api.OutcomeUnauthorized:
		return outbox.WaitUnauthorized
	case api.OutcomeRateLimited:
		return outbox.WaitRateLimited
	default:
		return outbox.WaitAPIError
	}
}

func booksOf(d api.OrderDetails) outbox.Books {
	b := outbox.Books{Detailed: true, Readable: d.Payment.Known}
	b.TotalOre, _ = amountOf(d)
	if ore, ok := d.Payment.Refunded.Minor(); ok {
		b.RefundedOre = abs(ore)
	}
	for _, e := range d.Payment.Refunds {
		ore, ok := e.Amount.Minor()
		b.Readable = b.Readable && ok
		b.Entries = append(b.Entries, outbox.BookEntry{Ore: abs(ore), Done: e.IsRefunded})
	}
	for _, p := range d.Products {
		ore, _ := p.Amount.MinorUp() // what is paid back has no fractions; the API judges the last one
		b.Products = append(b.Products, outbox.BookProduct{ID: p.ID, ProductID: p.ProductID, Ore: ore})
	}
	return b
}

// abs is what an amount comes to, whichever way a history writes what went back.
func abs(ore int64) int64 { return max(ore, -ore) }
