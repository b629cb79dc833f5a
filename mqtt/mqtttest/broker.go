package mqtttest

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"tillpost/mqtt"
)

// window is how many messages a broker sends without an acknowledgement, the default of mosquitto.
const window = 20

// Broker is an MQTT broker in memory. It keeps sessions, retained messages and wills as a real one does, and has no
// network and no clock, so that it works inside a bubble of testing/synctest. Its methods may be called from several
// goroutines at once.
type Broker struct {
	mu       sync.Mutex
	stopped  bool
	holding  bool
	wills    bool
	retained map[string]mqtt.Message
	sessions map[string]*session
	watchers []*watcher
	log      []mqtt.Message
}

// session is what the broker keeps for one client id.
type session struct {
	filter string
	// queue holds what is not acknowledged, the oldest first; the first sent
	// of them were sent on some connection before.
	queue []mqtt.Message
	sent  int
	link  *link
}

// link is one connection of a bus.
type link struct {
	broker  *Broker
	session *session
	will    *mqtt.Message
	// sent counts what was sent on this connection and not acknowledged.
	sent int
	// entries stand for what sent counts, in order.
	entries []*entry
	// wake has room for one signal that there is something to send, idle for one that something was acknowledged.
	wake, idle chan struct{}
	down       chan struct{}
	// agent is the topic for Handlers.Agent, "" if there is none; agentMessages
	// are what came on it and was not delivered yet.
	agent         string
	agentMessages []mqtt.Message
	err           error
	// held are publishes whose acknowledgement is held back.
	held []func(error)
}

type watcher struct {
	filter   string
	messages chan mqtt.Message
}

// NewBroker returns a broker that runs and remembers nothing.
func NewBroker() *Broker {
	return &Broker{retained: make(map[string]mqtt.Message), sessions: make(map[string]*session)}
}

var (
	errStopped   = errors.New("the broker does not run")
	errCut       = errors.New("the connection was cut")
	errTakenOver = errors.New("another client took the client id")
)

// Stop ends all connections, without wills, and refuses new ones.
func (b *Broker) Stop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = true
	for _, m := range b.sessions {
		m.drop(errStopped)
	}
}

// Start runs a stopped broker again.
func (b *Broker) Start() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stopped = false
}

// Forget discards the sessions and retained messages of a stopped broker.
func (b *Broker) Forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.retained = make(map[string]mqtt.Message)
	b.sessions = make(map[string]*session)
}

// Cut ends every bus's connection as a network does; the wills are published.
func (b *Broker) Cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(b.sessions)) {
		m := b.sessions[id]
		if m.link != nil && m.link.will != nil {
			b.route(*m.link.will)
		}
		m.drop(errCut)
	}
}

// Hold keeps back the acknowledgements of what buses publish, or lets them go.
func (b *Broker) Hold(on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.holding = on
	for _, m := range b.sessions {
		if m.link != nil && !on {
			for _, decide := range m.link.held {
				decide(nil)
			}
			m.link.held = nil
			wake(m.link.idle)
		}
	}
}

// TakeoverWills turns on that the last will of a client is published when another one takes its id. The standard asks
// for that; mosquitto 2.0 does not do it, nor does a new Broker.
func (b *Broker) TakeoverWills(on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wills = on
}

// Publish publishes a message, as a till does.
func (b *Broker) Publish(m mqtt.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.route(m)
}

// Watch returns what is published on topics that match filter: first what is retained, then what comes. It has to be
// read: the channel has room for a thousand messages, and the broker panics when it is full.
func (b *Broker) Watch(filter string) <-chan mqtt.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := &watcher{filter: filter, messages: make(chan mqtt.Message, 1000)}
	b.watchers = append(b.watchers, w)
	for _, m := range b.retainedFor(filter) {
		w.offer(m)
	}
	return w.messages
}

// Retained returns the payload that is retained on a topic.
func (b *Broker) Retained(topic string) ([]byte, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m, ok := b.retained[topic]
	return m.Payload, ok
}

// statuses returns what is retained of the requests' statuses.
func (b *Broker) statuses(topics mqtt.Topics) []mqtt.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []mqtt.Message
	for topic, m := range b.retained {
		if topics.StatusID(topic) != "" {
			list = append(list, m)
		}
	}
	return list
}

// Log returns everything that was published, by tills, buses and wills, in order.
func (b *Broker) Log() []mqtt.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.log)
}

// route sends a message to all subscribers of its topic.
func (b *Broker) route(m mqtt.Message) {
	b.log = append(b.log, m)
	if m.Retained {
		if len(m.Payload) == 0 {
			delete(b.retained, m.Topic)
		} else {
			b.retained[m.Topic] = m
		}
	}
	// A message to an existing subscription is not marked as retained.
	m.Retained = false
	for _, session := range b.sessions {
		if l := session.link; l != nil && l.agent == m.Topic {
			l.agentMessages = append(l.agentMessages, m)
			wake(l.wake)
		}
	}
	for _, w := range b.watchers {
		if matches(w.filter, m.Topic) {
			w.offer(m)
		}
	}
	for _, session := range b.sessions {
		if session.filter != "" && matches(session.filter, m.Topic) {
			session.enqueue(m)
		}
	}
}

func (w *watcher) offer(m mqtt.Message) {
	select {
	case w.messages <- m:
	default:
		panic("mqtttest: a watcher of " + w.filter + " does not read")
	}
}

func (b *Broker) retainedFor(filter string) []mqtt.Message {
	var found []mqtt.Message
	for _, topic := range slices.Sorted(maps.Keys(b.retained)) {
		if matches(filter, topic) {
			found = append(found, b.retained[topic])
		}
	}
	return found
}

func (m *session) enqueue(message mqtt.Message) {
	m.queue = append(m.queue, message)
	if m.link != nil {
		wake(m.link.wake)
	}
}

// drop ends the session's connection; what was sent on it comes again.
func (m *session) drop(err error) {
	l := m.link
	if l == nil {
		return
	}
	m.link = nil
	l.err = err
	close(l.down)
	for _, decide := range l.held {
		decide(mqtt.ErrConnectionLost)
	}
	l.held = nil
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// connect makes a connection for a client id and subscribes it, which queues the
// retained messages again. A client that had the id is disconnected.
func (b *Broker) connect(id, filter, agent string, will *mqtt.Message) (*link, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		return nil, errStopped
	}
	m := b.sessions[id]
	if m == nil {
		m = &session{}
		b.sessions[id] = m
	}
	if b.wills && m.link != nil && m.link.will != nil {
		b.route(*m.link.will)
	}
	m.drop(errTakenOver)
	l := &link{broker: b, session: m, will: will, agent: agent, wake: make(chan struct{}, 1), idle: make(chan struct{}, 1), down: make(chan struct{})}
	m.link = l
	m.filter = filter
	m.queue = append(m.queue, b.retainedFor(filter)...)
	if message, ok := b.retained[agent]; ok {
		l.agentMessages = append(l.agentMessages, message)
	}
	wake(l.wake)
	return l, nil
}

// matches reports whether a topic filter with + and # matches a topic.
func matches(filter, topic string) bool {
	f, t := strings.Split(filter, "/"), strings.Split(topic, "/")
	for i, level := range f {
		switch {
		case level == "#":
			return true
		case i >= len(t), level != "+" && level != t[i]:
			return false
		}
	}
	return len(f) == len(t)
}
