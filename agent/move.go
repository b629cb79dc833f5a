package agent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"tillpost/mqtt/message"
	"tillpost/outbox"
)

// Move implements monitor.Source: it puts a queued request of which no byte ever left at the end of another terminal's queue, and
// returns its status there once that is on disk.
func (a *Agent) Move(ctx context.Context, id string, body []byte) (any, error) {
	r, err := a.store.Lookup(id)
	switch {
	case errors.Is(err, outbox.ErrPruned):
		return nil, unmovable(r)
	case errors.Is(err, outbox.ErrNotFound):
		return nil, refusal(http.StatusNotFound, &message.Rejection{Code: message.CodeUnknownTarget, Message: "no request with that id is kept here"})
	case err != nil:
		return nil, err
	}
	by, to, no := a.person(r.Terminal, body, "to")
	switch {
	case no != nil:
		return nil, no
	case !a.lanes.directory.has(to):
		problem := "there is no terminal " + to + " here; there are: " + a.lanes.directory.known()
		return nil, refusal(http.StatusUnprocessableEntity, &message.Rejection{Code: message.CodeUnknownTerminal, Message: problem,
			Errors: []message.FieldError{{Path: "/to", Message: problem}}})
	}
	type outcome struct {
		r   outbox.Request
		err error
	}
	moved := make(chan outcome, 1)
	l := a.lanes.lane(r.Terminal)
	l.do(func() {
		r, err := l.move(r.Seq, to, by)
		moved <- outcome{r, err}
	})
	select {
	case o := <-moved:
		if o.err != nil {
			return nil, o.err
		}
		a.log.Info("a person had a request moved", "request", id, "to", to)
		return a.view(o.r), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-a.lanes.ctx.Done():
		return nil, outbox.ErrClosed
	}
}

// move gives a request of this lane's queue to another lane. One that waits there by an earlier move stays where it is: the
// answer to that may have been lost.
func (l *lane) move(seq uint64, to, by string) (outbox.Request, error) {
	r, err := l.store.Get(seq)
	if err == nil && r.Terminal == to && r.Moved != 0 && r.InQueue() {
		return r, nil
	}
	e := outbox.Event{Type: outbox.Moved, To: to, By: by, Lane: l.terminal}
	l.stamp(&e)
	after, fx, err := l.store.Apply(l.ctx, seq, e)
	if errors.Is(err, outbox.ErrUncertain) || errors.Is(err, outbox.ErrMoved) {
		after, err = l.store.Get(seq)
	}
	switch {
	case err != nil:
		return outbox.Request{}, fmt.Errorf("the request stays where it is: %w", err)
	case after.Terminal != to || ignored(fx):
		return after, unmovable(after)
	}
	l.applied(after, e, fx)
	return after, nil
}

// unmovable says why a request stays where it is.
func unmovable(r outbox.Request) error {
	why := &message.Rejection{Code: message.Code(r.State.String())}
	switch {
	case !r.Kind.Laned():
		why.Message = "a " + r.Kind.String() + " does not wait in a queue; only orders, refunds and approvals are moved"
	case r.State != outbox.StateQueued:
		why.Message = "it is " + r.State.String() + "; only what is queued and was never sent is moved"
	case !r.NeverSent():
		if r.Waiting != nil {
			why.Code = message.Code(r.Waiting.Code)
		}
		why.Message = "it was sent to its terminal already, so an order may exist there; only what was never sent is moved"
	case r.CancelWanted:
		why.Code, why.Message = message.Code(outbox.CodeCancelWanted), "it is being cancelled"
	default:
		why.Message = "it waits at that terminal already"
	}
	return refusal(http.StatusConflict, why)
}

// moved has the lanes take up that a request left one for another.
func (ls *lanes) moved(r outbox.Request, from string) {
	for _, terminal := range []string{from, r.Terminal} {
		l := ls.lane(terminal)
		l.do(func() {
			if terminal == from {
				l.forget(r.Seq)
			}
			l.moved = true
			l.show(outbox.Request{})
		})
	}
}

// forget drops what the lane knows of a request that waits elsewhere.
func (l *lane) forget(seq uint64) {
	l.clearTimers(seq)
	delete(l.entered, seq)
	delete(l.looks, seq)
	delete(l.dials, seq)
}

// passOn gives an event to the lane where its request waits by now. A turn is not passed on: it comes there by itself.
func (l *lane) passOn(seq uint64, e outbox.Event) {
	l.forget(seq)
	l.moved = true
	if r, err := l.store.Get(seq); err == nil && e.Type != outbox.Due {
		l.lane(r.Terminal).post(seq, e)
	}
}

// toldAt reports whether a request is told of on a terminal's topics.
func toldAt(r outbox.Request, terminal string) bool { return slices.Contains(r.Terminals(), terminal) }
