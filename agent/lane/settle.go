package lane

import (
	"errors"

	"tillpost/agent/health"
	"tillpost/outbox"
)

// settle carries a person's decision out on its target: checked first, written with the target, and only then done.
func (l *lane) settle(r outbox.Request) {
	t, err := l.o.Store.Lookup(r.Target)
	if err != nil {
		l.refuseSettlement(r, outbox.CodeNotInDoubt, "the request ended long ago")
		return
	}
	d := r.Decision
	doubtful := t.State == outbox.StateInDoubt || t.State == outbox.StateUnresolved
	switch {
	case t.Settled != nil && t.Settled.ID == r.ID: // written before a restart
		l.post(r.Seq, outbox.Event{Type: outbox.Done})
	case !doubtful && !t.Alarmed:
		l.refuseSettlement(r, outbox.CodeNotInDoubt, "the request is "+t.State.String()+"; there is nothing to settle")
	case d.Revision != 0 && d.Revision != t.Revision && !waitedFor(r, t):
		l.refuseSettlement(r, outbox.CodeStaleRevision, "the request has changed since that revision; look at it again")
	case doubtful && d.Resolution == outbox.Adopt:
		executors[t.Kind].adopt(l, r, t)
	case doubtful && d.Resolution == outbox.Resubmit:
		l.prepareResubmit(r, t)
	default:
		l.resolve(r, t, outbox.Event{})
	}
}

// waitedFor reports whether a decision was made on the then present revision, and has only waited for the API or doubt_check
// since: that the doubt was published as needs_staff meanwhile makes it no decision on an old screen.
func waitedFor(r, t outbox.Request) bool {
	later, ok := t.Entered.Since(r.Accepted)
	return r.Attempts > 1 && t.State == outbox.StateInDoubt && ok && later == 0
}

// decidedOn is the revision by which the state machine judges a decision that was held against t: the present one, as long
// as the doubt is still the same.
func (l *lane) decidedOn(d *outbox.Decision, t outbox.Request) uint64 {
	now, err := l.o.Store.Get(t.Seq)
	if d.Revision == 0 || err != nil || now.State != outbox.StateInDoubt || now.Entered != t.Entered {
		return d.Revision
	}
	return now.Revision
}

func (l *lane) refuseSettlement(r outbox.Request, code, message string) {
	l.post(r.Seq, outbox.Event{Type: outbox.Refused, Reason: &outbox.Reason{Code: code, Message: message}})
}

// resolve commits the decision with its target, and posts to the resolution what came of it.
func (l *lane) resolve(r, t outbox.Request, e outbox.Event) {
	d := r.Decision
	e.Type, e.Resolution, e.By, e.Revision, e.Source = outbox.Resolved, d.Resolution, d.By, l.decidedOn(d, t), r.ID
	if e.OrderUUID == "" {
		e.OrderUUID = r.OrderUUID
	}
	if d.Resolution == outbox.Adopt {
		if owner, err := l.o.Store.ByOrder(e.OrderUUID); err == nil && owner.Seq != t.Seq && t.Kind == outbox.KindOrder {
			l.refuseSettlement(r, outbox.CodeOrderUUIDTaken, "that order belongs to request "+owner.ID)
			return
		}
	}
	l.stamp(&e)
	after, fx, err := l.o.Store.Apply(l.ctx, t.Seq, e)
	if errors.Is(err, outbox.ErrUncertain) {
		// If it was written, its effects must be run: nothing else would move the target on.
		if now, e := l.o.Store.Get(t.Seq); e == nil && now.Settled != nil && now.Settled.ID == r.ID {
			after, fx, err = l.regain(now, nil)
		}
	}
	switch {
	case errors.Is(err, outbox.ErrOrderTaken):
		l.refuseSettlement(r, outbox.CodeOrderUUIDTaken, "that order belongs to another request")
		return
	case err != nil:
		l.post(r.Seq, outbox.Event{Type: outbox.Unavailable, RetryAfter: storeAgain})
		return
	}
	l.applied(after, e, fx)
	if after.Settled != nil && after.Settled.ID == r.ID {
		if !after.Alarmed {
			l.o.Problems.Clear(health.ProblemLatePayment, t.ID)
			l.o.Problems.Clear(health.ProblemFurtherOrder, t.ID)
		}
		l.post(r.Seq, outbox.Event{Type: outbox.Done})
		return
	}
	l.notResolved(r, after, fx)
}

// notResolved posts to a resolution why the state machine did not accept its decision.
func (l *lane) notResolved(r, t outbox.Request, fx []outbox.Effect) {
	code := outbox.CodeNotInDoubt
	for _, f := range fx {
		switch f.Code {
		case outbox.CodeCancelWanted, outbox.CodeStaleRevision, outbox.CodeAmountMismatch:
			code = f.Code
		case outbox.IgnoredEarly:
			l.post(r.Seq, outbox.Event{Type: outbox.NotFound})
			return
		case outbox.IgnoredHint:
			l.post(r.Seq, unjudged())
			return
		}
	}
	l.refuseSettlement(r, code, "the request is "+t.State.String()+" and did not take the decision")
}

// prepareResubmit waits until doubt_check has passed since the last byte, and searches once more before anything is sent
// again.
func (l *lane) prepareResubmit(r, t outbox.Request) {
	if t.CancelWanted {
		l.refuseSettlement(r, outbox.CodeCancelWanted, "the request is to be cancelled; abandon it instead")
		return
	}
	if age, ok := l.o.Clock.Now().Since(t.Entered); ok && t.State == outbox.StateInDoubt && age < l.o.DoubtCheck {
		l.post(r.Seq, outbox.Event{Type: outbox.NotFound, RetryAfter: l.o.DoubtCheck - age})
		return
	}
	if len(t.Hints) > 0 {
		l.post(r.Seq, unjudged())
		return
	}
	executors[t.Kind].resubmit(l, r, t)
}

// unjudged has a decision to send again wait for the order that a callback named.
func unjudged() outbox.Event {
	return outbox.Event{Type: outbox.NotFound, Reason: &outbox.Reason{
		Code: outbox.WaitChecking, Message: "a callback named an order for this request, and what became of that is not known yet"}}
}
