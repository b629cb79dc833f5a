package lane

import (
	"context"
	"errors"
	"fmt"

	"tillpost/agent/publish"
	"tillpost/outbox"
)

// ErrUnmovable says that a request stays where it is: it is not queued, or was sent, or is being cancelled.
var ErrUnmovable = errors.New("the request can't be moved")

// Move puts a queued request of which no byte ever left at the end of another terminal's queue, and returns it as it is once that
// is on disk; with ErrUnmovable, as it stays.
func (ls *Lanes) Move(ctx context.Context, r outbox.Request, to, by string) (outbox.Request, error) {
	var moved outbox.Request
	var err error
	l := ls.lane(r.Terminal)
	if unheard := l.ask(ctx, func() { moved, err = l.move(r.Seq, to, by) }); unheard != nil {
		return r, unheard
	}
	return moved, err
}

// Repaused has a terminal's lane keep to what a person has just said of it, and returns once it does: after that nothing is
// started that was not.
func (ls *Lanes) Repaused(ctx context.Context, terminal string) {
	l := ls.lane(terminal)
	_ = l.ask(ctx, l.repaused) // what has ended starts nothing
}

// ask runs f on the lane's goroutine and returns nil after it; an error where ctx or the lanes end before.
func (l *lane) ask(ctx context.Context, f func()) error {
	done := make(chan struct{})
	l.do(func() { f(); close(done) })
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.ctx.Done():
		return outbox.ErrClosed
	}
}

// move moves a request from this lane's queue to another lane. One that waits there by an earlier move stays where it is: the
// answer to that may have been lost.
func (l *lane) move(seq uint64, to, by string) (outbox.Request, error) {
	r, err := l.o.Store.Get(seq)
	if err == nil && r.Terminal == to && r.Moved != 0 && r.InQueue() {
		return r, nil
	}
	e := outbox.Event{Type: outbox.Moved, To: to, By: by, Lane: l.terminal}
	l.stamp(&e)
	after, fx, err := l.o.Store.Apply(l.ctx, seq, e)
	if errors.Is(err, outbox.ErrUncertain) || errors.Is(err, outbox.ErrMoved) {
		after, err = l.o.Store.Get(seq)
	}
	switch {
	case err != nil:
		return outbox.Request{}, fmt.Errorf("the request stays where it is: %w", err)
	case after.Terminal != to || ignored(fx):
		return after, ErrUnmovable
	}
	l.applied(after, e, fx)
	return after, nil
}

// moved updates both lanes after a request left one for the other.
func (ls *Lanes) moved(r outbox.Request, from string) {
	for _, terminal := range []string{from, r.Terminal} {
		l := ls.lane(terminal)
		l.do(func() {
			if terminal == from {
				l.forget(r.Seq)
			}
			l.moved = true
			l.show(outbox.Request{})
		})
	}
}

// repaused has the lane check what it may start after its terminal was paused or resumed.
func (l *lane) repaused() {
	l.moved = true
	l.show(outbox.Request{})
	at := l.o.Store.Lane(l.terminal)
	if l.o.Pauses.Of(l.terminal) != nil || at.Holder != 0 || at.Head == 0 {
		return
	}
	if r, err := l.o.Store.Get(at.Head); err == nil {
		l.o.Publish.WaitsNoMore(r, publish.HeadOfLane, outbox.WaitPaused)
	}
}
