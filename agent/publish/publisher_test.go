package publish

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/agent/clock"
	"tillpost/mqtt/message"

	"tillpost/mqtt"
	"tillpost/outbox"
)

const day = 24 * time.Hour

// recordingBus takes everything at once.
type recordingBus struct {
	mqtt.Bus
	all []mqtt.Message
}

func (b *recordingBus) Publish(m mqtt.Message) mqtt.Token {
	b.all = append(b.all, m)
	token, settle := mqtt.NewToken()
	settle(nil)
	return token
}

// revisions returns those published on a status topic.
func (b *recordingBus) revisions(topic string) (list []uint64) {
	for _, m := range b.all {
		var s message.Status
		if m.Topic == topic && json.Unmarshal(m.Payload, &s) == nil {
			list = append(list, s.Revision)
		}
	}
	return list
}

// openOutbox has one open record; while is called before it is read.
type openOutbox struct {
	outbox.Store
	record outbox.Request
	while  func()
}

func (o *openOutbox) EachOpen(_ context.Context, _ string, fn func(outbox.Request) bool) error {
	o.while()
	fn(o.record)
	return nil
}

func (o *openOutbox) Lanes() []outbox.Lane { return []outbox.Lane{{Terminal: o.record.Terminal}} }

func (o *openOutbox) Lookup(string) (outbox.Request, error) {
	o.while()
	return o.record, nil
}

func (o *openOutbox) GetBlob(string) ([]byte, error) { return nil, outbox.ErrNotFound }

func (o *openOutbox) Stats() outbox.Stats { return outbox.Stats{} }

func (o *openOutbox) Before(uint64, func(outbox.Request) bool) error { return nil }

// endedOutbox has so many records of what has just ended; while is called before the n-th is read.
type endedOutbox struct {
	openOutbox
	records int
	while   func(n int)
}

func (o *endedOutbox) EachOpen(context.Context, string, func(outbox.Request) bool) error { return nil }

func (o *endedOutbox) Before(_ uint64, fn func(outbox.Request) bool) error {
	now := clock.NewSystem().Now()
	for n := range o.records {
		o.while(n)
		id := fmt.Sprint("old-", n)
		if !fn(outbox.Request{Seq: uint64(n + 10), ID: id, Kind: outbox.KindOrder, Terminal: "T", State: outbox.StatePaid, Revision: 4, Entered: now}) {
			return nil
		}
	}
	return nil
}

// While old statuses are published again, what happens meanwhile is published between them, each change once and in order.
func TestOrdersDontWaitForOldStatuses(t *testing.T) {
	t.Parallel()
	store := &endedOutbox{records: 1000}
	p := newTestPublisher(store)
	store.while = func(n int) {
		if n > 0 && n%300 == 0 {
			p.Changed(order("new", uint64(n/300)), Position{})
		}
	}
	p.Connected(true)
	bus := publishAll(t, p)
	old, waited := 0, []int{}
	for _, m := range bus.all {
		switch {
		case m.Topic == p.o.Topics.Status("T", "new"):
			waited = append(waited, old)
		case strings.HasPrefix(m.Topic, "p/terminals/T/status/old-"):
			old++
		}
	}
	if told := bus.revisions(p.o.Topics.Status("T", "new")); !slices.Equal(told, []uint64{1, 2, 3}) || old != 1000 {
		t.Fatalf("told revisions %v, and %d old ones", told, old)
	}
	for i, n := range waited {
		if n > (i+1)*300+republishBatch {
			t.Errorf("revision %d waited for %d old statuses", i+1, n-(i+1)*300)
		}
	}
}

// newTestPublisher tells nothing of the agent, its terminals and displays.
func newTestPublisher(store outbox.Store) *Publisher {
	p := New(testOptions(store))
	p.source = noSource()
	return p
}

// order is the record of an order at a revision.
func order(id string, revision uint64) outbox.Request {
	return outbox.Request{Seq: 1, ID: id, Kind: outbox.KindOrder, Terminal: "T", State: outbox.StateSending, Revision: revision}
}

// withOpen has an outbox with one open record, order a at a revision.
func withOpen(revision uint64) (*Publisher, *openOutbox) {
	store := &openOutbox{record: order("a", revision)}
	return newTestPublisher(store), store
}

// publishAll has all that there is to tell published, and returns what took it.
func publishAll(t *testing.T, p *Publisher) *recordingBus {
	t.Helper()
	bus := &recordingBus{}
	w := &window{ctx: t.Context(), bus: bus}
	for p.step(w, false) {
		continue
	}
	return bus
}

// testOptions are a publisher's that tells no pages.
func testOptions(store outbox.Store) Options {
	return Options{
		Topics: mqtt.Topics{Prefix: "p"}, Store: store, Clock: clock.NewSystem(), Pages: noPages{}, Log: slog.New(slog.DiscardHandler), Retention: day,
	}
}

