package lane

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"tillpost/agent/clock"
	"tillpost/internal/notify"
	"tillpost/outbox"
)

// storeAgain is how soon a write that failed is tried again.
const storeAgain = time.Second

// lane is the actor of one terminal: one goroutine that applies every event of the terminal's requests and runs their
// effects. Calls to the API run on goroutines of their own and come back as events, so a slow call never keeps a cancel waiting.
type lane struct {
	*Lanes
	terminal string

	mu    sync.Mutex
	inbox []func()
	wake  notify.Signal
	beats atomic.Uint64 // grows with all that the lane does, for Agent.Progress
	ready ready

	// Owned by run.
	requests map[uint64]*inflight
	next     submission
	busyWith uint64 // what waits for a busy terminal, 0 if nothing does
	behind   bool   // something waits behind what holds the lane
	moved    bool   // something may be startable now
	told     bool   // positions are to be told soon
	shown    shown
}

// submission is the next call that creates or pays back, as far as it is ready.
type submission struct {
	dialing bool
	body    []byte // of an order; a refund's is made once its turn is on disk
}

// do runs f on the lane's goroutine, after what was asked before. It never blocks.
func (l *lane) do(f func()) {
	l.mu.Lock()
	l.inbox = append(l.inbox, f)
	l.mu.Unlock()
	l.wake.Set()
}

// post applies an event to a request of this lane.
func (l *lane) post(seq uint64, e outbox.Event) { l.do(func() { l.apply(seq, e) }) }

// run works until ctx ends. What is asked afterwards is not done.
func (l *lane) run(ctx context.Context) {
	for {
		l.mu.Lock()
		todo := l.inbox
		l.inbox = nil
		l.mu.Unlock()
		for _, f := range todo {
			if ctx.Err() != nil {
				break
			}
			l.beats.Add(1)
			f()
			for l.moved && ctx.Err() == nil {
				l.beats.Add(1)
				l.moved = false
				l.advance()
			}
			if l.shown.stale && ctx.Err() == nil {
				l.showPresent()
			}
		}
		if len(todo) > 0 && ctx.Err() == nil {
			continue
		}
		select {
		case <-ctx.Done():
			for seq := range l.requests {
				l.clearTimers(seq)
			}
			l.dropConn()
			return
		case <-l.wake:
		}
	}
}

// apply has an event decided by the outbox, and runs what it asks for.
func (l *lane) apply(seq uint64, e outbox.Event) {
	h := l.handOver(seq, e)
	r, fx, err := l.commit(seq, e, h)
	l.written(seq, e, r, fx, err)
	h.done()
}

// applied runs the effects of a change that is on disk.
func (l *lane) applied(r outbox.Request, e outbox.Event, fx []outbox.Effect) {
	l.measureStatementLag(r, e)
	l.entered(r)
	for _, f := range fx {
		l.effect(r, e, f)
		// Only a change can make something startable; advancing after none would never end.
		l.moved = l.moved || f.Type == outbox.Publish && f.Waiting == nil
	}
	if r.State.Final() && l.idle(r.Seq) {
		l.forget(r.Seq)
	}
	if r.Kind.Laned() {
		l.noteBusy(r)
		l.show(r)
		if !r.State.Final() && r.State != outbox.StateQueued {
			l.checkMoves(r.Seq)
		}
	}
}

// written goes on after a commit: with its effects, or where it failed as its error says.
func (l *lane) written(seq uint64, e outbox.Event, r outbox.Request, fx []outbox.Effect, err error) {
	switch {
	case err == nil:
		l.applied(r, e, fx)
		return
	case errors.Is(err, errUnheard):
		l.putOff(seq, e)
		return
	case errors.Is(err, outbox.ErrMoved): // the event goes where the request waits by now; a turn comes there by itself
		l.forget(seq)
		l.moved = true
		if r, err := l.o.Store.Get(seq); err == nil && e.Type != outbox.Due {
			l.lane(r.Terminal).post(seq, e)
		}
		return
	case errors.Is(err, outbox.ErrClosed), errors.Is(err, outbox.ErrNotFound), l.ctx.Err() != nil:
		return
	}
	l.o.Log.Error("a change could not be written to the outbox; it is tried again", "terminal", l.terminal, "seq", seq, "event", e.Type.String(), "err", err)
	l.wakeAt(seq, outbox.TimerRetry, storeAgain, false)
}

func (l *lane) clearTimers(seq uint64) {
	known := l.known(seq)
	for _, t := range known.timers {
		t.Stop()
	}
	clear(known.timers)
}

// stopTimer stops a timer of a request; false if it does not run.
func (l *lane) stopTimer(seq uint64, t outbox.Timer) bool {
	timers := l.known(seq).timers
	if timers[t] == nil {
		return false
	}
	timers[t].Stop()
	delete(timers, t)
	return true
}

// wakeAt sets a timer of a request; one of the same name is replaced.
func (l *lane) wakeAt(seq uint64, t outbox.Timer, after time.Duration, answering bool) {
	if t == outbox.TimerExpire {
		l.expiries.set(seq, after)
		return
	}
	l.stopTimer(seq, t)
	known := l.of(seq)
	var al *clock.Alarm // written and read on the lane's goroutine only
	al = l.o.Answering.After(after, answering, func() {
		l.do(func() {
			if known.timers[t] == al {
				delete(known.timers, t)
				l.fired(seq, t)
			}
		})
	})
	known.timers[t] = al
}

// fired does what a timer stands for.
func (l *lane) fired(seq uint64, t outbox.Timer) {
	switch t {
	case outbox.TimerRetry:
		l.moved = true
		if r, err := l.o.Store.Get(seq); err == nil && (r.Parked || !r.Kind.Laned()) {
			l.apply(seq, l.event(outbox.Due, seq))
		}
		return
	case outbox.TimerCustomer:
		l.apply(seq, outbox.Event{Type: outbox.CustomerTimeout})
		return
	case outbox.TimerDoubtCheck, outbox.TimerDoubtHold:
		l.apply(seq, outbox.Event{Type: outbox.DoubtTimeout, Timer: t})
		return
	}
	r, err := l.o.Store.Get(seq)
	if errors.Is(err, outbox.ErrNotFound) { // pruned
		l.forget(seq)
	}
	if err != nil {
		return
	}
	switch x := executors[r.Kind]; t {
	case outbox.TimerHint:
		for _, h := range r.Hints {
			l.judge(r, h.OrderUUID)
		}
	case outbox.TimerCancel:
		x.cancel(l, r, r.OrderUUID)
	case outbox.TimerSearch:
		x.search(l, r)
	case outbox.TimerWatch:
		x.lookAgain(l, r)
	case outbox.TimerPoll:
		x.poll(l, r)
	default:
		x.query(l, r, r.OrderUUID)
	}
}
