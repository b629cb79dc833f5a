package agent

import (
	"context"

	"tillpost/outbox"
)

// laneHeld deals with a decision that would put its target on a terminal which has another request: an order that has ended
// meanwhile needs no terminal, all else is next once that request is through. Others could follow it for hours.
func (l *lane) laneHeld(r, t outbox.Request) {
	l.wanted, l.offered = r.Seq, false
	if t.Kind != outbox.KindOrder {
		l.post(r.Seq, outbox.Event{Type: outbox.NotFound})
		return
	}
	l.background(func(ctx context.Context) {
		e := l.statusEvent(ctx, r.OrderUUID, false)
		l.do(func() {
			if e.Type == outbox.StatusSeen && e.Status != outbox.StatusPending {
				l.resolve(r, t, outbox.Event{Status: e.Status})
				return
			}
			l.apply(r.Seq, outbox.Event{Type: outbox.NotFound})
		})
	})
}

// yields tells that the lane, which is free, is left to a decision that waited for it. It is offered once: what else keeps
// the decision must not keep the queue.
func (l *lane) yields() bool {
	if l.wanted == 0 {
		return false
	}
	r, err := l.store.Get(l.wanted)
	switch {
	case err != nil, r.State.Final(), r.State == outbox.StateQueued && l.offered:
		l.wanted = 0
		return false
	case r.State == outbox.StateQueued:
		l.offered = true
		l.apply(r.Seq, outbox.Event{Type: outbox.Due})
	}
	return true
}
