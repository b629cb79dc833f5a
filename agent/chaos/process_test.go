package chaos_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"tillpost/agent"
	"tillpost/mqtt"
	"tillpost/mqtt/client"
	"tillpost/mqtt/mqtttest"
	"tillpost/outbox"
	"tillpost/outbox/bolt"
)

// site is a place between two effects at which a process may die.
type site string

const (
	beforeCommit  site = "before a commit"
	afterCommit   site = "after a commit" // and before anything follows from it
	beforeWrite   site = "before a request leaves"
	halfWrite     site = "in the middle of a request"
	afterWrite    site = "after a request has left"
	beforePublish site = "before a message is published"
	afterPublish  site = "after a message is published"
	onDelivery    site = "when a message has come"
	beforeAck     site = "before an acknowledgement"
	afterAck      site = "after an acknowledgement"
	atATime       site = "at some moment"
)

var sites = []site{
	beforeCommit, afterCommit, beforeWrite, halfWrite, afterWrite, beforePublish, afterPublish, onDelivery, beforeAck, afterAck, atATime,
}

// process is one life of the agent. Its death cuts store, API connections and bus off at once; what is left of its
// goroutines can do no more than end.
type process struct {
	w       *world
	n       int
	doom    site
	hits    int // of the doom's site until death
	store   *store
	a       *agent.Agent
	booted  time.Time
	upAt    atomic.Int64 // when it was connected to the broker first, 0 before; by the world's time
	hotline atomic.Pointer[hotline]

	dead atomic.Bool
	gone chan struct{}
	stop context.CancelFunc
	done chan error

	inner atomic.Pointer[mqtttest.Bus]

	mu      sync.Mutex
	conns   map[*apiConn]bool
	counts  map[site]int
	stopBus context.CancelFunc
}

// reached counts a site, and reports whether the process dies, or has died, there.
func (p *process) reached(s site) bool {
	if p.dead.Load() {
		return true
	}
	if s != p.doom || p.w.calm.Load() {
		return false
	}
	p.mu.Lock()
	p.counts[s]++
	now := p.counts[s] == p.hits
	p.mu.Unlock()
	if now {
		p.die(s)
	}
	return now
}

// die ends the process. Nothing it does afterwards reaches anyone.
func (p *process) die(s site) {
	if !p.dead.CompareAndSwap(false, true) {
		return
	}
	p.w.note("process %d dies %s", p.n, s)
	p.w.count.deaths[s].Add(1)
	p.mu.Lock()
	conns := p.conns
	p.conns = map[*apiConn]bool{}
	stopBus := p.stopBus
	p.mu.Unlock()
	if stopBus != nil {
		stopBus()
	}
	p.w.broker.Cut()
	if h := p.hotline.Load(); h != nil {
		_ = h.Close()
	}
	for c := range conns {
		_ = c.Conn.Close()
	}
	close(p.gone)
}

// boot starts a process on what the last one left.
func (w *world) boot(n int) *process {
	p := &process{w: w, n: n, booted: time.Now(), gone: make(chan struct{}), done: make(chan error, 1), conns: map[*apiConn]bool{}, counts: map[site]int{}}
	if n < len(w.dooms) {
		p.doom, p.hits = w.dooms[n].at, w.dooms[n].hits
	}
	if p.doom == atATime {
		timer := time.AfterFunc(w.dooms[n].after, func() {
			if !w.calm.Load() {
				p.die(atATime)
			}
		})
		w.atEnd(func() { timer.Stop() })
	}
	w.note("process %d starts", n)
	w.mu.Lock()
	w.pulses, w.leave.unclear = pulses{}, time.Time{}
	w.mu.Unlock()
	w.count.lives.Add(1)
	a, err := agent.New(agent.Options{
		Config: w.cfg, Version: "chaos", Clock: w.clock, DialAPI: p.dial, ListenCallbacks: p.openCallbacks, NoHTTP: true, Logger: w.logger(n), Bus: p.openBus, Store: p.openStore,
		Rand: w.jitter,
	})
	switch {
	case err != nil && !p.dead.Load():
		w.fail("agent.New: %v", err)
		p.die(atATime)
		fallthrough
	case err != nil:
		p.done <- nil
		p.stop = func() {}
		return p
	}
	p.a = a
	var ctx context.Context
	ctx, p.stop = context.WithCancel(context.Background())
	go func() { p.done <- a.Run(ctx) }()
	return p
}

