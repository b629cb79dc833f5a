package lane

import (
	"context"
	"time"

	"tillpost/agent/reconcile"
	"tillpost/api"
	"tillpost/outbox"
)

// call names a call to the API for a request; one of each is under way at a time.
type call struct {
	effect outbox.EffectType
	order  string
}

// underway is a call under way.
type underway struct {
	entered outbox.Instant // of the state that asked for it
	again   bool           // a later state asked for the same
}

// underWay reports whether the call is under way already. Its answer serves a question of the same state; for a later one it
// may come too late, so the call is made again then.
func (l *lane) underWay(r outbox.Request, c call) bool {
	u := l.known(r.Seq).calls[c]
	if u == nil {
		return false
	}
	u.again = u.again || u.entered != r.Entered
	return true
}

// beginsCall notes a call that is made now, so that ended has to be called with its answer; false if it is under way already.
func (l *lane) beginsCall(r outbox.Request, c call) bool {
	if l.underWay(r, c) {
		return false
	}
	l.of(r.Seq).calls[c] = &underway{entered: r.Entered}
	return true
}

// ended handles the end of a call: first its answer, then the same call once more if that was asked for meanwhile.
func (l *lane) ended(seq uint64, c call, done func()) {
	known := l.known(seq)
	u := known.calls[c]
	delete(known.calls, c)
	l.moved = true // the lane may have been waiting to make the next call of its kind
	done()
	if u != nil && u.again && !l.stopping() {
		if r, err := l.o.Store.Get(seq); err == nil && r.Terminal == l.terminal {
			l.effect(r, outbox.Event{}, outbox.Effect{Type: c.effect, OrderUUID: c.order})
		}
	}
	l.checkMoves(seq)
}

// begin makes a call on a goroutine of its own, unless it is under way; what ask returns runs on the lane's once it ended.
func (l *lane) begin(r outbox.Request, c call, ask func(context.Context) (done func())) {
	if !l.beginsCall(r, c) {
		return
	}
	l.background(func(ctx context.Context) {
		done := ask(ctx)
		l.do(func() { l.ended(r.Seq, c, done) })
	})
}

// call makes one call on a goroutine of its own and applies the event that it brings. A call of the same kind that is under way
// already serves for both, unless its answer comes too late for the second.
func (l *lane) call(r outbox.Request, what outbox.EffectType, orderUUID string, ask func(context.Context) outbox.Event) {
	l.begin(r, call{what, orderUUID}, func(ctx context.Context) func() {
		e := ask(ctx)
		return func() {
			if what == outbox.Submit || !l.outlived(r, e) {
				l.apply(r.Seq, e)
			}
		}
	})
}

// submit makes the call that creates or pays back. Where the API accepts, accepted is called with what it names, and from when to
// measure until a look-up shows it.
func (l *lane) submit(r outbox.Request, conn *api.Conn, body []byte, accepted func(orderUUID string, from time.Time)) {
	l.call(r, outbox.Submit, "", func(ctx context.Context) outbox.Event {
		begun := time.Now()
		e := l.o.Gateway.Submit(ctx, conn, r, body)
		l.countBusyAnswer(e)
		if e.Type == outbox.Accepted {
			accepted(e.OrderUUID, reconcile.MeasureFrom(begun))
		}
		return e
	})
}

// sendCancel asks the API to cancel an order of ours, or the refund of one.
func (l *lane) sendCancel(r outbox.Request, orderUUID string, refund bool) {
	l.call(r, outbox.SendCancel, orderUUID, func(ctx context.Context) outbox.Event {
		e := l.o.Gateway.Cancel(ctx, orderUUID, refund)
		e.OrderUUID = orderUUID
		return e
	})
}

// find has the reconciler look for the marks of a request, by calls after since, as one call for r.
func (l *lane) find(r outbox.Request, what outbox.EffectType, marked outbox.Request, since outbox.Instant, done func(reconcile.Result)) {
	c := call{effect: what}
	if !l.beginsCall(r, c) {
		return
	}
	l.o.Reconciler.Search(reconcile.Job{Request: marked, Since: since, Done: func(f reconcile.Result) {
		l.do(func() { l.ended(r.Seq, c, func() { done(f) }) })
	}})
}

// outlived reports whether an answer comes too late to mean anything: the request has left the state that asked, and the
// answer is no evidence. An old "unreachable" must never be taken for that of the submission under way.
func (l *lane) outlived(asked outbox.Request, e outbox.Event) bool {
	switch e.Type {
	case outbox.Accepted, outbox.Found, outbox.StatusSeen, outbox.StatementSeen, outbox.HintRead:
		return false
	case outbox.Refused:
		if e.Reason != nil && e.Reason.Code == outbox.CodeAlreadyPaid {
			return false
		}
	}
	now, err := l.o.Store.Get(asked.Seq)
	return err != nil || now.Entered != asked.Entered
}

// countBusyAnswer counts that the terminal was busy.
func (l *lane) countBusyAnswer(e outbox.Event) {
	if e.Type == outbox.Busy {
		l.o.Metrics.TerminalBusy(l.terminal)
	}
}
