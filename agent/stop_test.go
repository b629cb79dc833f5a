package agent_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/mqtt"
	"tillpost/outbox"
	"tillpost/outbox/bolt"
)

// course is what happened, in its order.
type course struct {
	mu   sync.Mutex
	list []string
}

func (c *course) note(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, fmt.Sprintf(format, args...))
}

func (c *course) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.list)
}

// notedOutbox notes when it closes.
type notedOutbox struct {
	outbox.Store
	course *course
}

func (o *notedOutbox) Close() error {
	err := o.Store.Close()
	o.course.note("outbox closed")
	return err
}

// notedBus notes what is published of requests and of the agent itself, and when it ends.
type notedBus struct {
	mqtt.Bus
	course *course
}

func (b *notedBus) Publish(m mqtt.Message) mqtt.Token {
	switch text := string(m.Payload); {
	case strings.Contains(m.Topic, "/status/"):
		_, rest, _ := strings.Cut(text, `"state":"`)
		state, _, _ := strings.Cut(rest, `"`)
		b.course.note("published %s %s", m.Topic[strings.LastIndexByte(m.Topic, '/')+1:], state)
	case m.Topic == "tillpost/agent" && strings.Contains(text, `"offline"`):
		b.course.note("published offline")
	}
	return b.Bus.Publish(m)
}

func (b *notedBus) Run(ctx context.Context) error {
	err := b.Bus.Run(ctx)
	b.course.note("broker left")
	return err
}

// The order of an ordered stop: nothing more is taken, a call under way is waited for, what it brought is written and then
// published, "offline" is the last message, the broker is left, and only then the outbox closes.
func TestTheOrderOfStopping(t *testing.T) {
	inWorld(t, "", func(w *world) {
		c := &course{}
		w.stop()
		w.store = func(o bolt.Options) (outbox.Store, error) {
			committed := o.Committed
			o.Committed = func(changes []outbox.Change) {
				for _, change := range changes {
					c.note("written %s %s", change.Request.ID, change.Request.State)
				}
				committed(changes)
			}
			s, err := bolt.Open(w.outbox(), o)
			return &notedOutbox{s, c}, err
		}
		w.bus = func(b mqtt.Bus) mqtt.Bus { return &notedBus{b, c} }
		w.start()
		calling := make(chan struct{})
		slow := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/create") {
				close(calling)
				time.Sleep(time.Second)
			}
			w.sim.ServeHTTP(rw, r)
		})
		w.handle.Store(&slow)
		w.order(oslo, "o-1")
		<-calling
		synctest.Wait() // what led to the call is published
		c.mu.Lock()
		c.list = nil
		c.mu.Unlock()
		time.AfterFunc(500*time.Millisecond, func() {
			w.order(bergen, "o-2")
			c.note("sent o-2")
		})
		w.stop()
		want := []string{
			"sent o-2", "written o-1 awaiting_customer", "published o-1 awaiting_customer", "published offline", "broker left", "outbox closed",
		}
		if got := c.all(); !slices.Equal(got, want) {
			t.Errorf("stopped as\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		w.handle.Store(nil)
		w.start()
		w.until(time.Minute, bergen, "o-2", "paid") // it was left with the broker
		w.until(time.Minute, oslo, "o-1", "paid")
	})
}

// slowDisk is an outbox that takes a while for each write from the moment that it is slow.
type slowDisk struct {
	outbox.Store
	slow atomic.Bool
}

func (d *slowDisk) wait() {
	if d.slow.Load() {
		time.Sleep(100 * time.Millisecond)
	}
}

func (d *slowDisk) Accept(ctx context.Context, as ...outbox.Arrival) ([]outbox.Added, error) {
	d.wait()
	added, err := d.Store.Accept(ctx, as...)
	d.wait()
	return added, err
}

func (d *slowDisk) Apply(ctx context.Context, seq uint64, e outbox.Event) (outbox.Request, []outbox.Effect, error) {
	r, fx, _, err := d.Release(ctx, seq, e, nil)
	return r, fx, err
}

func (d *slowDisk) Release(ctx context.Context, seq uint64, e outbox.Event, turn func(outbox.Request) (outbox.Event, bool)) (outbox.Request, []outbox.Effect, outbox.Added, error) {
	d.wait()
	r, fx, next, err := d.Store.Release(ctx, seq, e, turn)
	d.wait()
	return r, fx, next, err
}

// An order that is on its way to the disk as `sending` when the agent is told to stop: nothing of it is sent, the stop waits until that is
// on disk too, and so it is in no doubt at the next start. Its connection is let go.
func TestAStopWhileATurnIsWritten(t *testing.T) {
	for name, before := range map[string]func(){
		"straight through": func() {},
		"by its lane":      func() { time.Sleep(time.Hour) }, // the shop rests, and no connection stands ready
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				d, c := &slowDisk{}, &commitsOf{id: "o"}
				conns := w.noteConns()
				w.restartNoting(c, func(s outbox.Store) outbox.Store { d.Store = s; return d })
				before()
				d.slow.Store(true)
				w.order(bergen, "o")
				w.until(time.Minute, bergen, "o", "sending")
				w.stop()
				if n := conns.open(); n != 0 {
					t.Errorf("%d connections are left open", n)
				}
				if n := len(w.sim.Orders()); n != 1 {
					t.Fatalf("%d orders at the API, want the first alone", n)
				}
				w.store, w.dial = nil, nil
				w.start()
				w.until(time.Minute, bergen, "o", "paid")
				if states := w.states("o"); slices.Contains(states, "in_doubt") {
					t.Errorf("told as %v, though nothing had left", states)
				}
				if n := len(w.sim.Orders()); n != 2 {
					t.Errorf("%d orders at the API", n)
				}
			})
		})
	}
}
