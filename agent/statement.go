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
	// code is why it waits then, and retry how soon it may be asked for again.
	code  string
	retry time.Duration
}

// statement reads an order's details and refund status. What is not ours to read is not known, and that is said; what
// merely could not be read makes it fail.
func (g *gateway) statement(ctx context.Context, uuid string) statement {
	s := statement{begun: time.Now()}
	begun := g.clock.Now()
	details, reply := g.api.OrderDetails(ctx, uuid)
	g.rights.sawDetails(ctx, details, reply)
	switch {
	case reply.Outcome == api.OutcomeAccepted:
		s.books = booksOf(details)
		if !s.books.Readable && !g.rights.notOurs(lookupHistory) {
			return s.fails(reply)
		}
		s.books.NotOurs = !s.books.Readable
	case g.rights.notOurs(lookupDetails) && (forbids(reply) || missing(reply)):
		s.books.NotOurs = true
	default:
		return s.fails(reply)
	}
	status, reply := g.api.RefundStatus(ctx, uuid)
	switch reply.Outcome {
	case api.OutcomeAccepted:
		s.books.Status, s.books.StatusRead = refundSeen(status.State), true
	case api.OutcomeNotFound:
		s.books.Status, s.books.StatusRead = outbox.StatusRefundNone, true // nothing was ever refunded
	case api.OutcomeRefused: // it is not told
	default:
		return s.fails(reply)
	}
	s.books.Seen = outbox.Seen{Begun: begun, Answered: g.clock.Now(), Broken: g.health.failedSince(s.begun)}
	return s
}

// fails says why nothing was read.
func (s statement) fails(reply api.Reply) statement {
	e := outbox.Event{Type: outbox.Ambiguous, RetryAfter: reply.RetryAfter}
	if t, held := heldBack(reply.Outcome); held {
		e.Type = t
	}
	return statement{begun: s.begun, failed: e, code: waitingCode(reply), retry: max(reply.RetryAfter, statementAgain)}
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

func (g *gateway) statementEvent(ctx context.Context, orderUUID string) outbox.Event {
	s := g.statement(ctx, orderUUID)
	if s.failed.Type != 0 {
		return s.failed
	}
	return outbox.Event{Type: outbox.BooksSeen, Books: s.books}
}

// statementAgain is how soon books are asked for again that could not be asked for.
const statementAgain = 2 * time.Second
