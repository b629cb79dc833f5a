package mqtttest

import (
	"errors"
	"slices"
	"testing"

	"tillpost/mqtt"
)

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
	if w.Cut == nil {
		return
	}
	w.Cut()
	r.up()
	w.Publish(request(n))
	r.nextPastRepeats(name(n)).Ack()
}

// testAckOrder acknowledges backwards: none may be acknowledged before the first one is.
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

func testRedelivery(t *testing.T, w World) {
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
	if again := r.nextPastRepeats(name(2)); !again.Duplicate {
		t.Error("a message comes again and does not say so")
	}
	r.next(name(3))
	old.Ack()
	w.Cut()
	r.up()
	// The acknowledgement of the first connection did not count.
	r.nextPastRepeats(name(2)).Ack()
	r.next(name(3)).Ack()
}

func testFail(t *testing.T, w World) {
	r := start(t, w, func(r *rig) {
		// What was delivered before the failure took hold; nothing more is before Up returns.
		for len(r.deliveries) > 0 {
			<-r.deliveries
		}
	})
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
	if err := receive(t, r.downs, "Down"); err == nil {
		t.Error("no reason for Down")
	}
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

func testOwn(t *testing.T, w World) {
	r := start(t, w, nil)
	r.up()
	for range 50 {
		r.bus.Publish(mqtt.Message{Topic: topics.Display("T1"), Payload: []byte("display"), Retained: true})
	}
	w.Publish(request(1))
	r.next(name(1)).Ack()
	if w.Cut == nil {
		return
	}
	w.Cut()
	r.up()
	w.Publish(request(2))
	r.nextPastRepeats(name(2)).Ack()
}
