package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"tillpost/agent/clock"
	"tillpost/agent/health"
	"tillpost/agent/lookups"
	"tillpost/api"
	"tillpost/outbox"
)

// Gateway makes the calls to the API that serve one request, and returns what came of each as an event of the state machine. Several
// may be under way at once.
type Gateway struct {
	o        Options
	instance string // of the outbox, for marks
	poller   *poller
	spares   *spares
}

// Options are what a gateway needs; all of it is required, but for the defaults of an order.
type Options struct {
	API    *api.Client
	Store  outbox.Store
	Rights *lookups.Rights
	Health *health.Health
	Clock  clock.Clock
	// Rand returns the jitter of a pause, in [0,1).
	Rand func() float64
	// Seen is called with each order whose payment status the API has returned.
	Seen func(orderUUID string)

	// Location is the store's, for the date of an order that has none.
	Location *time.Location
	// CustomerDetails and SendOrderBy are used where an order has none; nil: not set.
	CustomerDetails, SendOrderBy json.RawMessage
	// CallbackURL has the mark for its last path segment; "": callbacks are off.
	CallbackURL string
}

// New makes a gateway; it makes no call.
func New(o Options) *Gateway {
	g := &Gateway{o: o, instance: o.Store.Identity().Instance, poller: &poller{api: o.API, polled: map[string]polled{}}}
	g.spares = newSpares(g.dialAhead, func(since time.Time) bool { return !g.o.Health.FailedSince(since) }, g.o.Rand)
	return g
}

// Close lets the connections go that stand ready.
func (g *Gateway) Close() { g.spares.close() }

// Spare is a connection that stands ready and was never used, nil if there is none. It is the caller's from now on.
func (g *Gateway) Spare() *api.Conn { return g.spares.take() }

// AddBehind notes at how many more terminals an order waits behind a sale, less than 0 for fewer: each needs a spare soon.
func (g *Gateway) AddBehind(terminals int) { g.spares.addBehind(terminals) }

// SpareServes reports whether what Spare returned a while ago may still be used.
func (g *Gateway) SpareServes(conn *api.Conn) bool { return g.spares.serves(conn) }

// ComposeOrder makes the body of an order with its mark. It returns ErrDateUnknown for one that has to be dated while the clock is
// not known to be right.
func (g *Gateway) ComposeOrder(r outbox.Request, mark string) (ComposedOrder, error) {
	return g.o.order(r, mark, g.o.Clock.Now())
}

// dialAgain is how soon a connection is tried again where the API does not say when.
const dialAgain = time.Second

// Dial opens a connection for one submission. Where that fails, retry is how soon it is worth another try.
func (g *Gateway) Dial(ctx context.Context) (conn *api.Conn, retry time.Duration, err error) {
	conn, err = g.o.API.Dial(ctx)
	if err == nil {
		return conn, 0, nil
	}
	return nil, g.notDialled(err), err
}

// dialAhead opens a connection for a later submission.
func (g *Gateway) dialAhead(ctx context.Context) (*api.Conn, error) {
	conn, err := g.o.API.DialAhead(ctx)
	if err != nil {
		g.notDialled(err)
	}
	return conn, err
}

// notDialled notes why there is no connection, and returns how soon it is worth another try.
func (g *Gateway) notDialled(err error) time.Duration {
	if !errors.Is(err, api.ErrBreakerOpen) {
		g.o.Health.DialFailed(err)
	}
	if out, ok := errors.AsType[*api.UnavailableError](err); ok {
		return max(out.RetryAfter, 50*time.Millisecond)
	}
	return dialAgain
}

// Submit makes the one call that creates an order, refunds one, or asks for the approval to, on a connection that was dialled for
// it. The event is Accepted, with the order's uuid, or with Final where a refund is done already; else what came of the call.
func (g *Gateway) Submit(ctx context.Context, conn *api.Conn, r outbox.Request, body []byte) outbox.Event {
	var (
		orderUUID string
		final     bool
		reply     api.Reply
	)
	switch {
	case r.Kind == outbox.KindOrder:
		orderUUID, reply = g.o.API.CreateOrder(ctx, conn, body)
	case r.Kind == outbox.KindApproval || r.Refund.Approving:
		reply = g.o.API.RequestApproval(ctx, conn, r.OrderUUID, body)
	default:
		final, reply = g.o.API.Refund(ctx, conn, r.OrderUUID, body)
	}
	if reply.FromAPI {
		g.spares.submitted()
	}
	e := g.eventOf(ctx, reply, outbox.Accepted)
	if reply.Outcome == api.OutcomeAccepted {
		e.OrderUUID, e.Final = orderUUID, final
	}
	return e
}

