package mqtttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"tillpost/mqtt"
)

// World is a broker and everything around it that the suite needs. A new one
// is made for each test.
type World struct {
	// NewBus makes a bus that is not running yet. The suite sets ClientID,
	// Topics, Will and short durations in the options; the factory adds how
	// to reach the broker.
	NewBus func(mqtt.Options, mqtt.Handlers) mqtt.Bus
	// Publish is what a till does; it returns when the broker has the message.
	Publish func(mqtt.Message)
	// Watch subscribes as another client.
	Watch func(filter string) <-chan mqtt.Message
	// Cut ends the connections of buses as a network does.
	Cut func()
	// Hold keeps back what the broker acknowledges, or lets it go.
	Hold func(on bool)
	// Stop and Start are the broker's; Forget, between them, loses all that
	// it kept.
	Stop, Start, Forget func()
}

// Factory makes worlds.
type Factory struct {
	// Run calls the test; it may do so inside a bubble of testing/synctest.
	Run func(t *testing.T, test func(*testing.T))
	New func(t *testing.T) World
}

// TestBus checks that a bus keeps the contract of mqtt.Bus.
func TestBus(t *testing.T, factory Factory) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(*testing.T, World)
	}{
		{"delivers in order", testOrder},
		{"acknowledges in order", testAckOrder},
		{"sends the unacknowledged again", testAgain},
		{"fail closes and comes back", testFail},
		{"keeps what comes while away", testAway},
		{"subscribes anew at a broker without memory", testForgetful},
		{"tells what is retained", testRetained},
		{"publishes", testPublish},
		{"publishes from Up before anything is delivered", testPublishUp},
		{"does not publish unconnected", testUnconnected},
		{"does not call lost what was not acknowledged", testHeld},
		{"leaves a will", testWill},
		{"ends in order", testOrderlyEnd},
		{"ignores its own display", testOwn},
	} {
		t.Run(test.name, func(t *testing.T) {
			factory.Run(t, func(t *testing.T) { test.run(t, factory.New(t)) })
		})
	}
}

var topics = mqtt.Topics{Prefix: "test"}

// rig is a bus that runs, and what it told.
type rig struct {
	t          *testing.T
	bus        mqtt.Bus
	deliveries chan mqtt.Delivery
	ups        chan struct{}
	downs      chan error
	onUp       func()
	cancel     context.CancelFunc
	ended      chan error
}

