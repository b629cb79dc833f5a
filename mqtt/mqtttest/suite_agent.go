package mqtttest

import (
	"fmt"
	"maps"
	"testing"

	"tillpost/mqtt"
)

// testAgents: what is retained on the agent's topic comes with each connection,
// and so does what is published there; never as a request.
func testAgents(t *testing.T, w World) {
	if w.NoRetained {
		t.Skip("there is no other agent at this broker")
	}
	w.Publish(mqtt.Message{Topic: topics.Agent(), Payload: []byte("another"), Retained: true})
	r := start(t, w, nil)
	r.up()
	r.nextAgent("another", true)
	if err := r.bus.Publish(mqtt.Message{Topic: topics.Agent(), Payload: []byte("mine"), Retained: true}).Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.nextAgent("mine", false)
	w.Publish(mqtt.Message{Topic: topics.Agent(), Payload: []byte("another again"), Retained: true})
	r.nextAgent("another again", false)
	r.end()
	w.Publish(mqtt.Message{Topic: topics.Agent(), Payload: []byte("unheard")})

	second := start(t, w, nil)
	second.up()
	second.nextAgent("another again", true)
	w.Publish(request(1))
	second.next(name(1)).Ack()
	if n := len(second.agents); n > 0 {
		t.Errorf("heard %d more", n)
	}
}

// testRecall: what is retained on a topic of ours is returned when it is asked for, and disturbs nothing else.
func testRecall(t *testing.T, w World) {
	topic := func(id string) string { return topics.Status("T1", id) }
	w.Publish(mqtt.Message{Topic: topics.Agent(), Payload: []byte("our word"), Retained: true})
	w.Publish(mqtt.Message{Topic: topic("kept"), Payload: []byte("old news"), Retained: true})
	r := start(t, w, nil)
	r.up()
	bus, ok := r.bus.(mqtt.Recaller)
	if !ok {
		t.Fatal("the bus can't recall")
	}
	for range 2 {
		for id, want := range map[string]string{"kept": "old news", "none": ""} {
			if got, err := bus.Recall(topic(id)); err != nil || string(got) != want {
				t.Errorf("recalled %q, %v; want %q", got, err, want)
			}
		}
		w.Publish(request(1))
		r.next(name(1)).Ack()
	}
	if err := r.bus.Publish(mqtt.Message{Topic: topic("kept"), Payload: []byte("news"), Retained: true}).Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := bus.Recall(topic("kept")); err != nil || string(got) != "news" {
		t.Errorf("recalled %q, %v", got, err)
	}
	r.end()
	if _, err := bus.Recall(topic("kept")); err == nil {
		t.Error("recalled without a broker")
	}
}

// testStatuses: the statuses that are retained come with each connection, before it is up, whether the agent's state is
// retained too or not; what is published later does not.
func testStatuses(t *testing.T, w World) {
	if w.NoRetained {
		t.Skip("nothing is retained at this broker")
	}
	first := start(t, w, nil)
	first.up()
	if n := len(first.statuses); n > 0 {
		t.Fatalf("%d statuses came where none stands", n)
	}
	first.end()
	want := map[string]string{}
	for i := range 200 {
		m := mqtt.Message{Topic: topics.Status(fmt.Sprint("T", i%3), fmt.Sprint("r", i)), Payload: fmt.Append(nil, "news ", i), Retained: true}
		w.Publish(m)
		want[m.Topic] = string(m.Payload)
	}
	w.Publish(mqtt.Message{Topic: topics.Display("T1"), Payload: []byte("display"), Retained: true})
	for _, word := range []string{"", "our word"} {
		if word != "" {
			w.Publish(mqtt.Message{Topic: topics.Agent(), Payload: []byte(word), Retained: true})
		}
		r := start(t, w, nil)
		r.up()
		got := map[string]string{}
		for range len(r.statuses) {
			m := <-r.statuses
			got[m.Topic] = string(m.Payload)
		}
		if !maps.Equal(got, want) {
			t.Errorf("word %q: %d statuses came before it was up, want %d", word, len(got), len(want))
		}
		if err := r.bus.Publish(mqtt.Message{Topic: topics.Status("T1", "r1"), Payload: []byte("ours"), Retained: true}).Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		want[topics.Status("T1", "r1")] = "ours"
		w.Publish(request(1))
		r.next(name(1)).Ack()
		if n := len(r.statuses); n > 0 {
			t.Errorf("%d statuses came later", n)
		}
		r.end()
	}
}

func (r *rig) nextAgent(payload string, retained bool) {
	r.t.Helper()
	m := receive(r.t, r.agents, payload)
	if string(m.Payload) != payload || m.Retained != retained {
		r.t.Fatalf("heard %q, retained %t; want %q, %t", m.Payload, m.Retained, payload, retained)
	}
}
