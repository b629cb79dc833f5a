package client_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"tillpost/mqtt"
	"tillpost/mqtt/client"
	"tillpost/mqtt/mqtttest"
)

// subscriberRun is a subscriber that runs until the test ends.
type subscriberRun struct {
	*client.Subscriber
	up   chan struct{}
	down chan error
	got  chan mqtt.Delivery
}

func runSubscriber(t *testing.T, url, id string, filters ...string) *subscriberRun {
	t.Helper()
	r := &subscriberRun{up: make(chan struct{}, 100), down: make(chan error, 100), got: make(chan mqtt.Delivery, 100)}
	s, err := client.NewSubscriber(client.Options{
		URL: url, ClientID: id, Topics: mqtt.Topics{Prefix: "tillpost"}, BackoffMin: time.Millisecond, BackoffMax: 10 * time.Millisecond,
	}, filters, mqtt.Handlers{
		Up: func() { r.up <- struct{}{} }, Down: func(err error) { r.down <- err }, Deliver: func(d mqtt.Delivery) { r.got <- d },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Subscriber = s
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return r
}

func TestSubscriberReadsWhatIsRetainedAndWhatComes(t *testing.T) {
	t.Parallel()
	broker := mqtttest.StartMosquitto(t, mqtttest.MosquittoOptions{Persistence: true})
	topics := mqtt.Topics{Prefix: "tillpost"}
	filters := []string{topics.Agent(), topics.Display("+"), topics.Status("+", "+")}
	writer := runSubscriber(t, broker.URL, "writer", "unused")
	mqtttest.Receive(t, writer.up)
	for _, m := range []mqtt.Message{
		{Topic: topics.Status("T1", "r1"), Payload: []byte("status"), Retained: true},
		{Topic: topics.Display("T1"), Payload: []byte("display"), Retained: true},
		{Topic: topics.Agent(), Payload: []byte("agent"), Retained: true},
	} {
		if err := writer.Publish(m).Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}

	reader := runSubscriber(t, broker.URL, "reader", filters...)
	mqtttest.Receive(t, reader.up)
	var kept []string
	for range 3 {
		d := mqtttest.Receive(t, reader.got)
		if !d.Retained {
			t.Errorf("%s came without the retain flag", d.Topic)
		}
		kept = append(kept, string(d.Payload))
	}
	// In the order of the filters, the agent's own display among them.
	if want := []string{"agent", "display", "status"}; !slices.Equal(kept, want) {
		t.Errorf("got %v, want %v", kept, want)
	}
	writer.Publish(mqtt.Message{Topic: topics.Status("T1", "r1"), Payload: []byte("new"), Retained: true})
	if d := mqtttest.Receive(t, reader.got); d.Retained || string(d.Payload) != "new" {
		t.Errorf("got %q, retained %v", d.Payload, d.Retained)
	}

	broker.Restart()
	if err := mqtttest.Receive(t, reader.down); err == nil {
		t.Error("a lost connection gave no reason")
	}
	mqtttest.Receive(t, reader.up)
	if d := mqtttest.Receive(t, reader.got); string(d.Payload) != "agent" || !d.Retained {
		t.Errorf("got %q, retained %v", d.Payload, d.Retained)
	}
}

func TestSubscriberLeavesNoSession(t *testing.T) {
	t.Parallel()
	broker := mqtttest.StartMosquitto(t, mqtttest.MosquittoOptions{})
	writer := runSubscriber(t, broker.URL, "writer", "unused")
	mqtttest.Receive(t, writer.up)
	t.Run("first run", func(t *testing.T) {
		first := runSubscriber(t, broker.URL, "reader", "tillpost/rejects")
		mqtttest.Receive(t, first.up)
	})
	if err := writer.Publish(mqtt.Message{Topic: "tillpost/rejects", Payload: []byte("while away")}).Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := runSubscriber(t, broker.URL, "reader", "tillpost/rejects")
	mqtttest.Receive(t, second.up)
	if err := writer.Publish(mqtt.Message{Topic: "tillpost/rejects", Payload: []byte("now")}).Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := mqtttest.Receive(t, second.got); string(d.Payload) != "now" {
		t.Errorf("got %q: the broker kept a session", d.Payload)
	}
}

func TestSubscriberRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	nothing := mqtt.Handlers{Up: func() {}, Down: func(error) {}, Deliver: func(mqtt.Delivery) {}}
	good := client.Options{URL: "tcp://127.0.0.1:1", ClientID: "id", Topics: mqtt.Topics{Prefix: "tillpost"}}
	if _, err := client.NewSubscriber(good, nil, nothing); err == nil {
		t.Error("no filters were taken")
	}
	bad := good
	bad.URL = "http://127.0.0.1"
	if _, err := client.NewSubscriber(bad, []string{"a"}, nothing); err == nil {
		t.Error("an http URL was taken")
	}
	if _, err := client.NewSubscriber(good, []string{"a"}, mqtt.Handlers{}); err == nil {
		t.Error("missing handlers were taken")
	}
}
