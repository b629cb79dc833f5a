package publish

import (
	"errors"
	"testing"

	"tillpost/mqtt"
	"tillpost/outbox"
)

// deafBus loses what is published on it, if told to.
type deafBus struct {
	heardBus
	deaf bool
}

func (b *deafBus) Publish(m mqtt.Message) mqtt.Token {
	if !b.deaf {
		return b.heardBus.Publish(m)
	}
	token, settle := mqtt.NewToken()
	settle(errors.New("the connection has ended"))
	return token
}

// Of a record that is pruned nothing tells any more: its clearing is told until the broker has it, and no longer.
func TestAClearingOutlivesLostConnections(t *testing.T) {
	t.Parallel()
	bus := &deafBus{}
	p := newTestPublisher(&openOutbox{while: func() {}})
	w := &window{ctx: t.Context(), bus: bus}
	work := func() {
		for range 10 {
			p.step(w, true)
		}
	}
	cleared := func() (n int) {
		for _, m := range bus.all {
			if m.Topic == p.topics.Status("T", "gone") && m.Retained && len(m.Payload) == 0 {
				n++
			}
		}
		return n
	}
	p.Pruned(outbox.Request{ID: "gone", Terminal: "T"}) // while there is no broker
	work()
	bus.deaf = true
	p.Connected(true)
	work()
	if n := cleared(); n != 0 {
		t.Fatalf("a deaf broker heard %d", n)
	}
	p.Connected(false)
	bus.deaf = false
	p.Connected(true)
	work()
	if n := cleared(); n != 1 {
		t.Errorf("cleared %d times, want once", n)
	}
	p.Connected(false)
	p.Connected(true)
	work()
	if n := cleared(); n != 1 {
		t.Errorf("cleared %d times after another connect, want once", n)
	}
}
