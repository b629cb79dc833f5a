package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"tillpost/mqtt"
	"tillpost/mqtt/message"
)

// till is a follower with what it wrote and published.
type till struct {
	*follower
	t          *testing.T
	out, notes strings.Builder
	published  []mqtt.Message
	clock      time.Time
}

func newTill(t *testing.T, asJSON bool) *till {
	t.Helper()
	r := &till{t: t, clock: at("12:00:00").Time}
	r.follower = &follower{
		screen:  &screen{out: &r.out, notes: &r.notes, local: time.UTC, now: func() time.Time { return r.clock }},
		json:    asJSON,
		topics:  mqtt.Topics{Prefix: "p"},
		request: &message.Request{Kind: mqtt.KindOrder, Terminal: "T1", RequestID: "r1", Raw: []byte("{}")},
		publish: func(m mqtt.Message) mqtt.Token {
			r.published = append(r.published, m)
			token, decide := mqtt.NewToken()
			decide(nil)
			return token
		},
	}
	return r
}

// on has an event handled that must not be the last.
func (r *till) on(e event) {
	r.t.Helper()
	if done, err := r.handle(e); done || err != nil {
		r.t.Fatalf("it ended: %v", err)
	}
}

func (r *till) tick(d time.Duration) {
	r.t.Helper()
	r.clock = r.clock.Add(d)
	r.on(event{tick: r.clock})
}

func delivery(t *testing.T, topic string, retained bool, v any) event {
	t.Helper()
	payload, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	d := mqtt.NewDelivery(mqtt.Message{Topic: topic, Payload: payload, Retained: retained}, false, func(*mqtt.Refusal, error) {})
	return event{message: &d}
}

func (r *till) status(retained bool, state string, final bool) event {
	return delivery(r.t, r.statusTopic(), retained, message.Status{RequestID: "r1", Kind: "order", State: state, Final: final, At: at("11:00:00")})
}

func (r *till) agentIs(state string) event {
	return delivery(r.t, "p/agent", true, message.AgentState{State: state})
}

func TestFollowerPublishesOnceAndFollows(t *testing.T) {
	t.Parallel()
	r := newTill(t, false)
	r.on(r.agentIs("online"))
	r.on(event{up: true})
	r.on(r.status(false, "queued", false))
	r.on(r.status(false, "queued", false))
	r.tick(time.Hour)
	r.on(r.status(false, "awaiting_customer", false))
	if done, err := r.handle(r.status(false, "paid", true)); !done || err != nil {
		t.Errorf("paid: %v %v", done, err)
	}
	if len(r.published) != 1 || r.published[0].Topic != "p/terminals/T1/orders" || r.published[0].Retained {
		t.Errorf("published %+v", r.published)
	}
	want := "12:00:00  order  r1  queued\n13:00:00  order  r1  awaiting_customer: the terminal shows it\n13:00:00  order  r1  paid\n"
	if r.out.String() != want || r.notes.String() != "" {
		t.Errorf("out %q, notes %q", r.out.String(), r.notes.String())
	}
}

func TestFollowerPublishesAgainUntilItHears(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ agent, note string }{
		{"", "no agent has ever spoken on p/agent"},
		{"offline", "the agent is offline"},
		{"degraded", "though the agent is degraded: may this login write p/terminals/T1/orders"},
	} {
		r := newTill(t, false)
		if test.agent != "" {
			r.on(r.agentIs(test.agent))
		}
		r.on(event{up: true})
		r.tick(resendAfter - time.Millisecond)
		if len(r.published) != 1 {
			t.Errorf("%q: published %d times just before the time", test.agent, len(r.published))
		}
		r.tick(time.Millisecond)
		if len(r.published) != 2 || !strings.Contains(r.notes.String(), "no answer") || !strings.Contains(r.notes.String(), test.note) {
			t.Errorf("%q: published %d times, notes %s", test.agent, len(r.published), r.notes.String())
		}
		r.on(r.status(false, "queued", false))
		r.tick(time.Hour)
		if len(r.published) != 2 {
			t.Errorf("%q: published again after the answer", test.agent)
		}
	}
}

// What is retained from an earlier use of the id is shown, but it is not the answer to this message.
func TestFollowerDoesNotTakeAnOldStatusForTheAnswer(t *testing.T) {
	t.Parallel()
	r := newTill(t, false)
	r.on(event{up: true})
	r.on(r.status(true, "paid", true))
	r.tick(resendAfter)
	if len(r.published) != 2 {
		t.Error("an old status counted as the answer")
	}
	reject := delivery(t, "p/rejects", false, message.Reject{Topic: "p/terminals/T1/orders", RequestID: "r1", Reason: &message.Reason{Code: "requestIdConflict", Message: "taken"}})
	if done, err := r.handle(reject); !done || err == nil || err.Error() != "order r1 was refused: requestIdConflict, taken" {
		t.Errorf("%v %v", done, err)
	}
}

