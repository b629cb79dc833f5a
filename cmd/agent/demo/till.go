package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"tillpost/mqtt"
	"tillpost/mqtt/client"
	"tillpost/mqtt/message"
)

const (
	// repeatAfter is how long the till waits for "queued" before it publishes the same bytes again.
	repeatAfter = 5 * time.Second
	patience    = 30 * time.Second
)

// till is a point of sale that does what the guide for tills says, and records what it receives. Its methods may be called
// from any goroutine.
type till struct {
	bus    *client.Subscriber
	topics mqtt.Topics
	out    *narrator
	ended  chan error
	cancel context.CancelFunc

	mu       sync.Mutex
	changed  chan struct{} // closed and made anew with each change
	up, was  bool          // connected; ever connected
	leaving  bool
	requests map[string]*received
	displays string // the terminal whose display is written
	problems map[string]bool
	refused  []string
}

// received is what the till has received of a request.
type received struct {
	status message.Status
	times  int // how often a status came
	told   map[string]bool
	// seen are the states and waiting codes that came, whether or not they were written.
	seen map[string]bool
	// shown is what a display showed of it last. Displays may pass over what lasts for a moment only.
	shown message.Phase
}

// newTill connects to the broker at a loopback address.
func newTill(ctx context.Context, broker string, out *narrator) (*till, error) {
	t := &till{
		topics: mqtt.Topics{Prefix: "tillpost"}, out: out, ended: make(chan error, 1), changed: make(chan struct{}),
		requests: map[string]*received{}, problems: map[string]bool{},
	}
	bus, err := client.NewSubscriber(client.Options{
		URL: "tcp://" + broker, ClientID: "demo-till", Topics: t.topics,
		BackoffMin: 100 * time.Millisecond, BackoffMax: 500 * time.Millisecond,
	}, []string{t.topics.Agent(), t.topics.Status("+", "+"), t.topics.Display("+"), t.topics.Rejects()},
		mqtt.Handlers{Up: t.connected, Down: t.disconnected, Deliver: t.deliver})
	if err != nil {
		return nil, err
	}
	t.bus = bus
	ctx, t.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go func() { t.ended <- bus.Run(ctx) }()
	return t, nil
}

// close disconnects.
func (t *till) close() error {
	t.mu.Lock()
	t.leaving = true
	t.mu.Unlock()
	t.cancel()
	return <-t.ended
}

func (t *till) change(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f()
	close(t.changed)
	t.changed = make(chan struct{})
}

func (t *till) connected() {
	t.change(func() {
		if t.was && !t.leaving {
			t.out.say(whoTill, "is connected again", plainly)
		}
		t.up, t.was = true, true
	})
}

func (t *till) disconnected(error) {
	t.change(func() {
		if t.up && !t.leaving {
			t.out.say(whoTill, "has lost the connection, and tries again by itself", waits)
		}
		t.up, t.problems = false, map[string]bool{} // the next agent publishes its own
	})
}

// deliver handles a message and writes what is new in it.
func (t *till) deliver(d mqtt.Delivery) {
	if len(d.Payload) == 0 {
		return
	}
	t.change(func() {
		switch {
		case d.Topic == t.topics.Agent():
			take(d, t.agent)
		case d.Topic == t.topics.Rejects():
			take(d, t.reject)
		case strings.HasSuffix(d.Topic, "/display"):
			take(d, t.display)
		default:
			take(d, t.status)
		}
	})
}

// take reads a message; one that can't be read would be a fault of the daemon, and whatever waits for it fails.
func take[T any](d mqtt.Delivery, f func(T)) {
	var v T
	if json.Unmarshal(d.Payload, &v) == nil {
		f(v)
	}
}

// The following are called with mu held.

func (t *till) status(s message.Status) {
	h := t.request(s.RequestID)
	h.times++
	if s.Revision < h.status.Revision {
		return // old news
	}
	h.status = s
	h.seen[s.State] = true
	key := s.State
	if s.Waiting != nil {
		key += " " + s.Waiting.Code
		h.seen[s.Waiting.Code] = true
	}
	words, how := statusWords(s)
	if words != "" && !h.told[key] {
		h.told[key] = true
		t.out.say(whoTillpost, words, how)
	}
}

