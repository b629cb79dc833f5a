package chaos_test

import (
	"context"
	"errors"
	"time"

	"tillpost/monitor"
	"tillpost/outbox"
)

// pauses has people stop what begins at a terminal for a while, whatever happens meanwhile.
func (s *script) pauses() {
	r := s.w.stream("pauses")
	for _, t := range s.w.terminals {
		for range 1 + r.IntN(2) {
			begin, lasts := r.between(0, s.w.lasts), r.between(0, time.Minute)
			s.add(begin, "", func() { s.w.people.Go(func() { s.w.pause(t) }) })
			s.add(min(begin+lasts, s.w.lasts), "", func() { s.w.people.Go(func() { s.w.resume(t) }) })
		}
	}
}

// pause has a terminal pause. Where that was not confirmed, it may or may not.
func (w *world) pause(terminal string) {
	p := w.current.Load()
	if p == nil {
		return
	}
	w.note("a person pauses %s", terminal)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	w.mu.Lock()
	begun, going := w.resumed[terminal], w.resuming[terminal]
	w.mu.Unlock()
	_, err := p.a.Pause(ctx, terminal, []byte(`{"by":"Ola"}`))
	if err != nil || ctx.Err() != nil || p.dead.Load() || w.older.Load() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if going == 0 && w.resumed[terminal] == begun { // else somebody has it go on as well
		w.paused[terminal] = true
		w.count.fault("paused")
		w.noteLocked("%s is paused", terminal)
	}
}

// resume has a terminal go on, as soon as there is an agent that does so.
func (w *world) resume(terminal string) {
	w.mu.Lock()
	delete(w.paused, terminal)
	w.resumed[terminal]++
	w.resuming[terminal]++
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.resuming[terminal]--
		w.mu.Unlock()
	}()
	for range 600 {
		if p := w.current.Load(); p != nil && w.resumes(p, terminal) {
			return
		}
		time.Sleep(time.Second)
	}
	w.fail("%s is not resumed within ten minutes", terminal)
}

// resumes reports whether a process has accepted it, or knows no such terminal, and so no pause.
func (w *world) resumes(p *process, terminal string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := p.a.Resume(ctx, terminal, []byte(`{"by":"Ola"}`))
	w.note("a person resumes %s: %v", terminal, err)
	_, refused := errors.AsType[*monitor.Refusal](err)
	return (err == nil && ctx.Err() == nil || refused) && !p.dead.Load()
}

// held checks a change: at a terminal whose pause was confirmed, nothing begins. The lock is held.
func (w *world) held(c outbox.Change) {
	if c.Previous == outbox.StateQueued && c.Request.State == outbox.StateSending && c.Request.Kind.Laned() && w.paused[c.Request.Terminal] && !w.older.Load() {
		w.failLocked("%s was sent at %s, which is paused", c.Request.ID, c.Request.Terminal)
	}
}
