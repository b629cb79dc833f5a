package gateway

import (
	"context"
	"slices"

	"tillpost/agent/lookups"
	"tillpost/api"
	"tillpost/outbox"
)

// orderSeen compares an order's details with the request for which it was named.
func (g *Gateway) orderSeen(d api.OrderDetails, r outbox.Request) outbox.OrderSeen {
	seen := outbox.OrderSeen{Details: outbox.DetailsRead}
	if ore, ok := lookups.AmountOf(d); ok {
		seen.AmountKnown, seen.AmountFits = true, ore == r.AmountMinor
	}
	marks := outbox.FindMarks(d.References())
	switch {
	case slices.ContainsFunc(marks, r.Bears), len(r.Submissions) == 0 && seen.AmountFits && slices.ContainsFunc(marks, g.ofNewerCopy):
		seen.References = outbox.ReferencesMarked
	case !d.ReferencesKnown:
		seen.References = outbox.ReferencesNull
	default:
		seen.References = comparedReferences(lookups.ReferencesOf(d), r)
	}
	return seen
}

// ofNewerCopy reports whether a mark is one of this outbox that it does not know: a newer copy has made it. A request that was
// never sent from here, and whose status that copy has published, bears such a one.
func (g *Gateway) ofNewerCopy(mark string) bool {
	seq, _ := outbox.MarkSeq(mark)
	r, err := g.o.Store.Get(seq)
	return outbox.MarkTagged(mark, g.instance) && (err != nil || !r.Bears(mark))
}

// ReadHint reads the order that a callback named for r. The event is HintRead, with what was seen; without details and with
// RetryAfter where it could not be read.
func (g *Gateway) ReadHint(ctx context.Context, orderUUID string, r outbox.Request) outbox.Event {
	e := outbox.Event{Type: outbox.HintRead, OrderUUID: orderUUID}
	details, status, reply := g.named(ctx, orderUUID)
	switch reply.Outcome {
	case api.OutcomeAccepted:
		e.Status = status
		if e.Order = (outbox.OrderSeen{Details: outbox.DetailsNotOurs, Known: true}); details != nil {
			e.Order = g.orderSeen(*details, r)
		}
	case api.OutcomeNotFound:
		e.Order.Details = outbox.DetailsMissing
	default:
		e.RetryAfter = reply.RetryAfter
	}
	return e
}

// Adoptable returns Found, with a status, for an order that the request t may adopt; else the event for the resolution: Refused
// with a reason, or Unavailable while the order can't be read. Where details are not ours, a payment status that is not 404 is
// enough.
func (g *Gateway) Adoptable(ctx context.Context, orderUUID string, t outbox.Request) outbox.Event {
	details, status, reply := g.named(ctx, orderUUID)
	switch {
	case reply.Outcome == api.OutcomeAccepted && details != nil:
		return g.adoptionOf(*details, t)
	case reply.Outcome == api.OutcomeAccepted:
		return adopted(status)
	case reply.Outcome == api.OutcomeNotFound:
		return outbox.Event{Type: outbox.Refused, Reason: reasonFrom(reply)}
	}
	return outbox.Event{Type: outbox.Unavailable, RetryAfter: max(reply.RetryAfter, statementAgain)}
}

// named reads an order that somebody named: its details, or where those are not ours its payment status, with nil details.
func (g *Gateway) named(ctx context.Context, orderUUID string) (*api.OrderDetails, outbox.OrderStatus, api.Reply) {
	details, reply := g.o.API.OrderDetails(ctx, orderUUID)
	g.o.Rights.Saw(ctx, lookups.Details, reply)
	if !g.o.Rights.NotOurs(lookups.Details) || !lookups.Forbids(reply) && !lookups.Missing(reply) {
		return &details, lookups.StatusOf(details.State()), reply
	}
	payment, reply := g.o.API.PaymentStatus(ctx, orderUUID)
	return nil, lookups.StatusOf(payment.State), reply
}

// adoptionOf compares the details of an order that a person named with the request that is to adopt it.
func (g *Gateway) adoptionOf(details api.OrderDetails, t outbox.Request) outbox.Event {
	ore, known := lookups.AmountOf(details)
	switch other, marked := g.markedBy(details.References(), t); {
	case marked:
		return outbox.Event{Type: outbox.Refused, Reason: &outbox.Reason{Code: outbox.CodeOrderUUIDTaken, Message: "that order was placed for request " + other.ID}}
	case !known:
		return outbox.Event{Type: outbox.Unavailable, RetryAfter: statementAgain}
	case ore != t.AmountMinor:
		return outbox.Event{Type: outbox.Refused, Reason: &outbox.Reason{Code: outbox.CodeAmountMismatch, Message: "that order is of another amount"}}
	}
	return adopted(lookups.StatusOf(details.State()))
}

// adopted is the event for an order that may be adopted. That it is paid ends the request at once; any other end is asked for
// again, in words that tell a declined payment from a cancelled order.
func adopted(s outbox.OrderStatus) outbox.Event {
	if s != outbox.StatusPaid {
		s = outbox.StatusPending
	}
	return outbox.Event{Type: outbox.Found, Status: s}
}

// markedBy finds another request of ours whose mark stands in an order's references: a person who takes that order for
// this one has read the wrong line, and the other would be sent again.
func (g *Gateway) markedBy(references string, t outbox.Request) (outbox.Request, bool) {
	for _, mark := range outbox.FindMarks(references) {
		seq, _ := outbox.MarkSeq(mark)
		if other, err := g.o.Store.Get(seq); err == nil && other.Seq != t.Seq && other.Bears(mark) {
			return other, true
		}
	}
	return outbox.Request{}, false
}
