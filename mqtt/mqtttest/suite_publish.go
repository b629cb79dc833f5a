package mqtttest

import (
	"context"
	"errors"
	"testing"
	"time"

	"tillpost/mqtt"
)

func testPublish(t *testing.T, w World) {
	r := start(t, w, nil)
	r.up()
	seen := w.Watch("test/terminals/+/status/+")
	status := topics.Status("T1", "r1")
	for i := range 300 {
		token := r.bus.Publish(mqtt.Message{Topic: status, Payload: []byte(name(i)), Retained: true})
		if i == 299 {
			if err := token.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := 0; i < 300; {
		m := receive(t, seen, "a status")
		switch {
		case string(m.Payload) == name(i) && m.Topic == status:
			i++
		case m.Retained && i > 0 && string(m.Payload) == name(i-1): // what was retained when the subscription's turn came
		default:
			t.Fatalf("%+v instead of %s", m, name(i))
		}
	}
	if m := receive(t, w.Watch(status), "the retained status"); !m.Retained || string(m.Payload) != name(299) {
		t.Errorf("%+v", m)
	}
	if err := r.bus.Publish(mqtt.Message{Topic: status, Retained: true}).Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	late := w.Watch(status)
	r.bus.Publish(mqtt.Message{Topic: status, Payload: []byte("last")})
	if m := receive(t, late, "the last"); string(m.Payload) != "last" {
		t.Errorf("a cleared topic still holds %q", m.Payload)
	}
}

func testPublishUp(t *testing.T, w World) {
	seen := w.Watch("test/agent")
	session := start(t, w, nil)
	session.up()
	session.end()
	w.Publish(request(1))
	r := start(t, w, func(r *rig) {
		if err := r.bus.Publish(mqtt.Message{Topic: topics.Agent(), Payload: []byte("online"), Retained: true}).Wait(t.Context()); err != nil {
			t.Errorf("publishing from Up: %v", err)
		}
		if n := len(r.deliveries); n != 0 {
			t.Errorf("%d messages were delivered before Up returned", n)
		}
	})
	r.up()
	if m := receive(t, seen, "online"); string(m.Payload) != "online" {
		t.Errorf("%q", m.Payload)
	}
	r.next(name(1)).Ack()
}

func testUnconnected(t *testing.T, w World) {
	w.Stop()
	r := start(t, w, nil)
	if err := receive(t, r.downs, "Down"); err == nil {
		t.Error("no reason for Down")
	}
	if r.bus.Connected() {
		t.Error("connected to nothing")
	}
	if err := r.bus.Publish(mqtt.Message{Topic: "x"}).Wait(t.Context()); !errors.Is(err, mqtt.ErrNotConnected) {
		t.Errorf("publishing unconnected: %v", err)
	}
	w.Start()
	r.up()
}

func testHeld(t *testing.T, w World) {
	r := start(t, w, nil)
	r.up()
	w.Hold(true)
	var tokens []mqtt.Token
	for range 3 {
		tokens = append(tokens, r.bus.Publish(mqtt.Message{Topic: topics.Agent(), Payload: []byte("x"), Retained: true}))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := tokens[0].Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("held back and yet %v", err)
	}
	w.Cut()
	for _, token := range tokens {
		if err := token.Wait(t.Context()); !errors.Is(err, mqtt.ErrConnectionLost) {
			t.Errorf("lost before the acknowledgement and yet %v", err)
		}
	}
	w.Hold(false)
	r.up()
	if err := r.bus.Publish(mqtt.Message{Topic: "x"}).Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

func testWill(t *testing.T, w World) {
	r := start(t, w, func(r *rig) {
		r.bus.Publish(mqtt.Message{Topic: topics.Agent(), Payload: []byte("online"), Retained: true})
	})
	r.up()
	seen := w.Watch(topics.Agent())
	if m := receive(t, seen, "online"); string(m.Payload) != "online" {
		t.Errorf("%q", m.Payload)
	}
	w.Cut()
	if m := receive(t, seen, "the will"); string(m.Payload) != "offline" {
		t.Errorf("%q", m.Payload)
	}
	r.up()
	if m := receive(t, seen, "online again"); string(m.Payload) != "online" {
		t.Errorf("%q", m.Payload)
	}
}

func testOrderlyEnd(t *testing.T, w World) {
	r := start(t, w, nil)
	r.up()
	seen := w.Watch(topics.Agent())
	w.Publish(request(0))
	w.Publish(request(1))
	d := r.next(name(0))
	r.next(name(1)).Ack()
	token := r.bus.Publish(mqtt.Message{Topic: topics.Agent(), Payload: []byte("bye"), Retained: true})
	r.cancel()
	if err := token.Wait(t.Context()); err != nil {
		t.Errorf("published before the end: %v", err)
	}
	d.Ack()
	r.end()
	if err := receive(t, r.downs, "Down"); err != nil {
		t.Errorf("Down says %v after an ordered end", err)
	}
	if r.bus.Connected() {
		t.Error("connected after the end")
	}
	if err := r.bus.Publish(mqtt.Message{Topic: "x"}).Wait(t.Context()); !errors.Is(err, mqtt.ErrNotConnected) {
		t.Errorf("publishing after the end: %v", err)
	}
	if m := receive(t, seen, "bye"); string(m.Payload) != "bye" {
		t.Errorf("%q", m.Payload)
	}
	if w.Cut == nil {
		return
	}
	w.Publish(mqtt.Message{Topic: topics.Agent(), Payload: []byte("sentinel")})
	if m := receive(t, seen, "the sentinel"); string(m.Payload) != "sentinel" {
		t.Errorf("an ordered end leaves %q", m.Payload)
	}
	again := start(t, w, nil)
	again.up()
	w.Publish(request(2))
	// A new connection may overtake the end of the old one on its way.
	again.nextPastRepeats(name(2)).Ack()
}
