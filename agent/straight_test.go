package agent_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"tillpost/outbox"
	"tillpost/outbox/bolt"
)

// commitsOf notes, for each commit, the states that one request came to be in with it; or, without an id, those of all, each behind
// its request's.
type commitsOf struct {
	id string

	mu  sync.Mutex
	all [][]string
}

func (c *commitsOf) note(changes []outbox.Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var states []string
	for _, change := range changes {
		switch r := change.Request; c.id {
		case r.ID:
			states = append(states, r.State.String())
		case "":
			states = append(states, r.ID+" "+r.State.String())
		}
	}
	if states != nil {
		c.all = append(c.all, states)
	}
}

// restartNoting gives the next start an outbox whose commits are noted, behind another one.
func (w *world) restartNoting(c *commitsOf, before func(outbox.Store) outbox.Store) {
	w.stop()
	w.store = func(o bolt.Options) (outbox.Store, error) {
		committed := o.Committed
		o.Committed = func(changes []outbox.Change) { c.note(changes); committed(changes) }
		s, err := bolt.Open(w.outbox(), o)
		return before(s), err
	}
	w.start()
	warm := fmt.Sprint("warm-", len(w.sim.Orders()))
	w.order(oslo, warm) // after it, a connection stands ready
	w.until(time.Minute, oslo, warm, "paid")
}

func itself(s outbox.Store) outbox.Store { return s }

func TestAnOrderGoesStraightThrough(t *testing.T) {
	inWorld(t, "", func(w *world) {
		c := &commitsOf{id: "o"}
		w.restartNoting(c, itself)
		w.order(bergen, "o") // a connection serves whichever terminal comes first
		w.until(time.Minute, bergen, "o", "paid")
		want := [][]string{{"queued", "sending"}, {"awaiting_customer"}, {"paid"}}
		if !slices.EqualFunc(c.all, want, slices.Equal[[]string]) {
			t.Errorf("committed as %v, want %v", c.all, want)
		}
		if got, want := w.states("o"), []string{"queued", "sending", "awaiting_customer", "paid"}; !slices.Equal(got, want) {
			t.Errorf("told as %v, want %v", got, want)
		}
	})
}

// What is not the next of a free lane, or comes while nothing may be sent, waits as ever.
func TestWhatHasToWaitDoesNotGoStraightThrough(t *testing.T) {
	for name, hold := range map[string]func(w *world, conns *conns){
		"behind another": func(w *world, _ *conns) { w.order(bergen, "first") },
		"paused": func(w *world, _ *conns) {
			if _, err := w.a.Pause(w.Context(), bergen, []byte(`{"by":"Kari"}`)); err != nil {
				w.Fatal(err)
			}
		},
		"an hour later": func(_ *world, conns *conns) { // the shop rests, and keeps no connection
			time.Sleep(time.Hour)
			conns.setSlow(100 * time.Millisecond) // longer than the commit takes
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				c, conns := &commitsOf{id: "o"}, w.noteConns()
				w.restartNoting(c, itself)
				hold(w, conns)
				w.order(bergen, "o")
				w.until(time.Minute, bergen, "o", map[bool]string{true: "queued", false: "paid"}[name == "paused"])
				if len(c.all) == 0 || !slices.Equal(c.all[0], []string{"queued"}) {
					t.Errorf("committed as %v, want it queued by itself", c.all)
				}
			})
		})
	}
}

// uncertainAccept is an outbox of which the next acceptance comes back as uncertain.
type uncertainAccept struct {
	outbox.Store
	mu sync.Mutex
	// fate is what becomes of it, once.
	fate func(accept func())
}

func (u *uncertainAccept) Accept(ctx context.Context, as ...outbox.Arrival) ([]outbox.Added, error) {
	u.mu.Lock()
	fate := u.fate
	u.fate = nil
	u.mu.Unlock()
	if fate == nil {
		return u.Store.Accept(ctx, as...)
	}
	fate(func() { _, _ = u.Store.Accept(context.WithoutCancel(ctx), as...) })
	return nil, outbox.ErrUncertain
}

// A first turn of which it is not clear whether it is on disk is sent once all the same, by whoever makes the next: of what
// turned up there nothing had left.
func TestAFirstTurnThatTurnsUpIsSentOnce(t *testing.T) {
	for name, fate := range map[string]func(accept func()){
		"written":               func(accept func()) { accept() },
		"not written":           func(func()) {},
		"written a while later": func(accept func()) { time.AfterFunc(10*time.Microsecond, accept) },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				u := &uncertainAccept{}
				c := &commitsOf{id: "o"}
				w.restartNoting(c, func(s outbox.Store) outbox.Store { u.Store = s; return u })
				u.mu.Lock()
				u.fate = fate
				u.mu.Unlock()
				w.order(bergen, "o")
				w.until(time.Minute, bergen, "o", "paid")
				if n := len(w.sim.Orders()); n != 2 { // with the first
					t.Errorf("%d orders at the API", n)
				}
				if states := w.states("o"); slices.Contains(states, "in_doubt") {
					t.Errorf("told as %v, though nothing had left", states)
				}
			})
		})
	}
}

// slowAccept is an outbox that takes its time to take requests.
type slowAccept struct{ outbox.Store }

func (s slowAccept) Accept(ctx context.Context, as ...outbox.Arrival) ([]outbox.Added, error) {
	time.Sleep(40 * time.Millisecond)
	return s.Store.Accept(ctx, as...)
}

// What waits for a commit, another order's or its own, goes straight through on the connection that is dialled meanwhile.
func TestWhatWaitsForACommitGoesStraightThrough(t *testing.T) {
	for name, others := range map[string]int{"another's": 1, "its own": 0} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				c := &commitsOf{id: "o"}
				w.restartNoting(c, func(s outbox.Store) outbox.Store { return slowAccept{s} })
				time.Sleep(time.Hour) // no connection is kept
				for range others {
					w.order(oslo, "other")
					time.Sleep(5 * time.Millisecond)
				}
				w.order(bergen, "o")
				w.until(time.Minute, bergen, "o", "paid")
				if len(c.all) == 0 || !slices.Equal(c.all[0], []string{"queued", "sending"}) {
					t.Errorf("committed as %v, want its first turn with its acceptance", c.all)
				}
			})
		})
	}
}
