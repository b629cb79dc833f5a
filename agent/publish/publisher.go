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

// Publisher tells the world, in the order in which things became durable. While the broker is away nothing piles up:
// everything retained is published again on each connect.
type Publisher struct {
	topics mqtt.Topics
	store  outbox.Store
	pages  Pages
	log    *slog.Logger

	source Source // of run

	mu           sync.Mutex
	queue        []queued
	unrepeatable int           // how many in it are told only once: no record tells of them
	taken        chan struct{} // closed when a queue with many of those is taken
	resync       bool          // everything is to be published again
	// clearings are what is to be cleared and is not known to be, by topic: of these no record tells any more.
	clearings map[string]clearing
	// republished is, while records are read to be told again, what was told of the statuses that changed in the meantime.
	republished map[string]uint64
	stale       map[Summary]bool
	overlays    map[uint64]overlay
	index       *retainedIndex // nil where a broker keeps what is retained
	endings     *endings
	wake        chan struct{}
	connected   bool
	flushes     []chan struct{}

	lastSummary map[Summary]string // what was published last; owned by run
}

// queued is a message that waits for the broker; revision is that of a retained status, else 0. With again, the message
// is made of that request when it is published.
type queued struct {
	mqtt.Message
	revision  uint64
	republish *outbox.Request
	// of is whose retained status it is, zero for all else; number is kept's.
	of     statusKey
	number uint64
}

// Summary names a retained message that is made anew when it is published.
type Summary uint8

// The summaries.
const (
	SummaryAgent Summary = iota
	SummaryTerminals
)

// Pages get their events without a broker.
type Pages interface {
	// Publish tells the pages that follow kind, of a terminal or of all ("").
	Publish(kind, terminal string, payload []byte)
	// Touch says that the agent or its terminals may have changed.
	Touch()
}

// Source says what the summaries tell. Its functions are called by several goroutines, and return at once.
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
	// Retention is how long the status of what has ended stays.
	Retention time.Duration
	// Embedded: the broker reads retained statuses from here, and keeps none itself.
	Embedded bool
}

// New makes a publisher that goes on where a former process was with clearing what had ended.
func New(o Options) *Publisher {
	p := &Publisher{
		topics: o.Topics, store: o.Store, pages: o.Pages, log: o.Log, endings: newEndings(o.Clock, o.Retention),
		stale: map[Summary]bool{}, lastSummary: map[Summary]string{}, overlays: map[uint64]overlay{}, clearings: map[string]clearing{},
		wake: make(chan struct{}, 1), taken: make(chan struct{}),
	}
	if o.Embedded {
		p.index = newRetainedIndex()
	}
	if err := p.loadEndings(); err != nil {
		o.Log.Warn("started without knowing how far the retained statuses were cleared", "err", err)
	}
	return p
}

// retained is the retained status of a request, as it is to be told: on one topic, or on several once it was moved.
func (p *Publisher) retained(r outbox.Request, s message.Status) []queued {
	terminals := r.Terminals()
	m := p.message(p.topics.Status(terminals[0], r.ID), true, s)
	m.revision, m.of = r.Revision, statusKey{terminals[0], r.Seq}
	list := []queued{m}
	for _, t := range terminals[1:] {
		m.Topic, m.of.terminal = p.topics.Status(t, r.ID), t
		list = append(list, m)
	}
	return list
}

// Unretained tells a till how its message stands, of which nothing is to stay with the broker.
func (p *Publisher) Unretained(s message.Status) {
	p.enqueue(p.message(p.topics.Status(s.TerminalUUID, s.RequestID), false, s))
}

// Reject tells of a message that was refused at the door.
func (p *Publisher) Reject(r message.Reject) { p.enqueue(p.message(p.topics.Rejects(), false, r)) }

// Display tells what a terminal's display shows.
func (p *Publisher) Display(d message.Display) {
	m := p.message(p.topics.Display(d.TerminalUUID), true, d)
	p.pages.Publish(monitor.EventDisplay, d.TerminalUUID, m.Payload)
	p.enqueue(m)
}

