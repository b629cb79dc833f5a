package agent

import (
	"context"
	"time"

	"tillpost/outbox"
)

// submitRefund makes the one call that pays back, or that asks for the approval to.
func (l *lane) submitRefund(r outbox.Request) {
	conn := l.conn
	l.conn = nil
	body, err := refundBody(r)
	if err != nil {
		l.post(r.Seq, outbox.Event{Type: outbox.Refused, Reason: &outbox.Reason{Code: outbox.CodeInvalidRequest, Message: "the refund can't be forwarded: " + err.Error()}})
		return
	}
	l.call(r, outbox.Submit, "", func(ctx context.Context) outbox.Event {
		begun := time.Now()
		e := l.gateway.submit(ctx, conn, r, body)
		l.countBusyAnswer(e)
		if e.Type == outbox.Accepted {
			l.do(func() { l.look(r.Seq).word = wordOf(begun) })
		}
		return e
	})
}

// queryRefund asks how a refund stands: the order's refund status, which does not say of which refund it is, and its books.
func (l *lane) queryRefund(r outbox.Request) {
	l.call(r, outbox.Query, r.OrderUUID, func(ctx context.Context) outbox.Event {
		return l.gateway.statementEvent(ctx, r.OrderUUID)
	})
}

// searchRefund reads the books of the order that a refund pays back: before it is sent, while nobody knows whether it was,
// and after its end.
func (l *lane) searchRefund(r outbox.Request) {
	key := callKey{seq: r.Seq, effect: outbox.Search}
	if l.underWay(key, r) {
		return
	}
	l.begin(key, r, func(ctx context.Context) func() {
		s := l.gateway.statement(ctx, r.OrderUUID)
		return func() { l.statementRead(r, s) }
	})
}

// statementRead takes what the books show. Before a refund is sent it is kept for the next Due, else it is an event of its
// own.
func (l *lane) statementRead(asked outbox.Request, s statement) {
	r, err := l.store.Get(asked.Seq)
	if err != nil || r.Terminal != l.terminal {
		return
	}
	queued := r.State == outbox.StateQueued
	switch {
	case s.failed.Type != 0 && r.Entered != asked.Entered:
		// It answers no question of the present state.
	case s.failed.Type == 0 && !queued:
		l.apply(r.Seq, outbox.Event{Type: outbox.BooksSeen, Books: s.books})
	case s.failed.Type == 0:
		known := l.look(r.Seq)
		known.books, known.booksBegun = s.books, s.begun
		l.moved = true
		if r.Parked {
			l.apply(r.Seq, l.dueEvent(r))
		}
	case !queued || s.failed.Type == outbox.Ambiguous:
		l.apply(r.Seq, s.failed)
	default:
		l.waits(r, s.code, s.retry)
		l.wakeAt(r.Seq, outbox.TimerRetry, s.retry, false)
	}
}

// measureBooks takes how long it took the books to show a refund that the API took.
func (l *lane) measureBooks(r outbox.Request, e outbox.Event) {
	if e.Type != outbox.BooksSeen || !e.Books.Readable || r.Kind != outbox.KindRefund {
		return
	}
	known := l.looks[r.Seq]
	if known == nil || known.word.IsZero() || !r.ShownIn(e.Books) {
		return
	}
	took := time.Since(known.word)
	known.word = time.Time{}
	l.background(func(ctx context.Context) { l.lags.booksShowed(ctx, took) })
}
