package mqtttest

import (
	"fmt"
	"net/url"
	"sync/atomic"
	"testing"

	paho "github.com/eclipse/paho.mqtt.golang"

	"tillpost/internal/proctest"
	"tillpost/mqtt"
)

var clients atomic.Int64

// Connect returns a plain client of a broker, as a till or a display is one. It is disconnected when the test ends.
func Connect(t testing.TB, brokerURL string) *Till {
	t.Helper()
	if _, err := url.Parse(brokerURL); err != nil {
		t.Fatal(err)
	}
	options := paho.NewClientOptions()
	options.AddBroker(brokerURL)
	options.SetClientID(fmt.Sprintf("till-%d", clients.Add(1)))
	options.SetProtocolVersion(4)
	options.SetAutoReconnect(false)
	options.SetConnectTimeout(patience)
	till := &Till{t: t, client: paho.NewClient(options)}
	till.wait("connecting", till.client.Connect())
	t.Cleanup(till.Close)
	return till
}

// Till is a plain client of a real broker.
type Till struct {
	t      testing.TB
	client paho.Client
}

// Publish returns when the broker has acknowledged the message.
func (c *Till) Publish(m mqtt.Message) {
	c.t.Helper()
	c.wait("publishing", c.client.Publish(m.Topic, 1, m.Retained, m.Payload))
}

// Watch returns what comes on topics that match filter, until the test ends.
// Nothing is lost, however slowly it is read.
func (c *Till) Watch(filter string) <-chan mqtt.Message {
	c.t.Helper()
	messages := make(chan mqtt.Message, 1000)
	queue := newQueue()
	c.t.Cleanup(queue.close)
	go queue.pump(messages)
	c.wait("subscribing", c.client.Subscribe(filter, 1, func(_ paho.Client, m paho.Message) {
		queue.add(mqtt.Message{Topic: m.Topic(), Payload: m.Payload(), Retained: m.Retained()})
	}))
	return messages
}

// Close disconnects in order.
func (c *Till) Close() { c.client.Disconnect(250) }

func (c *Till) wait(doing string, token paho.Token) {
	c.t.Helper()
	if !token.WaitTimeout(patience) {
		c.t.Fatalf("%s took longer than %s", doing, patience)
	}
	if err := token.Error(); err != nil {
		c.t.Fatalf("%s: %v", doing, err)
	}
}

// patience is how long anything that must happen may take.
const patience = proctest.Patience
