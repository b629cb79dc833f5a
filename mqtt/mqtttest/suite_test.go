package mqtttest

import (
	"testing"
	"testing/synctest"

	"tillpost/mqtt"
	"tillpost/mqtt/client"
)

func TestFakeBus(t *testing.T) {
	t.Parallel()
	TestBus(t, Factory{
		Run: func(t *testing.T, test func(*testing.T)) {
			t.Parallel()
			synctest.Test(t, test)
		},
		New: func(*testing.T) World {
			b := NewBroker()
			return World{
				NewBus:  func(o client.Options, h mqtt.Handlers) mqtt.Bus { return NewBus(b, o, h) },
				Publish: b.Publish, Watch: b.Watch, Cut: b.Cut, Hold: b.Hold, Stop: b.Stop, Start: b.Start, Forget: b.Forget,
			}
		},
	})
}
