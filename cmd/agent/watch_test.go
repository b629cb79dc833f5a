package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"tillpost/mqtt"
	"tillpost/mqtt/message"
)

func newTestWatcher(terminal string, asJSON bool) (w *watcher, out, notes *strings.Builder) {
	out, notes = &strings.Builder{}, &strings.Builder{}
	return &watcher{
		screen: &screen{out: out, notes: notes, local: time.UTC, now: func() time.Time { return at("12:00:00").Time }},
		topics: mqtt.Topics{Prefix: "p"}, terminal: terminal, json: asJSON, broker: "tcp://b:1883",
		names: map[string]string{}, seen: map[string]string{},
	}, out, notes
}

// scene returns what a watcher gets to see.
func scene(t *testing.T) []event {
	t.Helper()
	status := func(retained bool, terminal, id, state string, final bool) event {
		return delivery(t, "p/terminals/"+terminal+"/status/"+id, retained,
			message.Status{RequestID: id, Kind: "order", TerminalUUID: terminal, State: state, Final: final, At: at("11:00:00")})
	}
	return []event{
		delivery(t, "p/terminals", true, []message.TerminalInfo{{UUID: "T1", Name: "Kiosk", Active: true}}),
		delivery(t, "p/agent", true, message.AgentState{State: "online", Version: "v1"}),
		status(true, "T1", "old", "paid", true),
		status(true, "T1", "open", "awaiting_customer", false),
		// A reconnect of the agent says everything again; only the last is new.
		delivery(t, "p/terminals", false, []message.TerminalInfo{{UUID: "T1", Name: "Kiosk", Active: true, QueueLength: 1}}),
		status(false, "T1", "old", "paid", true),
		status(false, "T1", "open", "awaiting_customer", false),
		status(false, "T1", "open", "paid", true),
		delivery(t, "p/terminals/T2/display", false, message.Display{TerminalUUID: "T2", Phase: "idle", Since: at("11:00:00")}),
		// A request whose id looks like another topic's end.
		status(false, "T2", "display", "queued", false),
		delivery(t, "p/rejects", false, message.Reject{At: at("11:00:00"), Topic: "p/terminals/T2/orders", Reason: &message.Reason{Code: "notJSON", Message: "m"}}),
		delivery(t, "p/rejects", false, message.Reject{At: at("11:00:00"), Topic: "p/terminals/T2/orders", Reason: &message.Reason{Code: "notJSON", Message: "m"}}),
	}
}

func play(t *testing.T, w *watcher, events []event) {
	t.Helper()
	for _, e := range events {
		if done, err := w.handle(e); done || err != nil {
			t.Fatalf("it ended: %v", err)
		}
	}
}

func TestWatcherShowsChanges(t *testing.T) {
	t.Parallel()
	w, out, notes := newTestWatcher("", false)
	play(t, w, scene(t))
	want := `12:00:00  terminals  T1 Kiosk
12:00:00  agent  online: version v1
11:00:00  Kiosk  order  open  awaiting_customer: the terminal shows it
12:00:00  Kiosk  order  open  paid
12:00:00  T2  display  idle
12:00:00  T2  order  display  queued
12:00:00  T2  refused  a message without a usable requestId on p/terminals/T2/orders: notJSON, m
12:00:00  T2  refused  a message without a usable requestId on p/terminals/T2/orders: notJSON, m
`
	if out.String() != want || notes.String() != "" {
		t.Errorf("out:\n%s\nnotes: %s", out, notes)
	}
}

func TestWatcherOfOneTerminal(t *testing.T) {
	t.Parallel()
	for _, terminal := range []string{"T1", "kiosk"} {
		w, out, _ := newTestWatcher(terminal, false)
		play(t, w, scene(t))
		if strings.Contains(out.String(), "T2") || strings.Count(out.String(), "Kiosk  order") != 2 || !strings.Contains(out.String(), "agent  online") {
			t.Errorf("%s:\n%s", terminal, out)
		}
	}
}

func TestWatcherForgetsWhatIsCleared(t *testing.T) {
	t.Parallel()
	w, out, _ := newTestWatcher("", false)
	play(t, w, scene(t))
	known := len(w.seen)
	cleared := mqtt.NewDelivery(mqtt.Message{Topic: "p/terminals/T1/status/open"}, false, func(*mqtt.Refusal, error) {})
	before := out.Len()
	play(t, w, []event{{message: &cleared}})
	if len(w.seen) != known-1 || out.Len() != before {
		t.Errorf("%d of %d topics are remembered", len(w.seen), known)
	}
}

func TestWatcherInJSON(t *testing.T) {
	t.Parallel()
	w, out, notes := newTestWatcher("T1", true)
	cleared := mqtt.NewDelivery(mqtt.Message{Topic: "p/terminals/T1/status/r1", Retained: true}, false, func(*mqtt.Refusal, error) {})
	broken := mqtt.NewDelivery(mqtt.Message{Topic: "p/terminals/T1/status/r1", Payload: []byte("{")}, false, func(*mqtt.Refusal, error) {})
	pretty := mqtt.NewDelivery(mqtt.Message{Topic: "p/terminals/T1/status/r1", Payload: []byte("{\n \"a\": 1.50}")}, false, func(*mqtt.Refusal, error) {})
	play(t, w, []event{{message: &cleared}, {message: &broken}, {message: &pretty}})
	want := `{"topic":"p/terminals/T1/status/r1","retained":true,"payload":null}
{"topic":"p/terminals/T1/status/r1","retained":false,"payload":{"a":1.50}}
`
	if out.String() != want || !strings.Contains(notes.String(), "is not JSON and left out") {
		t.Errorf("out:\n%s\nnotes: %s", out, notes)
	}
}

func TestWatcherTellsOfItsConnection(t *testing.T) {
	t.Parallel()
	w, _, notes := newTestWatcher("", false)
	play(t, w, []event{
		{down: errors.New("refused")}, {down: errors.New("refused")}, {up: true},
		{down: errors.New("cut")}, {down: errors.New("refused")}, {up: true},
	})
	want := `12:00:00  no connection to the broker, trying again: refused
12:00:00  connected to tcp://b:1883
12:00:00  no connection to the broker, trying again: cut
12:00:00  connected to tcp://b:1883
`
	if notes.String() != want {
		t.Errorf("notes:\n%s", notes)
	}
}

// failing is a screen that has gone.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("gone") }

func TestWatcherEndsWithItsScreen(t *testing.T) {
	t.Parallel()
	w, _, _ := newTestWatcher("", false)
	w.screen.out = failing{}
	if done, err := w.handle(scene(t)[1]); !done || err == nil {
		t.Errorf("%v %v", done, err)
	}
}

func TestStampHasTheDayUnlessItIsToday(t *testing.T) {
	t.Parallel()
	s := &screen{local: time.FixedZone("", 2*3600), now: func() time.Time { return at("23:00:00").Time }}
	if got := s.stamp(at("22:30:00").Time); got != "00:30:00" {
		t.Errorf("today: %s", got)
	}
	if got := s.stamp(at("21:30:00").Time); got != "2026-11-20 23:30:00" {
		t.Errorf("yesterday: %s", got)
	}
}
