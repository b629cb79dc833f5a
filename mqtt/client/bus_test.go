package client_test

import (
	"testing"

	"go.uber.org/goleak"

	"tillpost/mqtt"
	"tillpost/mqtt/client"
	"tillpost/mqtt/mqtttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestClientAtMosquitto runs the suite that the broker in memory passes too.
func TestClientAtMosquitto(t *testing.T) {
	t.Parallel()
	mqtttest.TestBus(t, mqtttest.Factory{
		Run: func(t *testing.T, test func(*testing.T)) {
			t.Parallel()
			test(t)
		},
		New: newMosquittoWorld,
	})
}

func newMosquittoWorld(t *testing.T) mqtttest.World {
	broker := mqtttest.StartMosquitto(t, mqtttest.MosquittoOptions{})
	proxy := mqtttest.NewProxy(t, broker.Addr)
	return mqtttest.World{
		NewBus: func(o client.Options, h mqtt.Handlers) mqtt.Bus {
			o.URL = "tcp://" + proxy.Addr()
			client, err := client.New(o, h)
			if err != nil {
				t.Fatal(err)
			}
			return client
		},
		Publish: func(m mqtt.Message) {
			// A client of its own each time: the broker may have been away.
			till := mqtttest.Connect(t, broker.URL)
			defer till.Close()
			till.Publish(m)
		},
		Watch: func(filter string) <-chan mqtt.Message { return mqtttest.Connect(t, broker.URL).Watch(filter) },
		Cut:   proxy.Cut,
		Hold:  proxy.Hold,
		Stop:  broker.Stop,
		Start: broker.Start,
		// Without persistence it forgets all by itself.
		Forget: func() {},
	}
}
