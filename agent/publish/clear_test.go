package publish

import (
	"errors"
	"testing"

	"tillpost/mqtt"
	"tillpost/outbox"
)

// losingBus loses what is published on it while losing is set.
type losingBus struct {
	recordingBus
	losing bool
}

func (b *losingBus) Publish(m mqtt.Message) mqtt.Token {
	if !b.losing {
		return b.recordingBus.Publish(m)
	}
	token, settle := mqtt.NewToken()
	settle(errors.New("the connection has ended"))
	return token
}

// Nothing names a record any more that was pruned: its clearing is published until the broker has it, and no longer.
func TestAClearingOutlivesLostConnections(t *testing.T) {
	t.Parallel()
	bus := &losingBus{}
	p := newTestPublisher(&openOutbox{while: func() {}})
	w := &window{ctx: t.Context(), bus: bus}
	work := func() {
		for range 10 {
			p.step(w, true)
		}
	}
	cleared := func() (n int) {
		for _, m := range bus.all {
			if m.Topic == p.o.Topics.Status("T", "gone") && m.Retained && len(m.Payload) == 0 {
				n++
			}
		}
		return n
	}
	p.Pruned(outbox.Request{ID: "gone", Terminal: "T"}) // while there is no broker
	work()
	bus.losing = true
	p.Connected(true)
	work()
	if n := cleared(); n != 0 {
		t.Fatalf("a broker that loses all got %d", n)
	}
	p.Connected(false)
	bus.losing = false
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
