package agent_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/outbox"
)

func (c *commitsOf) has(states ...string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.all, func(commit []string) bool { return slices.Equal(commit, states) })
}

// together reports whether one commit, in which there may be those of other terminals too, held these states.
func (c *commitsOf) together(states ...string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.all, func(commit []string) bool {
		return !slices.ContainsFunc(states, func(state string) bool { return !slices.Contains(commit, state) })
	})
}

// The next order at a terminal starts in the commit that ends the one before it.
func TestTheNextStartsWithTheEndBeforeIt(t *testing.T) {
	inWorld(t, "", func(w *world) {
		c := &commitsOf{}
		w.restartNoting(c, itself)
		w.order(bergen, "a")
		w.order(bergen, "b")
		w.order(bergen, "c")
		w.until(time.Minute, bergen, "c", "paid")
		if !c.has("a paid", "b sending") || !c.has("b paid", "c sending") || !c.has("c paid") {
			t.Errorf("committed as %v", c.all)
		}
		if got, want := w.states("b"), []string{"queued", "sending", "awaiting_customer", "paid"}; !slices.Equal(got, want) {
			t.Errorf("told as %v, want %v", got, want)
		}
		if n := len(w.sim.Orders()); n != 4 { // with the one before
			t.Errorf("%d orders at the API", n)
		}
	})
}

// At several terminals sales that end in the same moment hand over to the next, though they began far apart.
func TestSalesAreHandedOverAtSeveralTerminals(t *testing.T) {
	c := &commitsOf{}
	spareWorld(t, itself, func(w *world, conns *conns) {
		w.restartNoting(c, itself)
		for terminal, after := range map[string]time.Duration{oslo: 60 * time.Second, bergen: 40 * time.Second} {
			if err := w.sim.SetNextCustomers(terminal, simulator.Pay(after)); err != nil {
				t.Fatal(err)
			}
		}
		for _, terminal := range []string{oslo, bergen} {
			w.order(terminal, "a-"+terminal)
			w.order(terminal, "b-"+terminal)
			time.Sleep(20 * time.Second)
		}
		if n := len(conns.spares()); n != 2 {
			t.Errorf("%d connections stand ready for two terminals", n)
		}
		for _, terminal := range []string{oslo, bergen} {
			w.until(2*time.Minute, terminal, "b-"+terminal, "paid")
			if !c.together("a-"+terminal+" paid", "b-"+terminal+" sending") {
				t.Errorf("at %s it was not handed over: %v", terminal, c.all)
			}
		}
	})
}

// What may not start, or asks the API first, does not start with another's end.
func TestWhatHasToWaitIsNotStartedWithAnEnd(t *testing.T) {
	for name, next := range map[string]func(w *world){
		"paused": func(w *world) {
			w.order(bergen, "b")
			w.until(time.Minute, bergen, "b", "queued")
			w.pause(bergen, "Kari")
		},
		"a refund is next": func(w *world) {
			warm := w.now(oslo, "warm-0").OrderUUID
			w.send(bergen, "refunds", `{"requestId":"b","orderUuid":"`+warm+`","full":true}`)
			w.until(time.Minute, bergen, "b", "queued")
			w.order(bergen, "c")
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				c := &commitsOf{}
				w.restartNoting(c, itself)
				if err := w.sim.SetNextCustomers(bergen, simulator.Pay(20*time.Second)); err != nil {
					t.Fatal(err)
				}
				w.order(bergen, "a")
				next(w)
				w.until(time.Minute, bergen, "a", "paid")
				if !c.has("a paid") {
					t.Errorf("committed as %v, want the end by itself", c.all)
				}
			})
		})
	}
}

// handsOver is an outbox of which the next commit that ends a sale, and starts another with it, is met by something.
type handsOver struct {
	outbox.Store
	mu  sync.Mutex
	met func(release func()) error // once
}