// Cancel asks the API to cancel an order, or the refund of one. The event is Done where the API agrees.
func (g *Gateway) Cancel(ctx context.Context, orderUUID string, refund bool) outbox.Event {
	what := api.CancelPayment
	if refund {
		what = api.CancelRefund
	}
	return g.eventOf(ctx, g.o.API.Cancel(ctx, orderUUID, what), outbox.Done)
}

// Resend has an order shown on its terminal again. The event is Done where the API agrees.
func (g *Gateway) Resend(ctx context.Context, orderUUID string) outbox.Event {
	return g.eventOf(ctx, g.o.API.Resend(ctx, orderUUID), outbox.Done)
}

// heldBack has the event and the waiting code for a call that the API did not look at: it could not be reached, or let nobody in.
var heldBack = map[api.Outcome]struct {
	event outbox.EventType
	code  string
}{
	api.OutcomeRateLimited:  {outbox.RateLimited, outbox.WaitRateLimited},
	api.OutcomeUnauthorized: {outbox.Unauthorized, outbox.WaitUnauthorized},
	api.OutcomeUnavailable:  {outbox.Unavailable, outbox.WaitAPIUnreachable},
}

// eventOf returns what came of a call as an event, accepted where the API agrees.
func (g *Gateway) eventOf(ctx context.Context, reply api.Reply, accepted outbox.EventType) outbox.Event {
	e := outbox.Event{RetryAfter: reply.RetryAfter}
	if held, ok := heldBack[reply.Outcome]; ok {
		e.Type = held.event
		return e
	}
	switch reply.Outcome {
	case api.OutcomeBusy:
		e.Type = outbox.Busy
	case api.OutcomeRefused, api.OutcomeNotFound:
		e.Type, e.Reason = outbox.Refused, reasonFrom(reply)
		if reply.HTTPStatus == 403 && g.listForbidden(ctx) {
			g.o.Health.Unauthorized()
			e.Type, e.Reason = outbox.Unauthorized, nil
		}
	default:
		e.Type = outbox.Ambiguous
		if reply.Outcome == api.OutcomeAccepted {
			e.Type = accepted
		}
		if reply.HTTPStatus != 0 {
			e.Reason = reasonFrom(reply)
		}
	}
	return e
}

// listForbidden reports whether the list of terminals is forbidden too: then the token has lost its rights, and it is not this
// one request that is not allowed.
func (g *Gateway) listForbidden(ctx context.Context) bool {
	_, reply := g.o.API.ListTerminals(ctx)
	return reply.Outcome == api.OutcomeUnauthorized || reply.HTTPStatus == 403
}

func reasonFrom(reply api.Reply) *outbox.Reason {
	r := &outbox.Reason{Code: reply.Code, Message: reply.Message, HTTPStatus: reply.HTTPStatus}
	if r.Code == "" {
		r.Code = outbox.WaitAPIError
	}
	for _, e := range reply.Errors {
		r.Errors = append(r.Errors, outbox.FieldError{Path: e.Path, Message: e.Message})
	}
	return r
}

// Status asks for the payment or refund status of an order. The event is StatusSeen; else it says why the status is not known.
func (g *Gateway) Status(ctx context.Context, orderUUID string, refund bool) outbox.Event {
	e := outbox.Event{Type: outbox.StatusSeen, OrderUUID: orderUUID}
	var reply api.Reply
	if refund {
		var state api.RefundState
		state, reply = g.o.API.RefundStatus(ctx, orderUUID)
		e.Status = lookups.RefundStatusOf(state)
	} else {
		var payment api.PaymentStatus
		payment, reply = g.o.API.PaymentStatus(ctx, orderUUID)
		e.Status = lookups.StatusOf(payment.State)
		if reply.Outcome == api.OutcomeAccepted {
			g.o.Seen(orderUUID)
		}
	}
	if reply.Outcome == api.OutcomeAccepted {
		return e
	}
	e = g.eventOf(ctx, reply, outbox.StatusSeen)
	e.OrderUUID = orderUUID
	if e.Type == outbox.Refused {
		e.Type = outbox.Ambiguous // an error page, or a 404 on a uuid that we hold, decides nothing
	}
	return e
}