type noPages struct{}

func (noPages) Publish(string, string, []byte) {}
func (noPages) Touch()                         {}

// noSource says nothing of the agent, its terminals and displays.
func noSource() Source {
	return Source{
		Agent:     func() (s message.AgentState) { return s },
		Terminals: func() []message.TerminalInfo { return nil },
		Displays:  func() []message.Display { return nil },
	}
}

// What changes right after a connect, while everything is published anew, is published change by change: no state is passed over,
// and none goes back.
func TestEachChangeIsPublishedOnAConnect(t *testing.T) {
	t.Parallel()
	p, store := withOpen(5)
	store.while = func() {
		for revision := uint64(3); revision <= 6; revision++ {
			p.Changed(order("a", revision), Position{})
		}
	}
	p.Connected(true)
	p.Changed(order("a", 2), Position{})
	bus := publishAll(t, p)
	if told, want := bus.revisions(p.o.Topics.Status("T", "a")), []uint64{2, 3, 4, 5, 6}; !slices.Equal(told, want) {
		t.Errorf("told revisions %v, want %v", told, want)
	}
}

// Where so much changes meanwhile that the queue is given up, the record is published all the same, and nothing older after it.
// No refusal is given up: nothing could tell it again.
func TestEverythingIsPublishedWhenTheQueueOverflows(t *testing.T) {
	t.Parallel()
	p, store := withOpen(5)
	store.while = func() {
		store.while = func() {}
		p.Changed(order("a", 5), Position{})
		for range queueLimit + 1 {
			p.Reject(message.Reject{Topic: "p/terminals/T/orders"})
		}
	}
	p.Connected(true)
	bus := publishAll(t, p)
	if told, want := bus.revisions(p.o.Topics.Status("T", "a")), []uint64{5}; !slices.Equal(told, want) {
		t.Errorf("told revisions %v, want %v", told, want)
	}
	rejects := 0
	for _, m := range bus.all {
		if m.Topic == p.o.Topics.Rejects() {
			rejects++
		}
	}
	if rejects != queueLimit+1 {
		t.Errorf("%d refusals were told, want %d", rejects, queueLimit+1)
	}
}

// Who refuses faster than the broker takes it waits, until the queue is taken, the broker is gone, or the agent stops.
func TestRefusalsWaitForRoom(t *testing.T) {
	for name, let := range map[string]func(p *Publisher, stop func()){
		"taken":   func(p *Publisher, _ func()) { p.step(&window{ctx: t.Context(), bus: &recordingBus{}}, false) },
		"gone":    func(p *Publisher, _ func()) { p.Connected(false) },
		"stopped": func(_ *Publisher, stop func()) { stop() },
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newTestPublisher(&openOutbox{while: func() {}})
			p.connected = true
			for range queueLimit/2 - 1 {
				p.Reject(message.Reject{})
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			p.WaitForRoom(ctx)
			p.Reject(message.Reject{})
			var waited atomic.Bool
			go func() {
				p.WaitForRoom(ctx)
				waited.Store(true)
			}()
			synctest.Wait()
			if waited.Load() {
				t.Errorf("%s: there was room before", name)
			}
			let(p, stop)
			synctest.Wait()
			if !waited.Load() {
				t.Errorf("%s: there is no room after", name)
			}
		})
	}
}

// A till that publishes its request once more while it changes must not get what it was.
func TestNoStatusGoesBackWhenAskedAgain(t *testing.T) {
	t.Parallel()
	p, store := withOpen(6)
	p.connected = true
	store.while = func() {
		for revision := uint64(5); revision <= 7; revision++ {
			p.Changed(order("a", revision), Position{})
		}
	}
	p.Changed(order("a", 3), Position{})
	p.Republish(order("a", 3))
	p.Changed(order("a", 4), Position{})
	bus := publishAll(t, p)
	if told, want := bus.revisions(p.o.Topics.Status("T", "a")), []uint64{3, 6, 6, 7}; !slices.Equal(told, want) {
		t.Errorf("told revisions %v, want %v", told, want)
	}
}

// A message that was refused right after a connect is published, though everything retained is published anew at that moment.
func TestARejectOutlivesAConnect(t *testing.T) {
	t.Parallel()
	p := newTestPublisher(&openOutbox{while: func() {}})
	p.Connected(true)
	p.Reject(message.Reject{Topic: "p/terminals/T/orders", Reason: &message.Reason{Code: "retainedRequest"}})
	p.Pruned(outbox.Request{ID: "gone", Terminal: "T"})
	bus := publishAll(t, p)
	for _, topic := range []string{p.o.Topics.Rejects(), p.o.Topics.Status("T", "gone")} {
		if !slices.ContainsFunc(bus.all, func(m mqtt.Message) bool { return m.Topic == topic }) {
			t.Errorf("nothing was told on %s", topic)
		}
	}
}
