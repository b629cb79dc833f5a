package mqtttest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"tillpost/mqtt"
	"tillpost/mqtt/client"
)

// World is a broker and everything around it that the suite needs. A new one is made for each test.
type World struct {
	// NewBus makes a bus that is not running yet. The suite sets ClientID, Topics, Will and short durations in the
	// options; the factory adds how to reach the broker.
	NewBus func(client.Options, mqtt.Handlers) mqtt.Bus
	// Publish publishes as a till does; it returns when the broker has the
	// message, or, where the bus is the broker, when it has delivered it.
	Publish func(mqtt.Message)
	// Watch subscribes as another client.
	Watch func(filter string) <-chan mqtt.Message
	// Cut ends the connections of buses as a network does. Where the bus is the broker, this and all below are nil, and
	// what is about a connection between the two is not tested.
	Cut func()
	// Hold keeps back what the broker acknowledges, or lets it go.
	Hold func(on bool)
	// Stop and Start stop and start the broker; Forget, between them, discards its sessions and retained messages.
	Stop, Start, Forget func()
	// NoRetained reports whether the bus never calls Handlers.Agent and Handlers.Status.
	NoRetained bool
}

// Factory makes worlds.
type Factory struct {
	// Run calls the test; it may do so inside a bubble of testing/synctest.
	Run func(t *testing.T, test func(*testing.T))
	New func(t *testing.T) World
	// Embedded reports whether the bus is the broker itself; see World.Cut.
	Embedded bool
}

// TestBus checks that a bus keeps the contract of mqtt.Bus.
func TestBus(t *testing.T, factory Factory) {
	t.Helper()
	for _, test := range []struct {
		name string
		// external reports whether the test needs an external broker.
		external bool
		run      func(*testing.T, World)
	}{
		{"delivers in order", false, testOrder},
		{"acknowledges in order", true, testAckOrder},
		{"sends the unacknowledged again", true, testRedelivery},
		{"fail closes and comes back", true, testFail},
		{"keeps what comes while away", true, testAway},
		{"subscribes anew at a broker without memory", true, testForgetful},
		{"tells what is retained", true, testRetained},
		{"publishes", false, testPublish},
		{"publishes from Up before anything is delivered", true, testPublishUp},
		{"does not publish unconnected", true, testUnconnected},
		{"does not call lost what was not acknowledged", true, testHeld},
		{"leaves a will", true, testWill},
		{"ends in order", false, testOrderlyEnd},
		{"ignores its own display", false, testOwn},
		{"hears of other agents", true, testAgents},
		{"recalls what is retained", true, testRecall},
		{"brings the statuses that are retained", true, testStatuses},
	} {
		if test.external && factory.Embedded {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			factory.Run(t, func(t *testing.T) { test.run(t, factory.New(t)) })
		})
	}
}

var topics = mqtt.Topics{Prefix: "test"}

// rig is a bus that runs, and the calls of its handlers.
type rig struct {
	t          *testing.T
	bus        mqtt.Bus
	deliveries chan mqtt.Delivery
	ups        chan struct{}
	downs      chan error
	agents     chan mqtt.Message
	statuses   chan mqtt.Message
	cancel     context.CancelFunc
	ended      chan error
}

func start(t *testing.T, w World, onUp func(*rig)) *rig {
	t.Helper()
	r := &rig{
		t: t, deliveries: make(chan mqtt.Delivery, 1000), ups: make(chan struct{}, 1000),
		downs: make(chan error, 1000), ended: make(chan error, 1), agents: make(chan mqtt.Message, 1000),
		statuses: make(chan mqtt.Message, 1000),
	}
	options := client.Options{
		ClientID: "agent", Topics: topics, Will: func() []byte { return []byte("offline") },
		BackoffMin: 20 * time.Millisecond, BackoffMax: 100 * time.Millisecond, CloseGrace: 5 * time.Second, WriteTimeout: 3 * time.Second,
	}
	r.bus = w.NewBus(options, mqtt.Handlers{
		Deliver: func(d mqtt.Delivery) { r.deliveries <- d },
		Up: func() {
			if onUp != nil {
				onUp(r)
			}
			r.ups <- struct{}{}
		},
		Down:   func(err error) { r.downs <- err },
		Agent:  func(payload []byte, retained bool) { r.agents <- mqtt.Message{Payload: payload, Retained: retained} },
		Status: func(topic string, payload []byte) { r.statuses <- mqtt.Message{Topic: topic, Payload: payload} },
	})
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() { r.ended <- r.bus.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		// A test that ended the bus itself has put the result back.
		if err := <-r.ended; err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
	return r
}

// end ends the bus in order and checks how it ended.
func (r *rig) end() {
	r.t.Helper()
	r.cancel()
	err := receive(r.t, r.ended, "the end of Run")
	if err != nil {
		r.t.Errorf("Run returned %v", err)
	}
	r.ended <- nil
}

func receive[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

func (r *rig) up() {
	r.t.Helper()
	receive(r.t, r.ups, "Up")
	if !r.bus.Connected() {
		r.t.Error("up but not connected")
	}
}

func (r *rig) next(payload string) mqtt.Delivery {
	r.t.Helper()
	d := receive(r.t, r.deliveries, payload)
	if string(d.Payload) != payload {
		r.t.Fatalf("%q was delivered, want %q", d.Payload, payload)
	}
	return d
}

// nextPastRepeats is next, but passes over messages that come again although they were
// acknowledged: a cut may swallow acknowledgements that are on their way.
func (r *rig) nextPastRepeats(payload string) mqtt.Delivery {
	r.t.Helper()
	for {
		d := receive(r.t, r.deliveries, payload)
		if string(d.Payload) == payload || !d.Duplicate {
			if string(d.Payload) != payload {
				r.t.Fatalf("%q was delivered, want %q", d.Payload, payload)
			}
			return d
		}
		d.Ack()
	}
}

func request(n int) mqtt.Message {
	return mqtt.Message{Topic: topics.Request(fmt.Sprintf("T%d", n%3), mqtt.Kinds()[n%7]), Payload: fmt.Appendf(nil, "m%d", n)}
}

func name(n int) string { return fmt.Sprintf("m%d", n) }
