package publish

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"tillpost/agent/clock"
	"tillpost/internal/notify"
	"tillpost/mqtt/message"

	"tillpost/monitor"
	"tillpost/mqtt"
	"tillpost/outbox"
)

const (
	// queueLimit bounds what waits for the broker; beyond it everything retained is published anew instead.
	queueLimit = 10_000
	// summaryPace bounds how often the summaries are published.
	summaryPace = 250 * time.Millisecond
)

// Publisher publishes what became durable, in that order, on the bus and to the pages. While the broker is away nothing piles
// up: everything retained is published again on each connect. It may be used by several goroutines at once; Run owns the bus.
type Publisher struct {
	o      Options
	source Source // of Run

	mu           sync.Mutex
	queue        []queued
	unrepeatable int           // how many in it are published only now: no record holds them
	taken        chan struct{} // closed when a queue with many of those is taken
	resync       bool          // everything retained is to be published again
	// clearings are the topics to be emptied of which the broker has not acknowledged that yet: no record names them any more.
	clearings map[string]clearing
	// republished holds, by topic, the revisions of statuses that changed while records are read to be published again; nil else.
	republished map[string]uint64
	stale       map[Summary]bool
	overlays    map[uint64]overlay
	index       *retainedIndex // nil where another program is the broker
	endings     *endings
	wake        notify.Signal
	connected   bool
	flushes     []chan struct{}

	lastSummary map[Summary]string // as published; owned by Run
}

// queued is a message that waits for the broker; revision is that of a retained status, else 0. With republish, the message
// is made of that request when it is published.
type queued struct {
	mqtt.Message
	revision  uint64
	republish *outbox.Request
	// of names the retained status that it is, zero for all else; number is the index's.
	of     statusKey
	number uint64
}

// Summary is a retained message that is composed when it is published.
type Summary uint8

// The summaries.
const (
	SummaryAgent Summary = iota
	SummaryTerminals
)

// Pages get their events without a broker.
type Pages interface {
	// Publish sends payload to the pages that follow kind, at a terminal or at all ("").
	Publish(kind, terminal string, payload []byte)
	// Touch is called where the agent or its terminals may have changed.
	Touch()
}

// Source returns what the summaries hold. Its functions are called by several goroutines, and must not block.
type Source struct {
	Agent     func() message.AgentState
	Terminals func() []message.TerminalInfo
	Displays  func() []message.Display
}

// Options are what a publisher needs; all of it is required.
type Options struct {
	Topics mqtt.Topics
	Store  outbox.Store
	Clock  clock.Clock
	Pages  Pages
	Log    *slog.Logger
	// Retention is how long the status of an ended request stays retained.
	Retention time.Duration
	// Embedded: the broker reads retained statuses by Statuses, and keeps none itself.
	Embedded bool
}

// New makes a publisher that goes on clearing ended statuses where a former process left off.
func New(o Options) *Publisher {
	p := &Publisher{
		o: o, endings: newEndings(o.Clock, o.Retention),
		stale: map[Summary]bool{}, lastSummary: map[Summary]string{}, overlays: map[uint64]overlay{}, clearings: map[string]clearing{},
		wake: notify.NewSignal(), taken: make(chan struct{}),
	}
	if o.Embedded {
		p.index = newRetainedIndex()
	}
	if err := p.loadEndings(); err != nil {
		o.Log.Warn("started without knowing how far the retained statuses were cleared", "err", err)
	}
	return p
}

// retained makes the messages of a retained status: one, or several once the request was moved to other terminals.
func (p *Publisher) retained(r outbox.Request, s message.Status) []queued {
	terminals := r.Terminals()
	m := p.message(p.o.Topics.Status(terminals[0], r.ID), true, s)
	m.revision, m.of = r.Revision, statusKey{terminals[0], r.Seq}
	list := []queued{m}
	for _, t := range terminals[1:] {
		m.Topic, m.of.terminal = p.o.Topics.Status(t, r.ID), t
		list = append(list, m)
	}
	return list
}

// Unretained publishes a status of which nothing is to stay with the broker.
func (p *Publisher) Unretained(s message.Status) {
	p.enqueue(p.message(p.o.Topics.Status(s.TerminalUUID, s.RequestID), false, s))
}

// Reject publishes that a message was refused at the door.
func (p *Publisher) Reject(r message.Reject) { p.enqueue(p.message(p.o.Topics.Rejects(), false, r)) }

// Display publishes what a terminal's display shows, retained.
func (p *Publisher) Display(d message.Display) {
	m := p.message(p.o.Topics.Display(d.TerminalUUID), true, d)
	p.o.Pages.Publish(monitor.EventDisplay, d.TerminalUUID, m.Payload)
	p.enqueue(m)
}

// message is v as JSON; it has no topic, and is not published, if v can't be written so.
func (p *Publisher) message(topic string, retained bool, v any) queued {
	payload, err := json.Marshal(v)
	if err != nil {
		p.o.Log.Error("a message could not be written as JSON", "topic", topic, "err", err)
		return queued{}
	}
	return queued{Message: mqtt.Message{Topic: topic, Payload: payload, Retained: retained}}
}

func (p *Publisher) enqueue(m queued) {
	p.mu.Lock()
	p.enqueueLocked(m)
	p.mu.Unlock()
	p.wake.Set()
}

// enqueueStatusLocked queues a status for the bus, and publishes it to the pages. The caller holds mu, and wakes Run later.
func (p *Publisher) enqueueStatusLocked(list []queued) {
	for _, m := range list {
		p.enqueueLocked(m)
	}
	p.o.Pages.Publish(monitor.EventRequest, "", list[0].Payload)
}

