package agent

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"tillpost/agent/intake"
	"tillpost/agent/publish"
	"tillpost/monitor"
	"tillpost/mqtt"
	"tillpost/mqtt/message"
	"tillpost/outbox"
)

// requestView is a request as the JSON API shows it: the status message, and how it came about.
type requestView struct {
	message.Status
	// Accepted is not known any more of a pruned request.
	Accepted message.Timestamp `json:"accepted,omitzero"`
	History  []historyEntry    `json:"history"`
	// Evidence is there for what is, or was, in doubt.
	Evidence []evidence `json:"evidence,omitempty"`
}

type historyEntry struct {
	Revision uint64            `json:"revision"`
	At       message.Timestamp `json:"at"`
	State    string            `json:"state"`
	Event    string            `json:"event"`
	Code     string            `json:"code,omitempty"`
	By       string            `json:"by,omitempty"`
	// To is the terminal that a request was moved to.
	To string `json:"to,omitempty"`
}

func (a *Agent) view(r outbox.Request) requestView {
	v := requestView{Status: a.publish.Current(r), History: history(r), Evidence: evidenceOf(r)}
	if r.Accepted != (outbox.Instant{}) {
		v.Accepted = message.At(r.Accepted.Time())
	}
	return v
}

func history(r outbox.Request) []historyEntry {
	list := []historyEntry{}
	for _, e := range r.History {
		list = append(list, historyEntry{
			Revision: e.Revision, At: message.At(e.At.Time()), State: e.State.String(), Event: e.Event, Code: e.Code, By: e.By, To: e.To,
		})
	}
	return list
}

// Request implements monitor.Source.
func (a *Agent) Request(id string) (any, bool, error) {
	r, err := a.store.Lookup(id)
	switch {
	case err == nil, errors.Is(err, outbox.ErrPruned):
		return a.view(r), true, nil
	case errors.Is(err, outbox.ErrNotFound):
		return nil, false, nil
	}
	return nil, false, err
}

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
