package agent

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"tillpost/agent/terminals"
	"tillpost/api"
	"tillpost/monitor"
	"tillpost/mqtt/message"
	"tillpost/outbox"
)

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
	return req.Resolution.By, value, nil
}

// faulty refuses a body for one of its members.
func faulty(path, why string) *monitor.Refusal {
	return refusal(http.StatusUnprocessableEntity, &message.Rejection{
		Code: message.CodeInvalidRequest, Message: path + " " + why, Errors: []message.FieldError{{Path: path, Message: why}}})
}
