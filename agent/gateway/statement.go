package gateway

import (
	"context"
	"time"

	"tillpost/agent/lookups"
	"tillpost/api"
	"tillpost/outbox"
)

// StatementReply is what was read of the money of an order: its books, or why they could not be read.
type StatementReply struct {
	Statement outbox.Statement
	Begun     time.Time
	// Failed is the event that says so where nothing was read; zero else.
	Failed outbox.Event
	// Code is why it waits then, and retry how soon it may be asked for again.
	Code  string
	Retry time.Duration
}

// Statement reads an order's details and refund status. What is not ours to read is not known, and that is said; what
// merely could not be read makes it fail.
func (g *Gateway) Statement(ctx context.Context, uuid string) StatementReply {
	s := StatementReply{Begun: time.Now()}
	begun := g.clock.Now()
	details, reply := g.api.OrderDetails(ctx, uuid)
	g.rights.SawDetails(ctx, details, reply)
	switch {
	case reply.Outcome == api.OutcomeAccepted:
		s.Statement = lookups.StatementOf(details)
		if !s.Statement.Readable && !g.rights.NotOurs(lookups.History) {
			return s.fails(reply)
		}
		s.Statement.NotOurs = !s.Statement.Readable
	case g.rights.NotOurs(lookups.Details) && (lookups.Forbids(reply) || lookups.Missing(reply)):
		s.Statement.NotOurs = true
	default:
		return s.fails(reply)
	}
	status, reply := g.api.RefundStatus(ctx, uuid)
	switch reply.Outcome {
	case api.OutcomeAccepted:
		s.Statement.Status, s.Statement.StatusRead = lookups.RefundSeen(status.State), true
	case api.OutcomeNotFound:
		s.Statement.Status, s.Statement.StatusRead = outbox.StatusRefundNone, true // nothing was ever refunded
	case api.OutcomeRefused: // it is not told
	default:
		return s.fails(reply)
	}
	s.Statement.Seen = outbox.Seen{Begun: begun, Answered: g.clock.Now(), Broken: g.health.FailedSince(s.Begun)}
	return s
}

// fails says why nothing was read.
func (s StatementReply) fails(reply api.Reply) StatementReply {
	e := outbox.Event{Type: outbox.Ambiguous, RetryAfter: reply.RetryAfter}
	if t, held := heldBack(reply.Outcome); held {
		e.Type = t
	}
	return StatementReply{Begun: s.Begun, Failed: e, Code: waitingCode(reply), Retry: max(reply.RetryAfter, statementAgain)}
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

// StatementEvent is what an order's books show as an event, or why they could not be read.
func (g *Gateway) StatementEvent(ctx context.Context, orderUUID string) outbox.Event {
	s := g.Statement(ctx, orderUUID)
	if s.Failed.Type != 0 {
		return s.Failed
	}
	return outbox.Event{Type: outbox.StatementSeen, Statement: s.Statement}
}

// statementAgain is how soon books are asked for again that could not be asked for.
const statementAgain = 2 * time.Second
