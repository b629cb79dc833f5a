package agent_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/outbox"
)

// spareWorld runs a test in a world where one connection stands ready, on an outbox that it can change.
func spareWorld(t *testing.T, change func(outbox.Store) outbox.Store, test func(w *world, c *conns)) {
	t.Helper()
	inWorld(t, "", func(w *world) {
		c := w.noteConns()
		w.restartNoting(&commitsOf{}, change)
		// net/http may have dialled one more, for a call that another connection served in the end.
		for tries := 0; len(c.spares()) != 1; tries++ {
			if tries == 10 {
				t.Fatalf("%d connections stand ready", len(c.spares()))
			}
			w.restartNoting(&commitsOf{}, change)
		}
		test(w, c)
	})
}

// afterwards is an outbox that takes a while to accept, once it has a pause to make, and may leave the first turn to the lane.
type afterwards struct {
	outbox.Store
	pause   atomic.Int64
	without bool // the first turn
}

func (a *afterwards) Accept(ctx context.Context, as ...outbox.Arrival) ([]outbox.Added, error) {
	pause := time.Duration(a.pause.Load())
	if pause > 0 && a.without {
		for i := range as {
			as[i].Turn = nil
		}
	}
	added, err := a.Store.Accept(ctx, as...)
	time.Sleep(pause)
	return added, err
}

// A connection that stood ready for a turn which its lane makes after all serves that turn, as old as it is; while the lane dials it
// dials no second time.
func TestASpareServesALane(t *testing.T) {
	a := &afterwards{without: true}
	spareWorld(t, func(s outbox.Store) outbox.Store { a.Store = s; return a }, func(w *world, c *conns) {
		spare := c.spares()[0]
		time.Sleep(10 * time.Second)
		dialled := len(c.all())
		c.setSlow(time.Second)
		a.pause.Store(int64(500 * time.Millisecond))
		w.order(bergen, "o")
		w.until(time.Minute, bergen, "o", "awaiting_customer")
		if on := c.placedLast(); on.made != spare.made {
			t.Errorf("sent on a connection made %v after the one that stood ready", on.made.Sub(spare.made))
		}
		time.Sleep(2 * time.Second)
		// The lane's own, which it had begun when the order was on disk, and the next that stands ready. A look at the status may
		// take a third.
		var unused int
		for _, n := range c.all()[dialled:] {
			if !n.used {
				unused++
			}
		}
		if unused != 2 {
			t.Errorf("%d were dialled that served nothing, want 2", unused)
		}
	})
}

// However long the commit takes between: no connection is used for the first time when it is more than 30 seconds old.
func TestASpareDoesNotGrowOldOnItsWay(t *testing.T) {
	for name, without := range map[string]bool{"straight through": false, "by its lane": true} {
		for pause, serves := range map[time.Duration]bool{900 * time.Millisecond: true, 1100 * time.Millisecond: false} {
			t.Run(name+" after "+pause.String(), func(t *testing.T) {
				a := &afterwards{without: without}
				spareWorld(t, func(s outbox.Store) outbox.Store { a.Store = s; return a }, func(w *world, c *conns) {
					spare := c.spares()[0]
					time.Sleep(time.Until(spare.made.Add(29 * time.Second)))
					a.pause.Store(int64(pause))
					c.setSlow(2 * time.Second)
					w.order(bergen, "o")
					w.until(time.Minute, bergen, "o", "awaiting_customer")
					on := c.placedLast()
					if age := on.placed.Sub(on.made); age > 30*time.Second || on.made.Equal(spare.made) != serves {
						t.Errorf("sent on a connection that was %v old", age)
					}
					w.until(time.Minute, bergen, "o", "paid")
				})
			})
		}
	}
}

// noTurns is an outbox that writes no turns while it is on.
type noTurns struct {
	outbox.Store
	on atomic.Bool
}

func (n *noTurns) Apply(ctx context.Context, seq uint64, e outbox.Event) (outbox.Request, []outbox.Effect, error) {
	if e.Type == outbox.Due && n.on.Load() {
		return outbox.Request{}, nil, outbox.ErrFull
	}
	return n.Store.Apply(ctx, seq, e)
}

// A connection that a lane took for a turn which it then can't make is let go after three seconds.
func TestASpareThatALaneHasNoUseForIsLetGo(t *testing.T) {
	s := &noTurns{}
	spareWorld(t, func(o outbox.Store) outbox.Store { s.Store = o; return s }, func(w *world, c *conns) {
		w.pause(bergen, "Kari")
		w.order(bergen, "o")
		w.until(time.Minute, bergen, "o", "queued")
		s.on.Store(true)
		w.resume(bergen, "Kari")
		w.pause(bergen, "Kari") // it tries no more
		synctest.Wait()
		time.Sleep(2900 * time.Millisecond)
		if n := len(c.spares()); n != 1 {
			t.Errorf("%d unused connections just before its time is over", n)
		}
		time.Sleep(200 * time.Millisecond)
		if n := len(c.spares()); n != 0 {
			t.Errorf("%d unused connections after its time", n)
		}
		s.on.Store(false)
		w.resume(bergen, "Kari")
		w.until(time.Minute, bergen, "o", "paid")
	})
}