func TestFollowerEndsOnlyByItsOwnRefusal(t *testing.T) {
	t.Parallel()
	r := newTill(t, false)
	r.on(event{up: true})
	for _, other := range []message.Reject{
		{Topic: "p/terminals/T2/orders", RequestID: "r1", Reason: &message.Reason{Code: "c"}},
		{Topic: "p/terminals/T1/orders", RequestID: "r2", Reason: &message.Reason{Code: "c"}},
	} {
		r.on(delivery(t, "p/rejects", false, other))
	}
	r.on(delivery(t, "p/terminals/T1/status/r2", false, message.Status{RequestID: "r2", State: "paid", Final: true}))
}

func TestFollowerFailsForWhatWasNotWanted(t *testing.T) {
	t.Parallel()
	for state, well := range map[string]bool{
		"paid": true, "refunded": true, "submitted": true, "done": true,
		"declined": false, "cancelled": false, "rejected": false, "expired": false, "unresolved": false,
	} {
		r := newTill(t, false)
		r.on(event{up: true})
		done, err := r.handle(r.status(false, state, true))
		if !done || (err == nil) != well {
			t.Errorf("%s: %v %v", state, done, err)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "order r1 ended "+state) {
			t.Errorf("%s: %v", state, err)
		}
	}
}

func TestFollowerOverAReconnect(t *testing.T) {
	t.Parallel()
	r := newTill(t, false)
	r.on(event{up: true})
	r.on(r.status(false, "queued", false))
	r.on(event{down: errors.New("cut")})
	r.on(event{down: errors.New("refused")})
	r.tick(time.Hour)
	r.on(event{up: true})
	// The agent went on meanwhile; what is retained now is news.
	if done, err := r.handle(r.status(true, "paid", true)); !done || err != nil {
		t.Errorf("%v %v", done, err)
	}
	want := "12:00:00  no connection to the broker, trying again: cut\n13:00:00  connected to the broker again\n"
	if r.notes.String() != want {
		t.Errorf("notes %q", r.notes.String())
	}
}

// To a 3.1.1 client a broker says no by ending the connection: what may be meant is said.
func TestFollowerWhoseRequestEndsTheConnection(t *testing.T) {
	t.Parallel()
	for after, asks := range map[time.Duration]bool{deniedWithin - 1: true, deniedWithin: false} {
		r := newTill(t, false)
		r.on(event{up: true})
		r.tick(after)
		r.on(event{down: errors.New("cut")})
		if got := strings.Contains(r.notes.String(), "cut; it ended with the request: may this login write p/terminals/T1/orders?"); got != asks {
			t.Errorf("cut after %v: %q", after, r.notes.String())
		}
	}
}

func TestFollowerGivesUpWithoutAFirstConnection(t *testing.T) {
	t.Parallel()
	r := newTill(t, false)
	cause := errors.New("connection refused")
	if done, err := r.handle(event{down: cause}); !done || !errors.Is(err, cause) {
		t.Errorf("%v %v", done, err)
	}
}

func TestFollowerInJSON(t *testing.T) {
	t.Parallel()
	r := newTill(t, true)
	r.on(event{up: true})
	r.on(r.status(false, "queued", false))
	r.on(r.status(false, "queued", false))
	d := mqtt.NewDelivery(mqtt.Message{Topic: r.statusTopic(), Payload: []byte("{")}, false, func(*mqtt.Refusal, error) {})
	r.on(event{message: &d})
	if _, err := r.handle(r.status(false, "declined", true)); err == nil {
		t.Error("declined ended well")
	}
	lines := strings.Split(strings.TrimSpace(r.out.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%q", lines)
	}
	for i, state := range []string{"queued", "declined"} {
		var s message.Status
		if err := json.Unmarshal([]byte(lines[i]), &s); err != nil || s.State != state {
			t.Errorf("line %d: %s, %v", i, lines[i], err)
		}
	}
}

func TestUnfinished(t *testing.T) {
	t.Parallel()
	r := newTill(t, false)
	r.on(event{up: true})
	if err := r.unfinished("after 1s"); !strings.Contains(err.Error(), "not finished after 1s; the agent has not answered") {
		t.Error(err)
	}
	r.on(r.status(false, "queued", false))
	if err := r.unfinished("yet"); !strings.Contains(err.Error(), "not finished yet; its last known state is queued") {
		t.Error(err)
	}
}
