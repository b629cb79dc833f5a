package broker_test

import (
	"runtime"
	"strings"
	"testing"
	"weak"

	"tillpost/internal/proctest"
	"tillpost/mqtt/mqtttest"
)

// TestBrokerTopicKeepsNoPayload: the id of a terminal comes from a topic, and is kept for as long as its requests.
func TestBrokerTopicKeepsNoPayload(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	topic, _ := order(1)
	till := connect(t, b.Broker, "")
	till.Publish(topic, 1, false, strings.Repeat("x", 1000))
	d := mqtttest.Receive(t, b.deliveries)
	kept, payload := d.Topic, weak.Make(&d.Payload[0])
	d.Ack()
	collected := proctest.Eventually(proctest.Patience, func() bool {
		runtime.GC()
		return payload.Value() == nil
	})
	if !collected {
		t.Error("the payload is still in memory")
	}
	if kept != topic {
		t.Errorf("the topic is %q", kept)
	}
}