// enqueueLocked queues a message. The caller holds mu, and wakes Run later.
func (p *Publisher) enqueueLocked(m queued) {
	if m.Topic == "" && m.republish == nil {
		return
	}
	if _, known := p.republished[m.Topic]; p.republished != nil && m.revision > 0 && !known {
		p.republished[m.Topic] = 0
	}
	if !p.connected {
		return // everything retained is published on the next connect
	}
	m.number = p.index.number(m.of)
	if len(p.queue) >= queueLimit {
		p.queue, p.resync = slices.DeleteFunc(p.queue, func(m queued) bool { return !m.unrepeatable() }), true
	}
	if m.unrepeatable() {
		p.unrepeatable++
	}
	p.queue = append(p.queue, m)
}

// unrepeatable reports whether a message is lost if it is not published: a refusal, the status of what has no record, or one
// that a till asked for again, which republishAll may leave out.
func (m queued) unrepeatable() bool { return !m.Retained }

// WaitForRoom blocks while the queue holds many unrepeatable messages, until it is taken or ctx ends: if a till publishes
// faster than the broker takes the refusals, none is lost, and the memory is not filled.
func (p *Publisher) WaitForRoom(ctx context.Context) {
	for {
		p.mu.Lock()
		full, taken := p.connected && p.unrepeatable >= queueLimit/2, p.taken
		p.mu.Unlock()
		if !full {
			return
		}
		select {
		case <-taken:
		case <-ctx.Done():
			return
		}
	}
}

// takeLocked empties the queue and returns what was in it. The caller holds mu.
func (p *Publisher) takeLocked() []queued {
	queue := p.queue
	if p.unrepeatable >= queueLimit/2 {
		close(p.taken)
		p.taken = make(chan struct{})
	}
	p.queue, p.unrepeatable = nil, 0
	return queue
}

// Touch has a summary published within summaryPace, if it has changed.
func (p *Publisher) Touch(s Summary) {
	p.mu.Lock()
	p.stale[s] = true
	p.mu.Unlock()
	p.wake.Set()
	p.o.Pages.Touch()
}

// Connected is called when the connection comes up or goes down. Once up, everything retained is published anew: the broker may
// have lost its memory.
func (p *Publisher) Connected(up bool) {
	p.mu.Lock()
	p.takeLocked()
	p.connected, p.resync = up, up
	p.mu.Unlock()
	p.wake.Set()
}

// Run publishes on bus until ctx ends. It is called once.
func (p *Publisher) Run(ctx context.Context, bus mqtt.Bus, source Source) {
	p.source = source
	w := &window{ctx: ctx, bus: bus}
	pace := time.NewTimer(summaryPace) // runs only while something waits for it: an idle machine sleeps
	defer pace.Stop()
	paced := true
	for {
		summaries := false
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		case <-pace.C:
			summaries, paced = true, false
		}
		for p.step(w, summaries) {
			summaries = false
		}
		if !paced && p.pending() {
			pace.Reset(summaryPace)
			paced = true
		}
	}
}

// pending reports whether something waits for the next tick.
func (p *Publisher) pending() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.connected && (p.resync || len(p.stale) > 0)
}

// step publishes what there is, and reports whether there may be more to do now.
func (p *Publisher) step(w *window, summaries bool) bool {
	p.mu.Lock()
	resync, queue, republished, number := p.resync, p.takeLocked(), p.republished, p.index.newest()
	p.resync, p.republished = false, nil
	if resync || slices.ContainsFunc(queue, isRepublish) {
		p.republished = map[string]uint64{}
	}
	if resync {
		for _, m := range queue {
			if m.revision > 0 {
				p.republished[m.Topic] = 0
			}
		}
	}
	var stale []Summary
	if (summaries || resync) && p.connected {
		stale = slices.Sorted(maps.Keys(p.stale))
		clear(p.stale)
	}
	p.mu.Unlock()
	if resync {
		w.startOver()
		p.republishAll(w, func() { p.publishQueued(w, slices.DeleteFunc(queue, coveredByRepublishAll), republished) })
		p.publishClearings(w, true)
		p.mu.Lock()
		p.index.publishedThrough(number)
		p.mu.Unlock()
		return true
	}
	p.publishQueued(w, queue, republished)
	for _, s := range stale {
		p.publishSummary(w, s)
	}
	if w.lost {
		w.lost = false
		p.mu.Lock()
		p.resync = p.connected
		p.mu.Unlock()
		return false // the next tick tries again
	}
	if len(queue) == 0 {
		p.publishClearings(w, false)
		p.answerFlushes(w)
		p.confirmClearings(w)
	}
	return len(queue) > 0
}

// publishSummary publishes a summary if it differs from what was published last.
func (p *Publisher) publishSummary(w *window, s Summary) {
	if m := p.composeSummary(s); p.lastSummary[s] != string(m.Payload) {
		p.lastSummary[s] = string(m.Payload)
		w.publish(m)
	}
}

func (p *Publisher) composeSummary(s Summary) mqtt.Message {
	var v any
	topic := p.o.Topics.Terminals()
	if s == SummaryAgent {
		topic, v = p.o.Topics.Agent(), p.source.Agent()
	} else {
		v = p.source.Terminals()
	}
	payload, err := json.Marshal(v)
	if err != nil {
		p.o.Log.Error("a summary could not be written as JSON", "topic", topic, "err", err)
	}
	return mqtt.Message{Topic: topic, Payload: payload, Retained: true}
}
