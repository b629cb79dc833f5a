package gateway

import (
	"context"
	"time"

	"tillpost/agent/lookups"
	"tillpost/api"
	"tillpost/outbox"
)

// StatementReply is what was read of the money of an order: its statement, or why it could not be read.
type StatementReply struct {
	Statement outbox.Statement
	Begun     time.Time // when the first call began
	// Failed is the event that says so where nothing was read; zero else.
	Failed outbox.Event
	// Code is the waiting code then, and Retry how soon it may be read again.
	Code  string
	Retry time.Duration
}

// Statement reads an order's details and refund status. What is not ours to read stays unknown in Statement, which says so; where
// something merely could not be read, Failed is set.
func (g *Gateway) Statement(ctx context.Context, uuid string) StatementReply {
	s := StatementReply{Begun: time.Now()}
	begun := g.o.Clock.Now()
	details, reply := g.o.API.OrderDetails(ctx, uuid)
	g.o.Rights.SawDetails(ctx, details, reply)
	switch {
	case reply.Outcome == api.OutcomeAccepted:
		s.Statement = lookups.StatementOf(details)
		if !s.Statement.Readable && !g.o.Rights.NotOurs(lookups.History) {
			return s.failed(reply)
		}
		s.Statement.NotOurs = !s.Statement.Readable
	case g.o.Rights.NotOurs(lookups.Details) && (lookups.Forbids(reply) || lookups.Missing(reply)):
		s.Statement.NotOurs = true
	default:
		return s.failed(reply)
	}
	state, reply := g.o.API.RefundStatus(ctx, uuid)
	switch reply.Outcome {
	case api.OutcomeAccepted:
		s.Statement.Status, s.Statement.StatusRead = lookups.RefundStatusOf(state), true
	case api.OutcomeNotFound:
		s.Statement.Status, s.Statement.StatusRead = outbox.StatusRefundNone, true // nothing was ever refunded
	case api.OutcomeRefused: // the API does not say
	default:
		return s.failed(reply)
	}
	s.Statement.Seen = outbox.Seen{Begun: begun, Answered: g.o.Clock.Now(), Broken: g.o.Health.FailedSince(s.Begun)}
	return s
}

// failed returns the statement that says why nothing was read.
func (s StatementReply) failed(reply api.Reply) StatementReply {
	e, code := outbox.Event{Type: outbox.Ambiguous, RetryAfter: reply.RetryAfter}, outbox.WaitAPIError
	if held, ok := heldBack[reply.Outcome]; ok {
		e.Type, code = held.event, held.code
	}
	return StatementReply{Begun: s.Begun, Failed: e, Code: code, Retry: max(reply.RetryAfter, statementAgain)}
}

// StatementEvent returns StatementSeen with an order's statement, or the event that says why it could not be read.
func (g *Gateway) StatementEvent(ctx context.Context, orderUUID string) outbox.Event {
	s := g.Statement(ctx, orderUUID)
	if s.Failed.Type != 0 {
		return s.Failed
	}
	return outbox.Event{Type: outbox.StatementSeen, Statement: s.Statement}
}

// statementAgain is how soon a statement that could not be read is read again.
const statementAgain = 2 * time.Second
