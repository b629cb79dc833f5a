package gateway

import (
	"context"
	"time"

	"tillpost/agent/lookups"
	"tillpost/api"
	"tillpost/outbox"
)

// Statement is what was read of the money of an order: its books, or why they could not be read.
type Statement struct {
	Books outbox.Books
	Begun time.Time // when the first call began
	// Failed is the event that says so where nothing was read; zero else.
	Failed outbox.Event
	// Code is the waiting code then, and Retry how soon it may be read again.
	Code  string
	Retry time.Duration
}

// Statement reads an order's details and refund status. What is not ours to read stays unknown in Books, which says so; where
// something merely could not be read, Failed is set.
func (g *Gateway) Statement(ctx context.Context, uuid string) Statement {
	s := Statement{Begun: time.Now()}
	begun := g.clock.Now()
	details, reply := g.api.OrderDetails(ctx, uuid)
	g.rights.SawDetails(ctx, details, reply)
	switch {
	case reply.Outcome == api.OutcomeAccepted:
		s.Books = lookups.BooksOf(details)
		if !s.Books.Readable && !g.rights.NotOurs(lookups.History) {
			return s.failed(reply)
		}
		s.Books.NotOurs = !s.Books.Readable
	case g.rights.NotOurs(lookups.Details) && (lookups.Forbids(reply) || lookups.Missing(reply)):
		s.Books.NotOurs = true
	default:
		return s.failed(reply)
	}
	status, reply := g.api.RefundStatus(ctx, uuid)
	switch reply.Outcome {
	case api.OutcomeAccepted:
		s.Books.Status, s.Books.StatusRead = lookups.RefundStatusOf(status.State), true
	case api.OutcomeNotFound:
		s.Books.Status, s.Books.StatusRead = outbox.StatusRefundNone, true // nothing was ever refunded
	case api.OutcomeRefused: // the API does not say
	default:
		return s.failed(reply)
	}
	s.Books.Seen = outbox.Seen{Begun: begun, Answered: g.clock.Now(), Broken: g.health.FailedSince(s.Begun)}
	return s
}

// failed returns the statement that says why nothing was read.
func (s Statement) failed(reply api.Reply) Statement {
	e := outbox.Event{Type: outbox.Ambiguous, RetryAfter: reply.RetryAfter}
	if t, held := heldBack(reply.Outcome); held {
		e.Type = t
	}
	return Statement{Begun: s.Begun, Failed: e, Code: waitingCode(reply), Retry: max(reply.RetryAfter, statementAgain)}
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

// StatementEvent returns BooksSeen with an order's books, or the event that says why they could not be read.
func (g *Gateway) StatementEvent(ctx context.Context, orderUUID string) outbox.Event {
	s := g.Statement(ctx, orderUUID)
	if s.Failed.Type != 0 {
		return s.Failed
	}
	return outbox.Event{Type: outbox.BooksSeen, Books: s.Books}
}

// statementAgain is how soon books that could not be read are read again.
const statementAgain = 2 * time.Second
