package lane

import (
	"context"
	"errors"
	"time"

	"tillpost/outbox"
)

// Named verifies the order that a newer copy of the outbox named for a request, as a callback's is.
func (ls *Lanes) Named(r outbox.Request, orderUUID string) {
	ls.lane(r.Terminal).post(r.Seq, outbox.Event{Type: outbox.CallbackSeen, OrderUUID: orderUUID})
}

// HintPace is how often what callbacks name is asked for, of each request.
const HintPace = time.Second

// LookAtHint has what is known of an order looked at that a callback which bears a request's mark names once more: the request,
// or every refund of the order that is under way.
func (ls *Lanes) LookAtHint(r outbox.Request, orderUUID string, refund bool) {
	e := outbox.Event{Type: outbox.CallbackSeen, OrderUUID: orderUUID}
	if !refund {
		ls.lane(r.Terminal).post(r.Seq, e)
		return
	}
	list, err := ls.o.Store.Refunds(orderUUID)
	if err != nil {
		ls.o.Log.Warn("the refunds of an order could not be read after a callback; they are polled", "err", err)
		return
	}
	for _, t := range list {
		if t.RefundWatched() || !t.State.Final() && t.State != outbox.StateQueued && t.State != outbox.StateSending {
			ls.lane(t.Terminal).post(t.Seq, e)
		}
	}
}

// KeepHint writes the order that a callback names down with its request.
func (ls *Lanes) KeepHint(ctx context.Context, r outbox.Request, orderUUID string) error {
	if r.HintsFull() {
		return errors.New("callbacks have named too many orders for this request; none of them is judged yet")
	}
	l := ls.lane(r.Terminal)
	kept := make(chan error, 1)
	l.do(func() {
		e := outbox.Event{Type: outbox.CallbackSeen, OrderUUID: orderUUID}
		after, fx, err := l.commit(r.Seq, e, nil)
		kept <- err
		l.written(r.Seq, e, after, fx, err)
	})
	select {
	case err := <-kept:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-ls.ctx.Done():
		return ls.ctx.Err()
	}
}