// message is v as JSON; one without a topic, which is told to nobody, if v can't be written so.
func (p *Publisher) message(topic string, retained bool, v any) queued {
	payload, err := json.Marshal(v)
	if err != nil {
		p.log.Error("a message could not be written as JSON", "topic", topic, "err", err)
		return queued{}
	}
	return queued{Message: mqtt.Message{Topic: topic, Payload: payload, Retained: retained}}
}

func (p *Publisher) enqueue(m queued) {
	p.mu.Lock()
	p.enqueueLocked(m)
	p.mu.Unlock()
	p.nudge()
}

// enqueueStatusLocked has a status told to tills and pages, for who holds mu, and nudges later.
func (p *Publisher) enqueueStatusLocked(list []queued) {
	for _, m := range list {
		p.enqueueLocked(m)
	}
	p.pages.Publish(monitor.EventRequest, "", list[0].Payload)
}

// enqueueLocked is enqueue for who holds mu, and nudges later.
func (p *Publisher) enqueueLocked(m queued) {
	if m.Topic == "" && m.republish == nil {
		return
	}
	if _, known := p.republished[m.Topic]; p.republished != nil && m.revision > 0 && !known {
		p.republished[m.Topic] = 0
	}
	if !p.connected {
		return // told again on the next connect
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

// unrepeatable tells a message that is lost if it is not told: a refusal, the status of what has no record, or one that a till
// asked for again, which may be none of those that everything tells.
func (m queued) unrepeatable() bool { return !m.Retained }

// WaitForRoom holds up who tells what is told only once, until the queue is taken or ctx ends: if a till publishes faster
// than the broker takes the refusals, none is lost, and the memory is not filled.
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

// takeLocked hands over the queue, for who holds mu.
func (p *Publisher) takeLocked() []queued {
	queue := p.queue
	if p.unrepeatable >= queueLimit/2 {
		close(p.taken)
		p.taken = make(chan struct{})
	}
	p.queue, p.unrepeatable = nil, 0
	return queue
}

// Touch has a summary published anew, soon.
func (p *Publisher) Touch(s Summary) {
	p.mu.Lock()
	p.stale[s] = true
	p.mu.Unlock()
	p.nudge()
	p.pages.Touch()
}

// Connected starts everything over: the broker may have lost its memory.
func (p *Publisher) Connected(up bool) {
	p.mu.Lock()
	p.takeLocked()
	p.connected, p.resync = up, up
	p.mu.Unlock()
	p.nudge()
}

func (p *Publisher) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// Run publishes on bus until ctx ends.
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

// pending tells that something waits for the next look.
func (p *Publisher) pending() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.connected && (p.resync || len(p.stale) > 0)
}

// step publishes what there is; false when nothing is left to do now.
func (p *Publisher) step(w *window, summaries bool) bool {
	p.mu.Lock()
	resync, queue, retold, number := p.resync, p.takeLocked(), p.republished, p.index.newest()
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
		p.republishAll(w, func() { p.publishQueued(w, slices.DeleteFunc(queue, coveredByRepublishAll), retold) })
		p.publishClearings(w, true)
		p.mu.Lock()
		p.index.publishedThrough(number)
		p.mu.Unlock()
		return true
	}
	p.publishQueued(w, queue, retold)
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

// publishSummary publishes a summary if it is another one than was told last.
func (p *Publisher) publishSummary(w *window, s Summary) {
	if m := p.composeSummary(s); p.lastSummary[s] != string(m.Payload) {
		p.lastSummary[s] = string(m.Payload)
		w.publish(m)
	}
}

func (p *Publisher) composeSummary(s Summary) mqtt.Message {
	var v any
	topic := p.topics.Terminals()
	if s == SummaryAgent {
		topic, v = p.topics.Agent(), p.source.Agent()
	} else {
		v = p.source.Terminals()
	}
	payload, err := json.Marshal(v)
	if err != nil {
		p.log.Error("a summary could not be written as JSON", "topic", topic, "err", err)
	}
	return mqtt.Message{Topic: topic, Payload: payload, Retained: true}
}