func start(t *testing.T, w World, onUp func(*rig)) *rig {
	t.Helper()
	r := &rig{
		t: t, deliveries: make(chan mqtt.Delivery, 1000), ups: make(chan struct{}, 1000),
		downs: make(chan error, 1000), ended: make(chan error, 1),
	}
	options := mqtt.Options{
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
		Down: func(err error) { r.downs <- err },
	})
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() { r.ended <- r.bus.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		// A test that ended the bus itself has put the result back.
		<-r.ended
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

// nextBut is next, but passes over messages that come again although they were
// acknowledged: a cut may swallow acknowledgements that are on their way.
func (r *rig) nextBut(payload string) mqtt.Delivery {
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

func testOrder(t *testing.T, w World) {
	r := start(t, w, nil)
	r.up()
	const n = 100
	for i := range n {
		w.Publish(request(i))
	}
	for i := range n {
		d := r.next(name(i))
		if d.Topic != request(i).Topic || d.Retained || d.Duplicate {
			t.Errorf("%+v", d)
		}
		d.Ack()
	}
	w.Cut()
	r.up()
	w.Publish(request(n))
	r.nextBut(name(n)).Ack()
}

// testAckOrder acknowledges backwards: none may be acknowledged before the
// first one is.
func testAckOrder(t *testing.T, w World) {
	r := start(t, w, nil)
	r.up()
	var held []mqtt.Delivery
	for i := range 5 {
		w.Publish(request(i))
		held = append(held, r.next(name(i)))
	}
	for _, d := range slices.Backward(held[1:]) {
		d.Ack()
		d.Fail(errors.New("comes too late to count"))
	}
	// Time for an acknowledgement that must not be sent to arrive.
	for range 3 {
		if err := r.bus.Publish(mqtt.Message{Topic: "x"}).Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.Cut()
	r.up()
	for i := range 5 {
		d := r.next(name(i))
		if !d.Duplicate {
			t.Errorf("%s comes again and does not say so", name(i))
		}
		d.Ack()
	}
	for _, d := range held {
		d.Ack()
	}
}

func testAgain(t *testing.T, w World) {
	r := start(t, w, nil)
	r.up()
	for i := range 4 {
		w.Publish(request(i))
	}
	r.next(name(0)).Ack()
	r.next(name(1)).Ack()
	old := r.next(name(2))
	r.next(name(3))
	w.Cut()
	if err := receive(t, r.downs, "Down"); err == nil {
		t.Error("no reason for Down")
	}
	r.up()
	if again := r.nextBut(name(2)); !again.Duplicate {
		t.Error("a message comes again and does not say so")
	}
	r.next(name(3))
	old.Ack()
	w.Cut()
	r.up()
	// The acknowledgement of the first connection did not count.
	r.nextBut(name(2)).Ack()
	r.next(name(3)).Ack()
}

func testFail(t *testing.T, w World) {
	r := start(t, w, nil)
	r.up()
	for i := range 4 {
		w.Publish(request(i))
	}
	first := r.next(name(0))
	second, third := r.next(name(1)), r.next(name(2))
	disk := errors.New("no space left")
	second.Fail(disk)
	third.Ack()
	first.Ack()
	if err := receive(t, r.downs, "Down"); !errors.Is(err, disk) {
		t.Errorf("Down says %v", err)
	}
	// What was delivered before the failure took hold.
	for len(r.deliveries) > 0 {
		<-r.deliveries
	}
	r.up()
	d := receive(t, r.deliveries, "the first again")
	if string(d.Payload) == name(0) {
		d.Ack()
		d = receive(t, r.deliveries, "the second again")
	}
	for i := 1; ; i++ {
		if string(d.Payload) != name(i) {
			t.Fatalf("%q, want %q", d.Payload, name(i))
		}
		d.Ack()
		if i == 3 {
			return
		}
		d = receive(t, r.deliveries, "the next")
	}
}

func testAway(t *testing.T, w World) {
	r := start(t, w, nil)
	r.up()
	r.end()
	const n = 60
	for i := range n {
		w.Publish(request(i))
	}
	again := start(t, w, nil)
	again.up()
	for i := range n {
		again.next(name(i)).Ack()
	}
}

func testForgetful(t *testing.T, w World) {
	r := start(t, w, nil)
	r.up()
	w.Stop()
	receive(t, r.downs, "Down")
	if r.bus.Connected() {
		t.Error("connected to a broker that is stopped")
	}
	w.Forget()
	w.Start()
	r.up()
	w.Publish(request(1))
	r.next(name(1)).Ack()
}

func testRetained(t *testing.T, w World) {
	m := request(1)
	m.Retained = true
	w.Publish(m)
	r := start(t, w, nil)
	r.up()
	d := r.next(name(1))
	if !d.Retained {
		t.Error("a retained message does not say so")
	}
	d.Ack()
	w.Cut()
	r.up()
	d = r.next(name(1))
	if !d.Retained {
		t.Error("a retained message does not come to every subscription")
	}
	d.Ack()
	w.Publish(request(2))
	// The first may come once more, if its acknowledgement was cut off.
	for d = receive(t, r.deliveries, name(2)); string(d.Payload) == name(1); d = receive(t, r.deliveries, name(2)) {
		d.Ack()
	}
	if d.Retained || string(d.Payload) != name(2) {
		t.Errorf("a new message came as %+v", d)
	}
	d.Ack()
}

func testPublish(t *testing.T, w World) {
	r := start(t, w, nil)
	r.up()
	seen := w.Watch("test/terminals/+/status/+")
	status := topics.Status("T1", "r1")
	for i := range 300 {
		token := r.bus.Publish(mqtt.Message{Topic: status, Payload: []byte(name(i)), Retained: true})
		if i == 299 {
			if err := token.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range 300 {
		if m := receive(t, seen, "a status"); string(m.Payload) != name(i) || m.Topic != status {
			t.Fatalf("%+v", m)
		}
	}
	if m := receive(t, w.Watch(status), "the retained status"); !m.Retained || string(m.Payload) != name(299) {
		t.Errorf("%+v", m)
	}
	if err := r.bus.Publish(mqtt.Message{Topic: status, Retained: true}).Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	late := w.Watch(status)
	w.Publish(mqtt.Message{Topic: status, Payload: []byte("last")})
	if m := receive(t, late, "the last"); string(m.Payload) != "last" {
		t.Errorf("a cleared topic still holds %q", m.Payload)
	}
}

func testPublishUp(t *testing.T, w World) {
	seen := w.Watch("test/agent")
	session := start(t, w, nil)
	session.up()
	session.end()
	w.Publish(request(1))
	r := start(t, w, func(r *rig) {
		if err := r.bus.Publish(mqtt.Message{Topic: topics.Agent(), Payload: []byte("online"), Retained: true}).Wait(t.Context()); err != nil {
			t.Errorf("publishing from Up: %v", err)
		}
		if n := len(r.deliveries); n != 0 {
			t.Errorf("%d messages were delivered before Up returned", n)
		}
	})
	r.up()
	if m := receive(t, seen, "online"); string(m.Payload) != "online" {
		t.Errorf("%q", m.Payload)
	}
	r.next(name(1)).Ack()
}

func testUnconnected(t *testing.T, w World) {
	w.Stop()
	r := start(t, w, nil)
	if err := receive(t, r.downs, "Down"); err == nil {
		t.Error("no reason for Down")
	}
	if r.bus.Connected() {
		t.Error("connected to nothing")
	}
	if err := r.bus.Publish(mqtt.Message{Topic: "x"}).Wait(t.Context()); !errors.Is(err, mqtt.ErrNotConnected) {
		t.Errorf("publishing unconnected: %v", err)
	}
	w.Start()
	r.up()
}

func testHeld(t *testing.T, w World) {
	r := start(t, w, nil)
	r.up()
	w.Hold(true)
	var tokens []mqtt.Token
	for range 3 {
		tokens = append(tokens, r.bus.Publish(mqtt.Message{Topic: topics.Agent(), Payload: []byte("x"), Retained: true}))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := tokens[0].Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("held back and yet %v", err)
	}
	w.Cut()
	for _, token := range tokens {
		if err := token.Wait(t.Context()); !errors.Is(err, mqtt.ErrConnectionLost) {
			t.Errorf("lost before the acknowledgement and yet %v", err)
		}
	}
	w.Hold(false)
	r.up()
	if err := r.bus.Publish(mqtt.Message{Topic: "x"}).Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

func testWill(t *testing.T, w World) {
	r := start(t, w, func(r *rig) {
		r.bus.Publish(mqtt.Message{Topic: topics.Agent(), Payload: []byte("online"), Retained: true})
	})
	r.up()
	seen := w.Watch(topics.Agent())
	if m := receive(t, seen, "online"); string(m.Payload) != "online" {
		t.Errorf("%q", m.Payload)
	}
	w.Cut()
	if m := receive(t, seen, "the will"); string(m.Payload) != "offline" {
		t.Errorf("%q", m.Payload)
	}
	r.up()
	if m := receive(t, seen, "online again"); string(m.Payload) != "online" {
		t.Errorf("%q", m.Payload)
	}
}

func testOrderlyEnd(t *testing.T, w World) {
	r := start(t, w, nil)
	r.up()
	seen := w.Watch(topics.Agent())
	w.Publish(request(0))
	w.Publish(request(1))
	d := r.next(name(0))
	r.next(name(1)).Ack()
	token := r.bus.Publish(mqtt.Message{Topic: topics.Agent(), Payload: []byte("bye"), Retained: true})
	r.cancel()
	if err := token.Wait(t.Context()); err != nil {
		t.Errorf("published before the end: %v", err)
	}
	d.Ack()
	r.end()
	if err := receive(t, r.downs, "Down"); err != nil {
		t.Errorf("Down says %v after an ordered end", err)
	}
	if r.bus.Connected() {
		t.Error("connected after the end")
	}
	if err := r.bus.Publish(mqtt.Message{Topic: "x"}).Wait(t.Context()); !errors.Is(err, mqtt.ErrNotConnected) {
		t.Errorf("publishing after the end: %v", err)
	}
	if m := receive(t, seen, "bye"); string(m.Payload) != "bye" {
		t.Errorf("%q", m.Payload)
	}
	w.Publish(mqtt.Message{Topic: topics.Agent(), Payload: []byte("sentinel")})
	if m := receive(t, seen, "the sentinel"); string(m.Payload) != "sentinel" {
		t.Errorf("an ordered end leaves %q", m.Payload)
	}
	again := start(t, w, nil)
	again.up()
	w.Publish(request(2))
	// A new connection may overtake the end of the old one on its way.
	again.nextBut(name(2)).Ack()
}

func testOwn(t *testing.T, w World) {
	r := start(t, w, nil)
	r.up()
	for range 50 {
		r.bus.Publish(mqtt.Message{Topic: topics.Display("T1"), Payload: []byte("display"), Retained: true})
	}
	w.Publish(request(1))
	r.next(name(1)).Ack()
	w.Cut()
	r.up()
	w.Publish(request(2))
	r.nextBut(name(2)).Ack()
}
