package chaos_test

import (
	"slices"
	"time"

	"tillpost/outbox"
)

// pulse is what is known from outside of what moves a request on: the timers that stand, and the calls under way.
type pulse struct {
	r      outbox.Request
	timers map[outbox.Timer]time.Time
	calls  int
	known  bool      // it was seen to enter its state, so nothing that moves it is missing here
	ended  time.Time // when its time to live was first seen to be over
	last   time.Time // of anything that happened to it
}

// pulses are those of the requests that hold a lane and of control requests, of the process that runs.
type pulses map[uint64]*pulse

// beat takes the effects of an event, and reports whether something moves the request on after it. The lock is held.
func (w *world) beat(r outbox.Request, e outbox.Event, fx []outbox.Effect) {
	now := time.Now()
	p := w.pulses[r.Seq]
	if r.State.Final() || !r.Kind.Laned() {
		delete(w.pulses, r.Seq)
		return
	}
	// Nobody searches for what is being submitted: what turns up then, in a look for another request, is no answer to a call of its own.
	stray := e.Type == outbox.Found && p != nil && p.r.State == outbox.StateSending
	if p == nil || p.r.Entered != r.Entered {
		calls := 0
		if p != nil {
			calls = p.calls
		}
		p = &pulse{timers: map[outbox.Timer]time.Time{}, calls: calls, known: durable(fx)}
		w.pulses[r.Seq] = p
	}
	p.fire(now)
	p.r, p.last = r, now
	ignored := slices.ContainsFunc(fx, func(f outbox.Effect) bool { return f.Type == outbox.Ignored })
	if answers(e.Type) && !ignored && !stray && p.calls > 0 {
		p.calls--
	}
	for _, f := range fx {
		switch f.Type {
		case outbox.WakeAt:
			p.timers[f.Timer] = now.Add(f.After)
		case outbox.Query, outbox.Search, outbox.SendCancel, outbox.SendResend, outbox.Submit:
			p.calls++
		default: // moves nothing
		}
	}
	if r.State != outbox.StateQueued && r.State != outbox.StateSending && p.known && p.calls == 0 && len(p.timers) == 0 {
		w.failLocked("nothing moves %s: it is %s after %s, with no call under way and no timer", r.ID, r.State, e.Type)
	}
}

// added begins to follow what was accepted.
func (w *world) added(all []outbox.Added) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range all {
		if a.Verdict == outbox.AddedNew && a.Request.Kind.Laned() && w.pulses[a.Request.Seq] == nil {
			w.pulses[a.Request.Seq] = &pulse{r: a.Request, timers: map[outbox.Timer]time.Time{}, last: time.Now()}
		}
	}
}

// durable reports whether an event changed the request, so that its effects are all that moves it.
func durable(fx []outbox.Effect) bool {
	return slices.ContainsFunc(fx, func(f outbox.Effect) bool { return f.Type == outbox.Publish && f.Waiting == nil })
}

// fire turns timers that are over into what they stand for.
func (p *pulse) fire(now time.Time) {
	for t, at := range p.timers {
		if at.After(now) {
			continue
		}
		delete(p.timers, t)
		switch t {
		case outbox.TimerPoll, outbox.TimerSearch, outbox.TimerCancel, outbox.TimerWatch:
			p.calls++
			if at.After(p.last) {
				p.last = at
			}
		default: // ends in an event
		}
	}
}

// answers reports whether an event is the result of a call.
func answers(t outbox.EventType) bool {
	switch t {
	case outbox.Accepted, outbox.Done, outbox.Busy, outbox.Unavailable, outbox.RateLimited, outbox.Unauthorized, outbox.Refused, outbox.Ambiguous,
		outbox.StatusSeen, outbox.Found, outbox.NotFound, outbox.StatementSeen:
		return true
	default:
		return false
	}
}

// silence returns how long nothing may happen to a request in a state, while nothing is wrong with anything but single calls:
// the longest pause between two looks, and the longest call.
func silence(s outbox.State) time.Duration {
	switch s {
	case outbox.StateSending:
		return 20 * time.Second
	case outbox.StateAwaitingCustomer, outbox.StateAwaitingRefund:
		return 30 * time.Second // every two seconds at first
	case outbox.StateCancelling:
		return 60 * time.Second // again after half a minute
	case outbox.StateInDoubt:
		return 45 * time.Second // at least every five seconds; a look may read many orders
	default:
		return 0
	}
}

// noteTrouble notes what is wrong just before it ends: nobody may have looked meanwhile.
func (w *world) noteTrouble() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.troubled() {
		w.trouble = time.Now()
	}
}

// checkPulses looks for requests that nothing has happened to for too long. The lock is held.
func (w *world) checkPulses() {
	now := time.Now()
	if w.troubled() {
		w.trouble = now
	}
	for _, p := range w.pulses {
		p.fire(now)
		w.checkLiving(p, now)
		most := silence(p.r.State)
		since := p.last
		if w.trouble.After(since) {
			since = w.trouble
		}
		if most == 0 || p.looks(now) || now.Sub(since) <= most {
			continue
		}
		w.failLocked("nothing has happened to %s for %v: it is %s, with %d calls under way and timers %v", p.r.ID, now.Sub(since).Round(time.Second), p.r.State, p.calls, p.left(now))
		p.last = now
	}
}

// livingSlack is how long after a time to live its end is on disk at the latest: a second, and what a slow card takes.
const livingSlack = 5 * time.Second

// checkLiving: the end of a time to live comes in time, wherever a request stands in its queue.
func (w *world) checkLiving(p *pulse, now time.Time) {
	left, ok := p.r.LiveFor(w.clock.Now())
	up := int64(0)
	if running := w.current.Load(); running != nil {
		up = running.upAt.Load()
	}
	switch {
	case up == 0 || time.Duration(int64(w.now())-up) < livingSlack: // what a newer copy may have published was not received yet
		p.ended = time.Time{}
	case p.r.State != outbox.StateQueued || !ok || left > 0 || w.trouble.Equal(now) || !w.clock.right():
		p.ended = time.Time{}
	case p.ended.IsZero():
		p.ended = now
	case now.Sub(p.ended) > livingSlack:
		w.failLocked("the time to live of %s ended %v ago, and it is still queued", p.r.ID, -left)
		p.ended = now
	}
}

// looks reports whether a time is set at which the request is looked at next.
func (p *pulse) looks(now time.Time) bool {
	for _, t := range []outbox.Timer{outbox.TimerPoll, outbox.TimerSearch, outbox.TimerCancel} {
		if p.timers[t].After(now) {
			return true
		}
	}
	return false
}

func (p *pulse) left(now time.Time) map[string]time.Duration {
	all := map[string]time.Duration{}
	for t, at := range p.timers {
		all[t.String()] = at.Sub(now).Round(time.Second)
	}
	return all
}

// troubled reports whether more is wrong just now than single calls. The lock is held.
func (w *world) troubled() bool {
	p := w.current.Load()
	return w.down.Load() || w.hole.Load() || w.full.Load() != 0 || p == nil || p.dead.Load() || time.Since(p.booted) < 10*time.Second ||
		w.refusing.Load() || !w.leave.failing.IsZero() && time.Since(w.leave.failing) > 2*time.Second
}
