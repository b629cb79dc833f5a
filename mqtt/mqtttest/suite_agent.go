package mqtttest

import (
	"testing"

	"tillpost/mqtt"
)

// testAgents: what stands on the agent's topic comes with each connection, and
// so does what is published there; never as a request.
func testAgents(t *testing.T, w World) {
	if w.Deaf {
		t.Skip("there is no other agent at this broker")
	}
	w.Publish(mqtt.Message{Topic: topics.Agent(), Payload: []byte("another"), Retained: true})
	r := start(t, w, nil)
	r.up()
	r.hears("another", true)
	if err := r.bus.Publish(mqtt.Message{Topic: topics.Agent(), Payload: []byte("mine"), Retained: true}).Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.hears("mine", false)
	w.Publish(mqtt.Message{Topic: topics.Agent(), Payload: []byte("another again"), Retained: true})
	r.hears("another again", false)
	r.end()
	w.Publish(mqtt.Message{Topic: topics.Agent(), Payload: []byte("unheard")})

	second := start(t, w, nil)
	second.up()
	second.hears("another again", true)
	w.Publish(request(1))
	second.next(name(1)).Ack()
	if n := len(second.agents); n > 0 {
		t.Errorf("heard %d more", n)
	}
}

func (r *rig) hears(payload string, retained bool) {
	r.t.Helper()
	m := receive(r.t, r.agents, payload)
	if string(m.Payload) != payload || m.Retained != retained {
		r.t.Fatalf("heard %q, retained %t; want %q, %t", m.Payload, m.Retained, payload, retained)
	}
}
