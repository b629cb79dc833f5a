package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"

	"tillpost/api"
	"tillpost/monitor"
	"tillpost/mqtt"
	"tillpost/outbox"
)

// pausedBlob is where it is kept on disk what people last had terminals do: to pause, or to go on.
const pausedBlob = "paused"

// pauses knows which terminals a person has paused. A lane starts nothing from its queue then; what is at the terminal, and
// what is cancelled, expires or is settled, goes on.
type pauses struct {
	store outbox.Store

	changing sync.Mutex // held from the reading of what stands to its replacement
	mu       sync.Mutex
	words    map[string]pauseWord // by terminal
}

// pauseWord is what a person said last of a terminal.
type pauseWord struct {
	mqtt.Paused
	Resumed bool `json:"resumed,omitempty"`
}

// load takes up what was kept; nothing kept is no error.
func (p *pauses) load() error {
	var err error
	if p.words, err = recalled[map[string]pauseWord](p.store, pausedBlob); err != nil {
		return fmt.Errorf("which terminals are paused can't be read from the outbox: %w", err)
	}
	return nil
}

// of tells who has paused a terminal, nil if nobody has.
func (p *pauses) of(terminal string) *mqtt.Paused {
	p.mu.Lock()
	defer p.mu.Unlock()
	word, said := p.words[terminal]
	if !said || word.Resumed {
		return nil
	}
	return &word.Paused
}

// say has a terminal pause or go on, and returns once that is on disk. Where it does so already the word of before stands.
func (p *pauses) say(ctx context.Context, terminal string, word pauseWord) error {
	p.changing.Lock()
	defer p.changing.Unlock()
	if paused := p.of(terminal) != nil; paused == !word.Resumed {
		return nil
	}
	p.mu.Lock()
	words := maps.Clone(p.words)
	p.mu.Unlock()
	if words == nil {
		words = map[string]pauseWord{}
	}
	words[terminal] = word
	if err := keep(ctx, p.store, pausedBlob, words); err != nil {
		return err
	}
	p.mu.Lock()
	p.words = words
	p.mu.Unlock()
	return nil
}

// Pause implements monitor.Source.
func (a *Agent) Pause(ctx context.Context, terminal string, body []byte) (any, error) {
	return a.pause(ctx, terminal, body, false)
}

// Resume implements monitor.Source.
func (a *Agent) Resume(ctx context.Context, terminal string, body []byte) (any, error) {
	return a.pause(ctx, terminal, body, true)
}

// pause returns once the lane keeps to it: after that nothing is started that was not.
func (a *Agent) pause(ctx context.Context, terminal string, body []byte, resumed bool) (any, error) {
	t, known := a.knownTerminal(terminal)
	if !known {
		return nil, refusal(http.StatusNotFound, &mqtt.Rejection{
			Code: mqtt.CodeUnknownTerminal, Message: "there is no such terminal here; there are: " + a.lanes.directory.known()})
	}
	by, _, no := a.person(terminal, body, "")
	if no != nil {
		return nil, no
	}
	word := pauseWord{mqtt.Paused{By: by, Since: mqtt.At(a.clock.Now().Time())}, resumed}
	// The caller's going away must not leave it open whether that is written.
	if err := a.lanes.pauses.say(a.lanes.ctx, terminal, word); err != nil {
		return nil, err
	}
	a.log.Info("a person had a terminal pause or go on", "terminal", terminal, "resumed", resumed)
	kept := make(chan struct{})
	l := a.lanes.lane(terminal)
	l.do(func() { l.repaused(); close(kept) })
	select {
	case <-kept:
	case <-ctx.Done():
	case <-a.lanes.ctx.Done():
	}
	return a.terminalInfo(t), nil
}

// knownTerminal finds a terminal that is listed, or that has requests or a pause of before.
func (a *Agent) knownTerminal(uuid string) (t api.Terminal, known bool) {
	for _, t := range a.lanes.directory.list() {
		if t.UUID == uuid {
			return t, true
		}
	}
	known = a.lanes.pauses.of(uuid) != nil || slices.ContainsFunc(a.store.Lanes(), func(at outbox.Lane) bool { return at.Terminal == uuid })
	return api.Terminal{UUID: uuid, Name: uuid}, known
}

// repaused has the lane look anew after its terminal was paused or resumed.
func (l *lane) repaused() {
	l.moved = true
	l.show(outbox.Request{})
	at := l.store.Lane(l.terminal)
	if l.pauses.of(l.terminal) != nil || at.Holder != 0 || at.Head == 0 {
		return
	}
	if r, err := l.store.Get(at.Head); err == nil {
		l.publish.waitsNoMore(r, headOfLane, outbox.WaitPaused)
	}
}

// person reads {by}, and with it one more member where that has a name, as strictly as a decision that comes over MQTT.
func (a *Agent) person(terminal string, body []byte, member string) (by, value string, no *monitor.Refusal) {
	decode := func(payload []byte) (*mqtt.Request, *mqtt.Rejection) {
		return mqtt.Decode(a.topics, a.topics.Request(terminal, mqtt.KindResolution), false, payload, a.intake.rules(a.clock.Now()))
	}
	if _, no := decode(body); no != nil && no.Code != mqtt.CodeInvalidRequest {
		return "", "", refusal(http.StatusBadRequest, no)
	}
	var given map[string]json.RawMessage
	if err := json.Unmarshal(body, &given); err != nil || given == nil {
		return "", "", refusal(http.StatusBadRequest, &mqtt.Rejection{Code: mqtt.CodeNotJSON, Message: "the body must be one JSON object"})
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
	// Who it is, is judged where a resolution says it.
	given["requestId"], given["target"], given["outcome"] = quote("person"), quote("any"), quote(mqtt.OutcomeAbandon)
	payload, err := encode(given)
	if err != nil {
		return "", "", refusal(http.StatusBadRequest, &mqtt.Rejection{Code: mqtt.CodeNotJSON, Message: "the body must be one JSON object"})
	}
	req, rejected := decode(payload)
	if rejected != nil {
		return "", "", refusal(http.StatusUnprocessableEntity, rejected)
	}
	return req.Resolution.By, value, nil
}

// faulty refuses a body for one of its members.
func faulty(path, message string) *monitor.Refusal {
	return refusal(http.StatusUnprocessableEntity, &mqtt.Rejection{
		Code: mqtt.CodeInvalidRequest, Message: path + " " + message, Errors: []mqtt.FieldError{{Path: path, Message: message}}})
}
