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
	if r.State == outbox.StateSending && ls.starts.CompareAndDelete(r.ID, turnUncertain) {
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
	if r.State == outbox.StateInDoubt { // it comes from a newer copy of the outbox
		l.post(r.Seq, outbox.Event{Type: outbox.Restarted})
	}
	switch {
	case !r.Kind.Laned():
		l.post(r.Seq, outbox.Event{Type: outbox.Due})
	case r.CancelWanted:
		l.post(r.Seq, outbox.Event{Type: outbox.CancelWanted})
	default:
		l.rouse()
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

// alarmed makes a problem of what a person has to know.
func (ls *Lanes) alarmed(r outbox.Request, code string) {
	at := r.LastChange().Time()
	switch code {
	case outbox.AlarmNeedsStaff:
		ls.o.Problems.Raise(health.ProblemNeedsStaff, r.ID, "nobody knows yet whether this request was carried out; look at the terminal and at Front Payment", at)
	case outbox.AlarmUnresolved:
		ls.o.Problems.Raise(health.ProblemUnresolved, r.ID, "it was never found out whether this request was carried out; adopt, resubmit or abandon it", at)
	case outbox.AlarmLatePayment:
		message := "a payment was found after the request had ended otherwise; hand over the goods or refund it"
		if r.Kind != outbox.KindOrder {
			message = "the refund was carried out after another end had been told; the customer has the money, so don't pay it back once more"
		}
		ls.o.Problems.Raise(health.ProblemLatePayment, r.ID, message, at)
	case outbox.AlarmFurtherOrder:
		ls.o.Problems.Raise(health.ProblemFurtherOrder, r.ID, "a second order was paid for this request; refund one of them", at)
	}
	ls.o.Log.Warn("a person is needed", "alarm", code, "request", r.ID, "terminal", r.Terminal, "state", r.State.String())
}
