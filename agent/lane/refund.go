package lane

import (
	"context"
	"time"

	"tillpost/agent/gateway"
	"tillpost/outbox"
)

// refunds, and approvals of them, are sent once the statement of their order was read, and found again in it.
type refunds struct{ unasked }

func (refunds) due(l *lane, r outbox.Request) {
	e := l.event(outbox.Due, r.Seq)
	e.Mark = l.newMark(r)
	l.apply(r.Seq, e)
}

// submit makes the body only now: what is paid back of each product was fixed in the commit of its turn.
func (refunds) submit(l *lane, r outbox.Request) {
	body, err := gateway.ComposeRefund(r)
	if err != nil {
		l.dropConn()
		l.post(r.Seq, outbox.Event{Type: outbox.Refused, Reason: &outbox.Reason{Code: outbox.CodeInvalidRequest, Message: "the refund can't be forwarded: " + err.Error()}})
		return
	}
	l.submit(r, l.takeConn(), body, func(_ string, from time.Time) {
		l.do(func() { l.of(r.Seq).word = from })
	})
}

// query reads the order's statement: its refund status does not say of which refund it is, its payment history does.
func (refunds) query(l *lane, r outbox.Request, _ string) {
	l.call(r, outbox.Query, r.OrderUUID, func(ctx context.Context) outbox.Event {
		return l.o.Gateway.StatementEvent(ctx, r.OrderUUID)
	})
}

func (x refunds) poll(l *lane, r outbox.Request) { x.query(l, r, r.OrderUUID) }

// search reads the statement of the order that a refund pays back: before it is sent, while nobody knows whether it was, and
// after its end.
func (refunds) search(l *lane, r outbox.Request) {
	l.begin(r, call{effect: outbox.Search}, func(ctx context.Context) func() {
		s := l.o.Gateway.Statement(ctx, r.OrderUUID)
		return func() { l.statementRead(r, s) }
	})
}

func (x refunds) lookAgain(l *lane, r outbox.Request) { x.search(l, r) }

func (refunds) cancel(l *lane, r outbox.Request, orderUUID string) {
	l.sendCancel(r, orderUUID, r.Kind == outbox.KindRefund)
}

// adopt takes the order that a refund pays back, and no other one.
func (refunds) adopt(l *lane, d, t outbox.Request) {
	if d.OrderUUID != t.OrderUUID {
		l.refuseSettlement(d, outbox.CodeAmountMismatch, "that is not the order which this request pays back")
		return
	}
	l.resolve(d, t, outbox.Event{})
}

// resubmit reads the statement once more before anything is sent again.
func (refunds) resubmit(l *lane, d, t outbox.Request) {
	l.begin(d, call{effect: outbox.Settle}, func(ctx context.Context) func() {
		s := l.o.Gateway.Statement(ctx, t.OrderUUID)
		return func() { l.resubmitRefund(d, t, s) }
	})
}

// statementRead takes a statement. Before a refund is sent it is kept for the next Due, else it is an event of its own.
func (l *lane) statementRead(asked outbox.Request, s gateway.StatementReply) {
	r, err := l.o.Store.Get(asked.Seq)
	if err != nil || r.Terminal != l.terminal {
		return
	}
	queued := r.State == outbox.StateQueued
	switch {
	case s.Failed.Type != 0 && r.Entered != asked.Entered:
		// It answers no question of the present state.
	case s.Failed.Type == 0 && !queued:
		l.apply(r.Seq, outbox.Event{Type: outbox.StatementSeen, Statement: s.Statement})
	case s.Failed.Type == 0:
		known := l.of(r.Seq)
		known.statement, known.read = s.Statement, s.Begun
		l.moved = true
		if r.Parked {
			l.apply(r.Seq, l.event(outbox.Due, r.Seq))
		}
	case !queued || s.Failed.Type == outbox.Ambiguous:
		l.apply(r.Seq, s.Failed)
	default:
		l.waits(r, s.Code, s.Retry)
		l.wakeAt(r.Seq, outbox.TimerRetry, s.Retry, false)
	}
}

// measureStatementLag measures how long it takes the statement to show a refund that the API accepted. What it shows may be somebody
// else's of the same amount, from shortly before: then it lags longer. A first measurement is kept only once that is ruled out;
// after it only a longer one is.
func (l *lane) measureStatementLag(r outbox.Request, e outbox.Event) {
	if e.Type != outbox.StatementSeen || !e.Statement.Readable || r.Kind != outbox.KindRefund {
		return
	}
	known := l.known(r.Seq)
	if known.word.IsZero() {
		return
	}
	n, took := r.NewIn(e.Statement), time.Since(known.word)
	if n <= known.shown || n > 1 && took > l.o.DoubtCheck {
		return
	}
	known.shown = n // of several the last one may be ours
	if l.o.Lags.Statement() > 0 || took >= l.o.DoubtCheck {
		l.background(func(ctx context.Context) { l.o.Lags.StatementShowed(ctx, took) })
		return
	}
	time.AfterFunc(l.o.DoubtCheck-took, func() {
		l.background(func(ctx context.Context) {
			if s := l.o.Gateway.Statement(ctx, r.OrderUUID); s.Failed.Type == 0 && r.NewIn(s.Statement) == n {
				l.o.Lags.StatementShowed(ctx, took)
			}
		})
	})
}

// resubmitRefund has the statement judged first: a refund that it shows as done is not sent again.
func (l *lane) resubmitRefund(r, t outbox.Request, s gateway.StatementReply) {
	if s.Failed.Type != 0 {
		l.apply(r.Seq, outbox.Event{Type: outbox.Unavailable, RetryAfter: s.Retry})
		return
	}
	l.apply(t.Seq, outbox.Event{Type: outbox.StatementSeen, Statement: s.Statement})
	now, err := l.o.Store.Get(t.Seq)
	if err != nil || now.State != outbox.StateInDoubt && now.State != outbox.StateUnresolved {
		l.refuseSettlement(r, outbox.CodeNotInDoubt, "the books show what became of it")
		return
	}
	found := outbox.SearchForbidden
	if s.Statement.Readable {
		found = outbox.SearchClear
	}
	l.resolve(r, now, outbox.Event{Search: found, Statement: s.Statement})
}
