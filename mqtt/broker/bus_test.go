package broker_test

import (
	"testing"

	"go.uber.org/goleak"

	"tillpost/mqtt"
	"tillpost/mqtt/broker"
	"tillpost/mqtt/client"
	"tillpost/mqtt/mqtttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestEmbeddedBus runs the tests of the suite that need no external broker.
func TestEmbeddedBus(t *testing.T) {
	t.Parallel()
	mqtttest.TestBus(t, mqtttest.Factory{
		Run: func(t *testing.T, test func(*testing.T)) {
			t.Parallel()
			test(t)
		},
		New:      newEmbeddedWorld,
		Embedded: true,
	})
}

func newEmbeddedWorld(t *testing.T) mqtttest.World {
	var bus *broker.Broker
	delivered := make(chan struct{}, 1000)
	return mqtttest.World{
		NewBus: func(o client.Options, h mqtt.Handlers) mqtt.Bus {
			deliver := h.Deliver
			h.Deliver = func(d mqtt.Delivery) {
				deliver(d)
				delivered <- struct{}{}
			}
			options := broker.Options{Listen: "127.0.0.1:0", Topics: o.Topics, CloseGrace: o.CloseGrace}
			if bus != nil {
				options.Listen = bus.Addr()
			}
			var err error
			if bus, err = broker.New(options, h); err == nil {
				err = bus.Listen()
			}
			if err != nil {
				t.Fatal(err)
			}
			return bus
		},
		Publish: func(m mqtt.Message) {
			connect(t, bus, "").Publish(m.Topic, 1, m.Retained, m.Payload)
			mqtttest.Receive(t, delivered)
		},
		Watch: func(filter string) <-chan mqtt.Message {
			return mqtttest.Connect(t, "tcp://"+bus.Addr()).Watch(filter)
		},
	}
}