func (h *handsOver) Release(ctx context.Context, seq uint64, e outbox.Event, turn func(outbox.Request) (outbox.Event, bool)) (r outbox.Request, fx []outbox.Effect, next outbox.Added, err error) {
	h.mu.Lock()
	met := h.met
	h.met = nil
	h.mu.Unlock()
	if met == nil {
		return h.Store.Release(ctx, seq, e, turn)
	}
	var inner error
	err = met(func() { r, fx, next, inner = h.Store.Release(context.WithoutCancel(ctx), seq, e, turn) })
	if err == nil {
		return r, fx, next, inner
	}
	return outbox.Request{}, nil, outbox.Added{}, err
}

// Whatever meets the commit in which one sale ends and the next one starts: both are told once, each is charged once, and nothing that
// never left is in doubt.
func TestWhatMeetsAHandover(t *testing.T) {
	for name, met := range map[string]func(w *world, release func()) error{
		"uncertain, written":     func(_ *world, release func()) error { release(); return outbox.ErrUncertain },
		"uncertain, not written": func(*world, func()) error { return outbox.ErrUncertain },
		"failed, written":        func(_ *world, release func()) error { release(); return outbox.ErrFailed },
		"full":                   func(*world, func()) error { return outbox.ErrFull },
		"the API goes away": func(w *world, release func()) error {
			release()
			time.AfterFunc(20*time.Second, func() { _ = w.sim.SetDown(false) })
			return w.sim.SetDown(true)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				h, c := &handsOver{}, &commitsOf{}
				w.restartNoting(c, func(s outbox.Store) outbox.Store { h.Store = s; return h })
				h.met = func(release func()) error { return met(w, release) }
				w.order(bergen, "a")
				w.order(bergen, "b")
				w.order(bergen, "c")
				w.until(5*time.Minute, bergen, "c", "paid")
				if h.met != nil {
					t.Error("no sale was handed over")
				}
				if n := len(w.sim.Orders()); n != 4 { // with the one before
					t.Errorf("%d orders at the API", n)
				}
				for _, id := range []string{"a", "b", "c"} {
					if states := w.states(id); slices.Contains(states, "in_doubt") || states[len(states)-1] != "paid" {
						t.Errorf("%s is told as %v", id, states)
					}
				}
			})
		})
	}
}

// A terminal that is paused while a sale ends there starts nothing: whoever paused it is told so only then.
func TestAPauseWhileASaleIsHandedOver(t *testing.T) {
	inWorld(t, "", func(w *world) {
		h, c := &handsOver{}, &commitsOf{}
		w.restartNoting(c, func(s outbox.Store) outbox.Store { h.Store = s; return h })
		h.met = func(release func()) error {
			go w.pause(bergen, "Kari") // it waits for the lane
			time.Sleep(time.Millisecond)
			release()
			return nil
		}
		w.order(bergen, "a")
		w.order(bergen, "b")
		w.until(time.Minute, bergen, "a", "paid")
		time.Sleep(time.Minute)
		if s := w.now(bergen, "b"); s.State != "queued" || !c.has("a paid") {
			t.Errorf("it is %s; committed as %v", s.State, c.all)
		}
	})
}

// A stop that comes while a sale ends and the next one starts: of that nothing is sent, and it is in no doubt at the next start.
func TestAStopWhileASaleIsHandedOver(t *testing.T) {
	inWorld(t, "", func(w *world) {
		h, c := &handsOver{}, &commitsOf{}
		conns := w.noteConns()
		w.restartNoting(c, func(s outbox.Store) outbox.Store { h.Store = s; return h })
		commits := make(chan struct{})
		h.met = func(release func()) error {
			release()
			close(commits)
			time.Sleep(time.Second) // longer than a stop waits for what is to be written

			return nil
		}
		w.order(bergen, "a")
		w.order(bergen, "b")
		<-commits
		w.stop()
		if n, orders := conns.open(), len(w.sim.Orders()); n != 0 || orders != 2 {
			t.Fatalf("%d connections are left open; %d orders at the API, want the first two", n, orders)
		}
		w.store, w.dial = nil, nil
		w.start()
		w.until(time.Minute, bergen, "b", "paid")
		if states := w.states("b"); slices.Contains(states, "in_doubt") || len(w.sim.Orders()) != 3 {
			t.Errorf("told as %v, and %d orders at the API", states, len(w.sim.Orders()))
		}
	})
}