// supervise keeps a process running until the end, as systemd does.
func (w *world) supervise(ended <-chan struct{}) {
	var gone sync.WaitGroup
	defer gone.Wait()
	for n := 0; ; n++ {
		p := w.boot(n)
		w.current.Store(p)
		select {
		case <-p.gone:
			gone.Go(func() {
				p.stop()
				if err := <-p.done; err != nil {
					w.note("process %d ends with %v", p.n, err)
				}
			})
			w.pauseBetweenLives(n)
		case <-w.restart:
			w.end(p)
			w.acceptCopy()
		case <-ended:
			w.end(p)
			return
		}
	}
}

func (w *world) pauseBetweenLives(n int) {
	time.Sleep(w.between(time.Millisecond, 8*time.Second, "down", n))
	if w.chance(0.3, "reboot", n) {
		w.note("the machine boots anew")
		w.clock.reboot(w.calm.Load() || w.chance(0.5, "reboot with a clock", n))
	}
}

// end stops a process in order, which takes five seconds at most and leaves "offline" behind.
func (w *world) end(p *process) {
	begun := time.Now()
	w.note("process %d is asked to stop", p.n)
	p.stop()
	err := <-p.done
	w.note("process %d has stopped", p.n)
	if p.dead.Load() {
		return
	}
	if took := time.Since(begun); took > 5*time.Second {
		w.fail("the stop took %v", took)
	}
	if err != nil {
		w.fail("Run: %v", err)
	}
}

// bus is a process's connection to the broker.
type bus struct {
	mqtt.Bus
	recaller mqtt.Recaller
	p        *process
}

func (p *process) openBus(topics mqtt.Topics, will func() []byte, h mqtt.Handlers) (mqtt.Bus, error) {
	up, deliver := h.Up, h.Deliver
	if p.w.o.deaf {
		h.Status, h.Agent = nil, nil // the mutant
	}
	h.Up = func() {
		p.w.subscribed.Store(true)
		p.upAt.CompareAndSwap(0, int64(p.w.now())+1)
		up()
	}
	h.Deliver = func(d mqtt.Delivery) {
		if p.reached(onDelivery) {
			return
		}
		if p.w.o.ackFirst {
			d.Ack() // the mutant
		}
		p.w.count.deliveries.Add(1)
		deliver(mqtt.NewDelivery(mqtt.Message{Topic: d.Topic, Payload: d.Payload, Retained: d.Retained}, d.Duplicate, func(_ *mqtt.Refusal, err error) {
			switch {
			case err != nil && !p.dead.Load():
				d.Fail(err)
			case err == nil && !p.reached(beforeAck):
				d.Ack()
				p.reached(afterAck)
			}
		}))
	}
	b := mqtttest.NewBus(p.w.broker, client.Options{ClientID: "tillpost", Topics: topics, Will: will, CloseGrace: 900 * time.Millisecond}, h)
	p.inner.Store(b)
	return &bus{b, b, p}, nil
}

// Recall implements mqtt.Recaller.
func (b *bus) Recall(topic string) ([]byte, error) {
	if b.p.dead.Load() {
		return nil, mqtt.ErrNotConnected
	}
	return b.recaller.Recall(topic)
}

// Run implements mqtt.Bus; death ends it.
func (b *bus) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b.p.mu.Lock()
	b.p.stopBus = cancel
	b.p.mu.Unlock()
	if b.p.dead.Load() {
		return nil
	}
	return b.Bus.Run(ctx)
}

// Publish implements mqtt.Bus.
func (b *bus) Publish(m mqtt.Message) mqtt.Token {
	if b.p.reached(beforePublish) {
		t, decide := mqtt.NewToken()
		decide(mqtt.ErrNotConnected)
		return t
	}
	b.p.w.told(b.p, m)
	t := b.Bus.Publish(m)
	b.p.reached(afterPublish)
	return t
}

func (p *process) openStore(o bolt.Options) (outbox.Store, error) {
	s := &store{p: p, committed: o.Committed}
	o.Committed = s.commits
	inner, err := p.w.disk.open(o)
	if err != nil {
		return nil, fmt.Errorf("open the disk: %w", err)
	}
	s.Store = inner
	p.store = s
	return s, nil
}
