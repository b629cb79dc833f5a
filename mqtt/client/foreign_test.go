package client_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"tillpost/internal/proctest"
	"tillpost/mqtt"
	"tillpost/mqtt/client"
	"tillpost/mqtt/message"
	"tillpost/mqtt/mqtttest"
)

// A session that has the subscriptions of a former topic prefix ends them with the first message that comes by them: a
// request among them is refused for what it is, and what else was published there is passed over.
func TestFormerSubscriptionsAreGivenUp(t *testing.T) {
	t.Parallel()
	broker := mqtttest.StartMosquitto(t, mqtttest.MosquittoOptions{})
	former, err := client.New(client.Options{URL: broker.URL, ClientID: "agent", Topics: mqtt.Topics{Prefix: "shops/old"}}, mqtt.Handlers{
		Deliver: func(mqtt.Delivery) {}, Up: func() {}, Down: func(error) {}, Agent: func([]byte, bool) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- former.Run(ctx) }()
	for !former.Connected() {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := mqtttest.Receive(t, ended); err != nil {
		t.Fatal(err)
	}

	till := mqtttest.Connect(t, broker.URL)
	till.Publish(mqtt.Message{Topic: "shops/old/terminals/T1/display", Payload: []byte("{}")})
	till.Publish(mqtt.Message{Topic: "shops/old/terminals/T1/orders", Payload: []byte(`{"requestId":"waits"}`)})
	till.Publish(mqtt.Message{Topic: "shops/old/agent", Payload: []byte("{}")})
	r := run(t, client.Options{URL: broker.URL, Topics: mqtt.Topics{Prefix: "shops/new"}})
	mqtttest.Receive(t, r.ups)
	d := mqtttest.Receive(t, r.deliveries)
	d.Ack()
	if d.Topic != "shops/old/terminals/T1/orders" {
		t.Fatalf("%s is delivered", d.Topic)
	}
	_, refusal := message.Decode(mqtt.Topics{Prefix: "shops/new"}, d.Topic, d.Retained, d.Payload, message.Rules{})
	if refusal == nil || refusal.Code != message.CodeUnknownKind || !strings.Contains(refusal.Message, "under shops/new/terminals/") || !strings.Contains(refusal.Message, "topic_prefix") || refusal.RequestID != "waits" {
		t.Errorf("it is refused with %v", refusal)
	}

	// The unsubscription is under way: until it is there, messages come, and are refused.
	for i, end := 0, time.Now().Add(proctest.Patience); ; i++ {
		till.Publish(mqtt.Message{Topic: "shops/old/terminals/T1/orders", Payload: []byte(`{}`)})
		till.Publish(mqtt.Message{Topic: "shops/new/terminals/T1/orders", Payload: []byte(`{}`)})
		first := mqtttest.Receive(t, r.deliveries)
		first.Ack()
		if first.Topic == "shops/new/terminals/T1/orders" {
			break // the one before did not come
		}
		mqtttest.Receive(t, r.deliveries).Ack()
		if time.Now().After(end) {
			t.Fatal("the former subscription stands")
		}
	}
}
