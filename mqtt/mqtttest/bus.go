package mqtttest

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"tillpost/mqtt"
	"tillpost/mqtt/client"
)

// Bus is a mqtt.Bus to a Broker in memory.
type Bus struct {
	broker   *Broker
	options  client.Options
	handlers mqtt.Handlers

	mu sync.Mutex
	// current is nil unless subscribed.
	current *link
	closing bool
}

var _ mqtt.Bus = (*Bus)(nil)

// NewBus returns a bus to b. Of the options it uses ClientID, Topics, Will,
// CloseGrace and BackoffMin; zero durations are 2 s and 500 ms.
func NewBus(b *Broker, options client.Options, handlers mqtt.Handlers) *Bus {
	options.CloseGrace = cmp.Or(options.CloseGrace, 2*time.Second)
	options.BackoffMin = cmp.Or(options.BackoffMin, 500*time.Millisecond)
	return &Bus{broker: b, options: options, handlers: handlers}
}

// Run implements mqtt.Bus. It tries again at an even pace.
func (u *Bus) Run(ctx context.Context) error {
	defer u.handlers.Down(nil)
	for ctx.Err() == nil {
		if err := u.connection(ctx); ctx.Err() == nil {
			u.handlers.Down(err)
		}
		select {
		case <-time.After(u.options.BackoffMin):
		case <-ctx.Done():
		}
	}
	return nil
}

func (u *Bus) connection(ctx context.Context) error {
	var will *mqtt.Message
	if u.options.Will != nil {
		will = &mqtt.Message{Topic: u.options.Topics.Agent(), Payload: u.options.Will(), Retained: true}
	}
	agent := ""
	if u.handlers.Agent != nil {
		agent = u.options.Topics.Agent()
	}
	l, err := u.broker.connect(u.options.ClientID, u.options.Topics.RequestFilter(), agent, will)
	if err != nil {
		return err
	}
	u.set(l, false)
	defer u.set(nil, false)
	u.deliverAgent(l)
	if u.handlers.Status != nil {
		for _, m := range u.broker.statuses(u.options.Topics) {
			u.handlers.Status(m.Topic, m.Payload)
		}
	}
	u.handlers.Up()
	var delivering sync.WaitGroup
	delivering.Go(func() { u.deliver(l) })
	select {
	case <-l.down:
	case <-ctx.Done():
		u.set(l, true)
		l.drain(u.options.CloseGrace)
		l.end(nil, errors.New("closed by us"))
	}
	delivering.Wait()
	return l.err
}

func (u *Bus) set(l *link, closing bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.current, u.closing = l, closing
}

func (u *Bus) link() (l *link, closing bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.current, u.closing
}

// Recall implements mqtt.Recaller.
func (u *Bus) Recall(topic string) ([]byte, error) {
	if !u.Connected() {
		return nil, mqtt.ErrNotConnected
	}
	payload, _ := u.broker.Retained(topic)
	return payload, nil
}

// Connected implements mqtt.Bus.
func (u *Bus) Connected() bool {
	l, _ := u.link()
	return l != nil && !l.isDown()
}

// Publish implements mqtt.Bus.
func (u *Bus) Publish(m mqtt.Message) mqtt.Token {
	t, decide := mqtt.NewToken()
	if l, _ := u.link(); l == nil || !l.publish(m, decide) {
		decide(mqtt.ErrNotConnected)
	}
	return t
}

func (u *Bus) deliver(l *link) {
	for {
		for {
			u.deliverAgent(l)
			if _, closing := u.link(); closing {
				break
			}
			d, ok := l.next(u.options.Topics)
			if !ok {
				break
			}
			u.handlers.Deliver(d)
		}
		select {
		case <-l.wake:
		case <-l.down:
			return
		}
	}
}

// deliverAgent calls Handlers.Agent with what has come on the agent's own topic.
func (u *Bus) deliverAgent(l *link) {
	l.broker.mu.Lock()
	messages := l.agentMessages
	l.agentMessages = nil
	l.broker.mu.Unlock()
	for _, m := range messages {
		if _, closing := u.link(); !closing {
			u.handlers.Agent(m.Payload, m.Retained)
		}
	}
}

func (l *link) isDown() bool {
	select {
	case <-l.down:
		return true
	default:
		return false
	}
}

// up reports whether the link is still its session's; the broker is locked.
func (l *link) up() bool { return l.session.link == l }

func (l *link) publish(m mqtt.Message, decide func(error)) bool {
	l.broker.mu.Lock()
	defer l.broker.mu.Unlock()
	if !l.up() {
		return false
	}
	l.broker.route(m)
	if l.broker.holding {
		l.held = append(l.held, decide)
		return true
	}
	decide(nil)
	return true
}

// entry is one message in the queue of a session while it is being delivered.
type entry struct {
	settled bool
}

// next takes what is to be sent next on this connection.
func (l *link) next(topics mqtt.Topics) (mqtt.Delivery, bool) {
	l.broker.mu.Lock()
	defer l.broker.mu.Unlock()
	for l.up() && l.sent < window && l.sent < len(l.session.queue) {
		m := l.session.queue[l.sent]
		duplicate := l.sent < l.session.sent
		e := &entry{}
		l.entries = append(l.entries, e)
		l.sent++
		l.session.sent = max(l.session.sent, l.sent)
		if topics.OwnTopic(m.Topic) {
			e.settled = true
			l.acknowledge()
			continue
		}
		return mqtt.NewDelivery(m, duplicate, func(_ *mqtt.Refusal, err error) { l.settle(e, err) }), true
	}
	return mqtt.Delivery{}, false
}

func (l *link) settle(e *entry, err error) {
	if err != nil {
		// As when a client closes its connection without a DISCONNECT.
		l.end(l.will, err)
		return
	}
	l.broker.mu.Lock()
	defer l.broker.mu.Unlock()
	e.settled = true
	l.acknowledge()
}

// acknowledge removes what is settled from the head of the queue; the broker is locked.
func (l *link) acknowledge() {
	if !l.up() {
		return
	}
	for len(l.entries) > 0 && l.entries[0].settled {
		l.entries = l.entries[1:]
		l.session.queue = l.session.queue[1:]
		l.sent--
		l.session.sent--
	}
	wake(l.wake)
	wake(l.idle)
}

func (l *link) end(will *mqtt.Message, err error) {
	l.broker.mu.Lock()
	defer l.broker.mu.Unlock()
	if !l.up() {
		return
	}
	l.session.drop(err)
	if will != nil {
		l.broker.route(*will)
	}
}

// drain waits until what was sent is acknowledged and what was published has its acknowledgement, at most grace long.
func (l *link) drain(grace time.Duration) {
	limit := time.After(grace)
	for !l.drained() {
		select {
		case <-l.idle:
		case <-l.down:
			return
		case <-limit:
			return
		}
	}
}

func (l *link) drained() bool {
	l.broker.mu.Lock()
	defer l.broker.mu.Unlock()
	return l.sent == 0 && len(l.held) == 0
}
