package lane

import (
	"errors"
	"slices"
	"time"

	"tillpost/agent/health"
	"tillpost/outbox"
)

// commit applies an event durably. An outcome of the API that could not be written is held and written again while the
// lane stands; a Due that could not be written was not sent, and comes again by itself. h may be nil.
func (l *lane) commit(seq uint64, e outbox.Event, h *handover) (outbox.Request, []outbox.Effect, error) {
	uncertain := false
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, storeAgain) {
		if l.tooEarly(seq, e) {
			return outbox.Request{}, nil, errUnheard
		}
		l.stamp(&e)
		l.beats.Add(1)
		e.Lane = l.terminal
		r, fx, err := h.write(l, seq, e)
		switch {
		case err == nil && uncertain && e.Type == outbox.Due && ignored(fx):
			e = outbox.Event{Type: outbox.Unavailable} // it had been written all the same, and nothing was sent
			continue
		case err == nil:
			l.o.Problems.Clear(health.ProblemOutboxFailed, "")
			if uncertain {
				return l.regain(r, fx)
			}
			return r, fx, nil
		case errors.Is(err, outbox.ErrOrderTaken):
			e = withoutOrder(e)
			continue
		case errors.Is(err, outbox.ErrUncertain):
			uncertain = true
			if e.Type == outbox.Due {
				now, gone := l.o.Store.Get(seq)
				switch {
				case gone != nil:
					return r, nil, gone
				case now.State == outbox.StateQueued:
					return r, nil, err
				case now.State != outbox.StateSending:
					return l.regain(now, nil)
				}
				e = outbox.Event{Type: outbox.Unavailable} // nothing was sent
			}
		case errors.Is(err, outbox.ErrFull):
			l.o.Problems.Raise(health.ProblemOutboxFull, "", health.OutboxFull, time.Now())
			if e.Type == outbox.Due {
				return r, nil, err
			}
		case errors.Is(err, outbox.ErrNotFound), errors.Is(err, outbox.ErrClosed), errors.Is(err, outbox.ErrLaneHeld), errors.Is(err, outbox.ErrMoved),
			l.ctx.Err() != nil:
			return r, nil, err
		default:
			l.o.Problems.Raise(health.ProblemOutboxFailed, "", health.OutboxFailed, time.Now())
			failed := errors.Is(err, outbox.ErrFailed)
			if e.Type == outbox.Due && !failed {
				return r, nil, err
			}
			uncertain = uncertain || failed
		}
		select {
		case <-l.ctx.Done():
			return r, nil, err
		case <-time.After(wait):
		}
	}
}

// stamp puts into an event what comes with every one: the moment, a roll of the dice, and how long the API may lag.
func (ls *Lanes) stamp(e *outbox.Event) {
	e.At, e.Jitter = ls.o.Clock.Now(), ls.o.Rand()
	e.ListLag, e.StatementLag, e.BusyPace = ls.o.Lags.List(), ls.o.Lags.Statement(), ls.busyPace()
}

// triesCost is how many calls one try at a busy terminal costs: the create, the list, and a look at a candidate.
const triesCost = 3

// busyPace shares half of the calls that the API allows among the tries at the busy terminals. One alone may be as quick as the
// policy says: a sale elsewhere goes before a poll.
func (ls *Lanes) busyPace() time.Duration {
	n := ls.busy.Load()
	if n < 2 || ls.o.PerMinute <= 0 {
		return 0
	}
	return time.Duration(n) * triesCost * 2 * time.Minute / time.Duration(ls.o.PerMinute)
}

// noteBusy keeps count of the lanes whose turn waits for a busy terminal.
func (l *lane) noteBusy(r outbox.Request) {
	switch waits := r.Busy > 0 && (r.InQueue() || r.State == outbox.StateSending); {
	case waits && l.busyWith == 0:
		l.busy.Add(1)
		l.busyWith = r.Seq
	case !waits && l.busyWith == r.Seq:
		l.busy.Add(-1)
		l.busyWith = 0
	}
}

func ignored(fx []outbox.Effect) bool {
	return slices.ContainsFunc(fx, func(f outbox.Effect) bool { return f.Type == outbox.Ignored })
}

// regain asks for the effects of a change again, where the commit that made it may have been written without them. It
// asks until it is heard: without them nothing would ever move the request on.
func (l *lane) regain(r outbox.Request, fx []outbox.Effect) (outbox.Request, []outbox.Effect, error) {
	for r.State != outbox.StateSending || !r.Kind.Laned() {
		l.beats.Add(1)
		e := outbox.Event{Type: outbox.Restarted}
		l.stamp(&e)
		again, more, err := l.o.Store.Apply(l.ctx, r.Seq, e)
		switch {
		case err == nil:
			return again, append(fx, more...), nil
		case errors.Is(err, outbox.ErrNotFound), errors.Is(err, outbox.ErrClosed):
			return r, fx, err
		}
		select {
		case <-l.ctx.Done():
			return r, fx, err
		case <-time.After(storeAgain):
		}
	}
	return r, fx, nil
}

// withoutOrder is the event that remains of one whose order uuid another request owns.
func withoutOrder(e outbox.Event) outbox.Event {
	if e.Type == outbox.Accepted {
		return outbox.Event{Type: outbox.Ambiguous, Reason: &outbox.Reason{Code: outbox.CodeOrderUUIDTaken, Message: "the API named an order that belongs to another request"}}
	}
	if e.Type == outbox.HintRead {
		e.Order = outbox.OrderSeen{Details: outbox.DetailsRead, References: outbox.ReferencesOther} // another request holds it
		return e
	}
	return outbox.Event{Type: outbox.NotFound}
}
