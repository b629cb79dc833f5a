package publish

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/mqtt"
	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

// retainingBus keeps what was published last on each topic, and lets nobody publish while it is looked at.
type retainingBus struct {
	mqtt.Bus
	mu   sync.Mutex
	last map[string]string
}

func (b *retainingBus) Publish(m mqtt.Message) mqtt.Token {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case m.Retained && len(m.Payload) == 0:
		delete(b.last, m.Topic)
	case m.Retained:
		b.last[m.Topic] = string(m.Payload)
	}
	token, settle := mqtt.NewToken()
	settle(nil)
	return token
}

// readerWorld is a publisher over an outbox, and what reads its statuses.
type readerWorld struct {
	*testing.T
	bus      *retainingBus
	store    outbox.Store
	p        *Publisher
	statuses *retainedStatuses
}

// newReaderWorld has room for so many statuses in memory.
func newReaderWorld(t *testing.T, room int, open func(bolt.Options) outbox.Store) *readerWorld {
	w := &readerWorld{T: t, bus: &retainingBus{last: map[string]string{}}}
	w.store = open(bolt.Options{Policy: outboxtest.Policy, Committed: func(changes []outbox.Change) {
		for _, c := range changes {
			w.p.Changed(c.Request, Position{c.Position, c.Behind})
		}
	}})
	o := testOptions(w.store)
	o.Embedded = true
	w.p = New(o)
	w.p.source, w.p.index.room = noSource(), room
	w.statuses = &retainedStatuses{p: w.p}
	return w
}

// replay returns what a new reader gets, each compared with what was published last on its topic.
func (w *readerWorld) replay(terminal, requestID string) map[string]string {
	got := map[string]string{}
	w.statuses.Replay(terminal, requestID, func(piece func(func(mqtt.Message))) bool {
		w.bus.mu.Lock()
		defer w.bus.mu.Unlock()
		piece(func(m mqtt.Message) {
			if want := w.bus.last[m.Topic]; string(m.Payload) != want {
				w.Errorf("%s is read as\n%s, published was\n%s", m.Topic, m.Payload, want)
			}
			if got[m.Topic] != "" {
				w.Errorf("%s is handed over twice", m.Topic)
			}
			got[m.Topic] = string(m.Payload)
		})
		return true
	})
	return got
}

// publish publishes what is queued by now.
func (w *readerWorld) publish() {
	out := &window{ctx: w.Context(), bus: w.bus}
	for w.p.step(out, false) {
		continue
	}
}

func (w *readerWorld) add(rs ...outbox.Request) {
	w.Helper()
	if _, err := w.store.Add(w.Context(), rs...); err != nil {
		w.Fatal(err)
	}
}

func (w *readerWorld) lookup(id string) outbox.Request {
	w.Helper()
	r, err := w.store.Lookup(id)
	if err != nil {
		w.Fatal(err)
	}
	return r
}

func (w *readerWorld) cancel(id string) {
	w.Helper()
	_, _, err := w.store.Apply(w.Context(), w.lookup(id).Seq, outbox.Event{Type: outbox.CancelWanted, At: outboxtest.At(time.Second)})
	if err != nil {
		w.Fatal(err)
	}
}

// lane does at random what a terminal's lane and its till do.
func (w *readerWorld) lane(terminal string, n int) {
	random := rand.New(rand.NewPCG(uint64(n), uint64(len(terminal))))
	ids := []string{}
	for i := range n {
		if len(ids) == 0 || random.IntN(4) == 0 {
			id := fmt.Sprint(terminal, "-", i)
			w.add(outboxtest.Order(id, terminal))
			ids = append(ids, id)
		}
		r, err := w.store.Lookup(ids[random.IntN(len(ids))])
		if err != nil {
			continue // pruned
		}
		e := outbox.Event{At: outboxtest.At(time.Duration(i) * time.Second)}
		switch random.IntN(9) {
		case 0:
			e.Type = outbox.CancelWanted
		case 8:
			e.Type, e.To = outbox.Moved, fmt.Sprint("T", random.IntN(4))
		case 1:
			e = outboxtest.DueEvent(r.Seq)
		case 2:
			e.Type = outbox.Busy
		case 3:
			e.Type = outbox.RateLimited
		case 4, 5:
			w.waits(r, random)
			continue
		case 6:
			w.p.Republish(r)
			continue
		default:
			if random.IntN(20) == 0 {
				w.startOver()
			}
			continue
		}
		_, _, _ = w.store.Apply(w.Context(), r.Seq, e) // refused while another one holds the lane
	}
}

func (w *readerWorld) waits(r outbox.Request, random *rand.Rand) {
	if r.InQueue() {
		var why *outbox.Waiting
		if random.IntN(2) == 0 {
			why = &outbox.Waiting{Code: outbox.WaitBusy, Since: outboxtest.At(0), Attempts: random.IntN(3)}
		}
		w.p.Waits(r, Position{1 + random.IntN(3), random.IntN(2) == 0}, why)
	}
}

// startOver is what too long a queue does.
func (w *readerWorld) startOver() {
	w.p.mu.Lock()
	w.p.queue, w.p.resync = nil, true
	w.p.mu.Unlock()
	w.p.wake.Set()
}

func (w *readerWorld) prune() {
	gone, err := w.store.Prune(w.Context(), func(outbox.Request) bool { return true }, 20)
	if err != nil {
		w.Error(err)
	}
	for _, r := range gone {
		w.p.Pruned(r)
	}
}

// memOutbox is an outbox in memory that can fail to be read.
type memOutbox struct {
	outbox.Store
	mem    *outboxtest.Mem
	broken atomic.Bool
	reads  int
}

func (m *memOutbox) GetBlob(string) ([]byte, error) { return nil, outbox.ErrNotFound }

func (m *memOutbox) Add(ctx context.Context, rs ...outbox.Request) ([]outbox.Added, error) {
	return m.mem.Add(ctx, rs...)
}

func (m *memOutbox) Accept(ctx context.Context, as ...outbox.Arrival) ([]outbox.Added, error) {
	return m.mem.Accept(ctx, as...)
}

func (m *memOutbox) Apply(ctx context.Context, seq uint64, e outbox.Event) (outbox.Request, []outbox.Effect, error) {
	return m.mem.Apply(ctx, seq, e)
}

func (m *memOutbox) Stats() outbox.Stats { return m.mem.Stats() }

func (m *memOutbox) Lookup(id string) (outbox.Request, error) { return m.mem.Lookup(id) }

func (m *memOutbox) Prune(ctx context.Context, before func(outbox.Request) bool, most int) ([]outbox.Request, error) {
	return m.mem.Prune(ctx, before, most)
}

func (m *memOutbox) Records(seqs []uint64) ([]outbox.Request, error) {
	m.reads++
	if m.broken.Load() {
		return nil, errors.New("input/output error")
	}
	return m.mem.Records(seqs)
}

// inReaderBubble is a test in fake time, with two orders published.
func inReaderBubble(t *testing.T, room int, test func(w *readerWorld, store *memOutbox)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &memOutbox{}
		w := newReaderWorld(t, room, func(o bolt.Options) outbox.Store { store.mem = outboxtest.NewMem(o); return store })
		w.p.connected = true
		w.add(outboxtest.Order("a", "T1"), outboxtest.Order("b", "T1"))
		w.publish()
		test(w, store)
	})
}

func topicsOf(got map[string]string) []string { return slices.Sorted(maps.Keys(got)) }
