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
