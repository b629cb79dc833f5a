package lane

import (
	"tillpost/agent/health"
	"tillpost/outbox"
)

// Committed takes a durable change, in the order of the commits. It does not block.
func (ls *Lanes) Committed(c outbox.Change) {
	r := c.Request
	if c.Previous == 0 {
		ls.admitted(r)
	}
	if r.State == outbox.StateSending && ls.starts.turnsUp(r.ID) {
		l := ls.lane(r.Terminal)
		l.do(func() { l.unsent(r.ID) })
	}
	if c.From != "" {
		ls.moved(r, c.From)
	}
	if r.State.Final() {
		ls.expiries.drop(r.Seq)
	}
	ls.settled(r, c.Previous)
	ls.followed(r)
	if r.Parked {
		ls.park(r)
	}
}

// admitted starts what was accepted: its time to live runs, its lane is told, and what acts beside the lane acts.
func (ls *Lanes) admitted(r outbox.Request) {
	if r.Kind != outbox.KindCancel {
		left, _ := r.LiveFor(ls.o.Clock.Now())
		ls.expiries.set(r.Seq, left)
	}
	l := ls.lane(r.Terminal)
	switch {
	case !r.Kind.Laned():
		l.post(r.Seq, outbox.Event{Type: outbox.Due})
	case r.CancelWanted:
		l.post(r.Seq, outbox.Event{Type: outbox.CancelWanted})
	default:
		ls.wake(r.Terminal)
	}
}

// settled takes away the problems that a change has ended.
func (ls *Lanes) settled(r outbox.Request, previous outbox.State) {
	if previous == outbox.StateInDoubt && r.State != outbox.StateInDoubt {
		ls.o.Problems.Clear(health.ProblemNeedsStaff, r.ID)
	}
	if previous == outbox.StateUnresolved && r.State != outbox.StateUnresolved {
		ls.o.Problems.Clear(health.ProblemUnresolved, r.ID)
	}
}
