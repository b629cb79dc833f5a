package agent

import (
	"context"
	"errors"
	"net/http"

	"tillpost/agent/lane"
	"tillpost/mqtt/message"
	"tillpost/outbox"
)

// Move implements monitor.Source: it puts a request that was never sent at the end of another terminal's queue, on disk.
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
	case !a.directory.Has(to):
		why := "there is no terminal " + to + " here; there are: " + a.directory.Known()
		return nil, refusal(http.StatusUnprocessableEntity, &message.Rejection{Code: message.CodeUnknownTerminal, Message: why,
			Errors: []message.FieldError{{Path: "/to", Message: why}}})
	}
	moved, err := a.lanes.Move(ctx, r, to, by)
	switch {
	case errors.Is(err, lane.ErrUnmovable):
		return nil, unmovable(moved)
	case err != nil:
		return nil, err
	}
	a.log.Info("a person had a request moved", "request", id, "to", to)
	return a.view(moved), nil
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