func (t *till) request(id string) *received {
	h := t.requests[id]
	if h == nil {
		h = &received{told: map[string]bool{}, seen: map[string]bool{}}
		t.requests[id] = h
	}
	return h
}

func (t *till) display(d message.Display) {
	if d.RequestID != "" {
		t.request(d.RequestID).shown = d.Phase
	}
	if t.displays == d.TerminalUUID && (d.Phase == message.PhasePresentCard || d.Phase == message.PhaseApproved || d.Phase == message.PhaseChecking) {
		t.out.say(whoDisplay, displayWords(d), plainly)
	}
}

func (t *till) agent(a message.AgentState) {
	now := map[string]bool{}
	for _, p := range a.Problems {
		key := p.Code + " " + p.RequestID
		now[key] = true
		if !t.problems[key] {
			t.out.say(whoTillpost, "tells everybody: "+p.Message, waits)
		}
	}
	if a.State == message.AgentOnline && len(t.problems) > 0 {
		t.out.say(whoTillpost, "tells everybody: all is well again", well)
	}
	t.problems = now
}

func (t *till) reject(r message.Reject) {
	text := r.RequestID + " was refused"
	if r.Reason != nil {
		text += ": " + r.Reason.Message
	}
	t.refused = append(t.refused, text)
	t.out.say(whoTillpost, text, badly)
}

// showDisplay sets of which terminal the display is written; "" is none.
func (t *till) showDisplay(terminal string) { t.change(func() { t.displays = terminal }) }

// forget makes the state of a request be written again.
func (t *till) forget(id string) { t.change(func() { clear(t.request(id).told) }) }

// until waits until is returns true; what describes that in words. is is called with mu held.
func (t *till) until(ctx context.Context, what string, is func() bool) error {
	limit := time.After(patience)
	for {
		t.mu.Lock()
		ok, changed := is(), t.changed
		t.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-limit:
			return fmt.Errorf("%s did not come within %s", what, patience)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// reach waits until a request has been in a state, or has waited for a reason. One that ended otherwise is an error.
func (t *till) reach(ctx context.Context, id, stateOrWaiting string) error {
	var now message.Status
	var seen bool
	err := t.until(ctx, id+" "+stateOrWaiting, func() bool {
		h := t.request(id)
		now, seen = h.status, h.seen[stateOrWaiting]
		return seen || now.Final
	})
	if err == nil && !seen {
		return fmt.Errorf("%s ended %s, before it was %s", id, now.State, stateOrWaiting)
	}
	return err
}

func (t *till) saw(id, stateOrWaiting string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.request(id).seen[stateOrWaiting]
}

// end waits until a request is final, however it ended.
func (t *till) end(ctx context.Context, id string) error {
	return t.until(ctx, "the end of "+id, func() bool { return t.request(id).status.Final })
}

// thank waits until the display shows a customer that the payment is approved.
func (t *till) thank(ctx context.Context, id string) error {
	return t.until(ctx, "the display's thanks for "+id, func() bool { return t.request(id).shown == message.PhaseApproved })
}

// statuses returns the last ones received, by request.
func (t *till) statuses() map[string]message.Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := map[string]message.Status{}
	for id, h := range t.requests {
		all[id] = h.status
	}
	return all
}

// publish publishes a request, and again until tillpost has answered: a PUBACK alone is not the promise.
func (t *till) publish(ctx context.Context, topic, id string, payload []byte) error {
	if err := t.until(ctx, "the till's connection", func() bool { return t.up }); err != nil {
		return err
	}
	t.mu.Lock()
	before := t.request(id).times
	t.mu.Unlock()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		t.bus.Publish(mqtt.Message{Topic: topic, Payload: payload})
		answered, cancel := context.WithTimeout(ctx, repeatAfter)
		err := t.until(answered, "an answer to "+id, func() bool { return t.request(id).times > before })
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
	return fmt.Errorf("%s was not answered within %s", id, patience)
}
