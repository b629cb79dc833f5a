package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tillpost/monitor"
	"tillpost/outbox"
)

// moves has people put what waits at one terminal into the queue of another.
func (s *script) moves() {
	for range 2 + s.r.IntN(8) {
		own := s.w.stream(fmt.Sprint("moves ", len(s.steps)))
		s.add(s.sometime(), "", func() { s.w.moveOne(own) })
	}
}

// moveOne tries to move a request, mostly one that is queued: what is not to be moved is refused.
func (w *world) moveOne(r *draw) {
	p := w.current.Load()
	var ids []string
	for id, rq := range w.records() {
		if rq.State == outbox.StateQueued || r.chance(0.05) {
			ids = append(ids, id)
		}
	}
	if p == nil || len(ids) == 0 {
		return
	}
	slices.Sort(ids)
	id, to := pick(r, ids...), pick(r, w.terminals...)
	w.note("a person moves %s to %s", id, to)
	go func() { // a disk that is stuck keeps only this person waiting
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_, err := p.a.Move(ctx, id, fmt.Appendf(nil, `{"to":%q,"by":"Ola"}`, to))
		if _, refused := errors.AsType[*monitor.Refusal](err); err != nil && !refused {
			w.note("moving %s: %v", id, err)
		}
	}()
}

// moved holds a move against what came to the API: nothing of the request may have.
func (w *world) moved(c outbox.Change) {
	if c.From == "" {
		return
	}
	w.count.fault("moved")
	w.mu.Lock()
	defer w.mu.Unlock()
	if slices.ContainsFunc(w.arrivals, func(a arrival) bool { return a.tag == c.Request.ID }) && !w.older.Load() {
		w.failLocked("%s was moved from %s to %s, though the API has heard of it", c.Request.ID, c.From, c.Request.Terminal)
	}
}

// movesWhatWasSent is a Step that moves a queued request, whatever became of it before.
func movesWhatWasSent(r outbox.Request, e outbox.Event) (outbox.Request, []outbox.Effect) {
	if e.Type != outbox.Moved || r.State != outbox.StateQueued {
		return outbox.Step(r, e)
	}
	attempts := r.Attempts
	r.Attempts, r.Unsent, r.Hints, r.Settled = 0, 0, nil, nil
	after, fx := outbox.Step(r, e)
	after.Attempts = attempts
	return after, fx
}
