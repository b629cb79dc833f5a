package agent

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"tillpost/agent/intake"
	"tillpost/agent/lane"
	"tillpost/agent/publish"
	"tillpost/agent/terminals"
	"tillpost/api"
	"tillpost/monitor"
	"tillpost/mqtt"
	"tillpost/mqtt/message"
	"tillpost/outbox"
)

const (
	resolveWait = 3 * time.Second
	resolveLook = 50 * time.Millisecond
)

// Resolve implements monitor.Source: the decision goes the way of one that a till publishes, with an id of its own.
func (a *Agent) Resolve(ctx context.Context, id string, body []byte) (any, bool, error) {
	target, err := a.store.Lookup(id)
	if errors.Is(err, outbox.ErrNotFound) {
		return nil, false, refusal(http.StatusNotFound, &message.Rejection{Code: message.CodeUnknownTarget, Message: "no request with that id is kept here"})
	}
	if err != nil {
		return nil, false, err
	}
	now := a.clock.Now()
	decision, no := a.members(target.Terminal, body, now)
	if no != nil {
		return nil, false, no
	}
	if other, given := decision["target"]; given && string(other) != string(asJSON(id)) {
		return nil, false, faulty("/target", "is another request than the one in the address")
	}
	resolutionID := uuid.NewString()
	decision["requestId"], decision["target"] = asJSON(resolutionID), asJSON(id)
	req, rejected := a.decodeResolution(target.Terminal, asJSON(decision), now)
	if rejected != nil {
		return nil, false, refusal(http.StatusUnprocessableEntity, rejected)
	}
	if _, err := a.store.Add(ctx, intake.Record(req, a.cfg, now)); err != nil {
		return nil, false, err
	}
	return a.resolved(ctx, resolutionID)
}

// members reads a body that is a resolution once we have added to it, which would hide a key that is there twice.
func (a *Agent) members(terminal string, body []byte, now outbox.Instant) (given map[string]json.RawMessage, no *monitor.Refusal) {
	if _, no := a.decodeResolution(terminal, body, now); no != nil && no.Code != message.CodeInvalidRequest {
		return nil, refusal(http.StatusBadRequest, no)
	}
	if err := json.Unmarshal(body, &given); err != nil || given == nil {
		return nil, refusal(http.StatusBadRequest, &message.Rejection{Code: message.CodeNotJSON, Message: "the body must be one JSON object"})
	}
	return given, nil
}

func (a *Agent) decodeResolution(terminal string, payload []byte, now outbox.Instant) (*message.Request, *message.Rejection) {
	return message.Decode(a.topics, a.topics.Request(terminal, mqtt.KindResolution), false, payload, a.intake.Rules(now))
}

func refusal(status int, why *message.Rejection) *monitor.Refusal {
	reason := why.Reason()
	return &monitor.Refusal{Status: status, Code: reason.Code, Detail: reason.Message, Reason: reason}
}

// resolved waits a little for a resolution's end; one that still waits goes on by itself.
func (a *Agent) resolved(ctx context.Context, id string) (any, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveWait)
	defer cancel()
	for {
		r, err := a.store.Lookup(id)
		if err != nil {
			return nil, false, err
		}
		switch r.State {
		case outbox.StateDone:
			return a.view(r), true, nil
		case outbox.StateRejected, outbox.StateExpired:
			return nil, true, endedRefusal(r)
		}
		if !sleep(ctx, resolveLook) {
			return a.view(r), false, nil
		}
	}
}

// endedRefusal returns why a resolution was not carried out.
func endedRefusal(r outbox.Request) *monitor.Refusal {
	no := &monitor.Refusal{Status: http.StatusConflict, Code: r.State.String()}
	if reason := publish.ReasonOf(r.Reason); reason != nil {
		no.Code, no.Detail, no.Reason = reason.Code, reason.Message, reason
	}
	return no
}

// asJSON returns a string, or what members has read, as JSON.
func asJSON(value any) json.RawMessage {
	raw, _ := json.Marshal(value) // these always marshal
	return raw
}

// Pause implements monitor.Source.
func (a *Agent) Pause(ctx context.Context, terminal string, body []byte) (any, error) {
	return a.pause(ctx, terminal, body, false)
}

// Resume implements monitor.Source.
func (a *Agent) Resume(ctx context.Context, terminal string, body []byte) (any, error) {
	return a.pause(ctx, terminal, body, true)
}

// pause has a terminal pause or go on, and returns once its lane keeps to that.
func (a *Agent) pause(ctx context.Context, terminal string, body []byte, resumed bool) (any, error) {
	t, known := a.knownTerminal(terminal)
	if !known {
		return nil, refusal(http.StatusNotFound, &message.Rejection{
			Code: message.CodeUnknownTerminal, Message: "there is no such terminal here; there are: " + a.directory.Known()})
	}
	by, _, no := a.person(terminal, body, "")
	if no != nil {
		return nil, no
	}
	state := terminals.PauseState{Paused: message.Paused{By: by, Since: message.At(a.clock.Now().Time())}, Resumed: resumed}
	// The caller's going away must not leave it open whether that is written.
	if err := a.pauses.Set(a.lanes.Working(), terminal, state); err != nil {
		return nil, err
	}
	a.log.Info("a person had a terminal pause or go on", "terminal", terminal, "resumed", resumed)
	a.lanes.Repaused(ctx, terminal)
	return a.terminalInfo(t), nil
}

// knownTerminal finds a terminal that is listed, or that has requests or a pause of before.
func (a *Agent) knownTerminal(uuid string) (t api.Terminal, known bool) {
	for _, t := range a.directory.List() {
		if t.UUID == uuid {
			return t, true
		}
	}
	known = a.pauses.Of(uuid) != nil || slices.ContainsFunc(a.store.Lanes(), func(at outbox.Lane) bool { return at.Terminal == uuid })
	return api.Terminal{UUID: uuid, Name: uuid}, known
}

// person reads {by}, and with it one more member where that has a name, as strictly as a decision that comes over MQTT.
func (a *Agent) person(terminal string, body []byte, member string) (by, value string, no *monitor.Refusal) {
	now := a.clock.Now()
	given, no := a.members(terminal, body, now)
	if no != nil {
		return "", "", no
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if key != "by" && (member == "" || key != member) {
			return "", "", faulty("/"+key, "is not known here")
		}
	}
	if member != "" {
		raw, there := given[member]
		if !there || json.Unmarshal(raw, &value) != nil || value == "" {
			return "", "", faulty("/"+member, "is required, a string that is not empty")
		}
		delete(given, member)
	}
	// The person is checked as that of a resolution.
	given["requestId"], given["target"], given["outcome"] = asJSON("person"), asJSON("any"), asJSON(message.OutcomeAbandon)
	req, rejected := a.decodeResolution(terminal, asJSON(given), now)
	if rejected != nil {
		return "", "", refusal(http.StatusUnprocessableEntity, rejected)
	}
	return req.By, value, nil
}

// faulty refuses a body for one of its members.
func faulty(path, why string) *monitor.Refusal {
	return refusal(http.StatusUnprocessableEntity, &message.Rejection{
		Code: message.CodeInvalidRequest, Message: path + " " + why, Errors: []message.FieldError{{Path: path, Message: why}}})
}

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
