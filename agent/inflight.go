package agent

import (
	"context"
	"errors"
	"time"

	"tillpost/outbox"
)

// looked is what a lane has seen of a request at the API that is no event yet: answers with their age, on which the next
// attempt may rest, and what it needs to ask at the right pace.
type looked struct {
	search outbox.SearchResult
	seen   outbox.Seen
	begun  time.Time // seen.Begun by this process's clock

	books      outbox.Books
	booksBegun time.Time

	judged time.Time // when an order that a callback named was last asked for
	word   time.Time // when the API took a refund that its books have not shown yet
}

// look gives what is known of a request, to be filled in.
func (l *lane) look(seq uint64) *looked {
	known := l.looks[seq]
	if known == nil {
		known = &looked{}
		l.looks[seq] = known
	}
	return known
}

// mayJudge reports whether an order that a callback named may be asked for now, and notes that it is.
func (l *lane) mayJudge(seq uint64) bool {
	known := l.look(seq)
	if time.Since(known.judged) < callbackPace {
		return false
	}
	known.judged = time.Now()
	return true
}

// dueEvent is the request's turn, with the answers that are at hand.
func (l *lane) dueEvent(r outbox.Request) outbox.Event {
	e := outbox.Event{Type: outbox.Due}
	l.bring(r.Seq, &e)
	return e
}

// bring puts the answers at hand into an event.
func (l *lane) bring(seq uint64, e *outbox.Event) {
	known := l.looks[seq]
	if known == nil {
		return
	}
	e.Search, e.Seen, e.Books = known.search, known.seen, known.books
	e.Seen.Broken = l.health.failedSince(known.begun)
	e.Books.Seen.Broken = l.health.failedSince(known.booksBegun)
}

// underway is a call to the API under way for a request.
type underway struct {
	entered outbox.Instant // of the state that asked for it
	again   bool           // a later state asked for the same
}

// underWay reports whether the call is under way already. Its answer serves a question of the same state; for a later one it
// may come too late, so the call is made again then.
func (l *lane) underWay(key callKey, r outbox.Request) bool {
	u := l.calls[key]
	if u == nil {
		return false
	}
	u.again = u.again || u.entered != r.Entered
	return true
}

// begin makes a call beside the lane; what ask returns is done on the lane once it has ended.
func (l *lane) begin(key callKey, r outbox.Request, ask func(context.Context) (done func())) {
	l.calls[key] = &underway{entered: r.Entered}
	l.background(func(ctx context.Context) {
		done := ask(ctx)
		l.do(func() { l.ended(key, done) })
	})
}

// ended takes the end of a call: its answer first, then what asked for the same meanwhile asks again.
func (l *lane) ended(key callKey, done func()) {
	u := l.calls[key]
	delete(l.calls, key)
	l.moved = true // the lane may have been waiting to make the next call of its kind
	done()
	if u != nil && u.again && !l.stopping() {
		if r, err := l.store.Get(key.seq); err == nil && r.Terminal == l.terminal {
			l.effect(r, outbox.Event{}, outbox.Effect{Type: key.effect, OrderUUID: key.order})
		}
	}
	l.checkMoves(key.seq)
}

// checkMoves looks whether a request that is not final has anything that will move it on. None is ever without; if one is,
// that is counted, and it is taken up as after a restart.
func (l *lane) checkMoves(seq uint64) {
	if l.stopping() || l.hasTimers(seq) || l.hasCalls(seq) {
		return
	}
	r, err := l.store.Get(seq)
	if errors.Is(err, outbox.ErrNotFound) {
		delete(l.entered, seq)
		delete(l.looks, seq)
	}
	if err != nil || !r.Kind.Laned() || r.State.Final() || r.InQueue() || r.Terminal != l.terminal {
		return
	}
	if r.State == outbox.StateQueued && r.Waiting != nil && r.Waiting.Code == outbox.WaitForOrder {
		return // it follows its order
	}
	l.metrics.StuckRequest()
	l.log.Error("nothing moved a request on; it is taken up anew, please report this", "request", r.ID, "terminal", l.terminal, "state", r.State.String(), "revision", r.Revision)
	l.apply(seq, outbox.Event{Type: outbox.Restarted})
}

func (l *lane) hasCalls(seq uint64) bool {
	for k := range l.calls {
		if k.seq == seq {
			return true
		}
	}
	return false
}

// judge looks at an order that a callback named for a request.
func (l *lane) judge(r outbox.Request, orderUUID string) {
	if !l.mayJudge(r.Seq) {
		l.wakeAt(r.Seq, outbox.TimerHint, callbackPace, false)
		return
	}
	l.call(r, outbox.Judge, orderUUID, func(ctx context.Context) outbox.Event {
		return l.gateway.named(ctx, orderUUID, r)
	})
}
