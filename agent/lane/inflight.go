package lane

import (
	"cmp"
	"context"
	"errors"
	"time"

	"tillpost/agent/clock"
	"tillpost/agent/reconcile"
	"tillpost/outbox"
)

// inflight is what a lane knows of a request beyond its record: its timers, the calls under way for it, and answers of the API
// with their age that are no event yet. It is made by the first of these, and forgotten when the request has ended, or is
// elsewhere, and nothing of it is under way: what only waits in the queue has none.
type inflight struct {
	entered outbox.Instant // of the state to which the timers belong
	timers  map[outbox.Timer]*clock.Alarm
	calls   map[call]*underway

	search    reconcile.Result // on which the next attempt may rest
	statement outbox.Statement
	read      time.Time // when reading the statement began

	judged time.Time // when an order that a callback named was last asked for
	word   time.Time // when the API accepted a refund
	shown  int       // how many the statement has shown since that may be it
	dials  int       // that failed while it waits
}

// of returns what is known of a request, to be filled in.
func (l *lane) of(seq uint64) *inflight {
	known := l.requests[seq]
	if known == nil {
		known = &inflight{timers: map[outbox.Timer]*clock.Alarm{}, calls: map[call]*underway{}}
		l.requests[seq] = known
	}
	return known
}

// known returns what is known of a request, to be read only.
func (l *lane) known(seq uint64) *inflight { return cmp.Or(l.requests[seq], &inflight{}) }

// forget drops all that the lane knows of a request.
func (l *lane) forget(seq uint64) {
	l.clearTimers(seq)
	delete(l.requests, seq)
}

// idle reports whether nothing of a request is under way at this lane: no timer runs, and no call.
func (l *lane) idle(seq uint64) bool {
	known := l.known(seq)
	return len(known.timers) == 0 && len(known.calls) == 0
}

// entered notes the state that a request is in: timers of an earlier one are over, and so are its failed dials.
func (l *lane) entered(r outbox.Request) {
	known := l.of(r.Seq)
	if known.entered == r.Entered {
		return
	}
	l.clearTimers(r.Seq)
	known.entered, known.dials = r.Entered, 0
}

// event is an event of a request, with the answers that are at hand.
func (l *lane) event(t outbox.EventType, seq uint64) outbox.Event {
	e := outbox.Event{Type: t}
	if known := l.requests[seq]; known != nil {
		e.Search, e.Seen, e.Statement = known.search.Search, known.search.Seen, known.statement
		e.Seen.Broken = l.o.Health.FailedSince(known.search.Begun)
		e.Statement.Seen.Broken = l.o.Health.FailedSince(known.read)
	}
	return e
}

// checkMoves checks that a request which is not final has something that will move it on. None is ever without; if one is,
// that is counted, and it is taken up as after a restart.
func (l *lane) checkMoves(seq uint64) {
	if l.stopping() || !l.idle(seq) {
		return
	}
	r, err := l.o.Store.Get(seq)
	if errors.Is(err, outbox.ErrNotFound) || err == nil && r.State.Final() {
		l.forget(seq)
	}
	if err != nil || !r.Kind.Laned() || r.State.Final() || r.InQueue() || r.Terminal != l.terminal {
		return
	}
	if r.State == outbox.StateQueued && r.Waiting != nil && r.Waiting.Code == outbox.WaitForOrder {
		return // it follows its order
	}
	if turn, _ := l.starts.Load(r.ID); turn == turnMaking {
		return // its call is about to begin
	}
	l.o.Metrics.StuckRequest()
	l.o.Log.Error("nothing moved a request on; it is taken up anew, please report this", "request", r.ID, "terminal", l.terminal, "state", r.State.String(), "revision", r.Revision)
	l.apply(seq, outbox.Event{Type: outbox.Restarted})
}

// judge reads an order that a callback named for a request.
func (l *lane) judge(r outbox.Request, orderUUID string) {
	known := l.of(r.Seq)
	if time.Since(known.judged) < HintPace {
		l.wakeAt(r.Seq, outbox.TimerHint, HintPace, false)
		return
	}
	known.judged = time.Now()
	l.call(r, outbox.Judge, orderUUID, func(ctx context.Context) outbox.Event {
		return l.o.Gateway.ReadHint(ctx, orderUUID, r)
	})
}
