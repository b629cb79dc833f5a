package lane

import (
	"context"
	"errors"
	"slices"

	"tillpost/agent/gateway"
	"tillpost/agent/reconcile"
	"tillpost/outbox"
)

// orders are carried out by a create, found again by the marks in the API's list, and polled.
type orders struct{}

func (orders) due(l *lane, r outbox.Request) {
	e := l.event(outbox.Due, r.Seq)
	e.Mark = r.Mark()
	if e.Mark == "" || r.Fresh {
		e.Mark = l.newMark(r)
	}
	made, err := l.o.Gateway.ComposeOrder(r, e.Mark)
	if errors.Is(err, gateway.ErrDateUnknown) {
		l.dropConn() // the next try belongs to whoever asks the API, whose date sets the clock
		l.waits(r, outbox.WaitClockUnknown, storeAgain)
		l.wakeAt(r.Seq, outbox.TimerRetry, storeAgain, false)
		return
	}
	if err != nil {
		l.apply(r.Seq, outbox.Event{Type: outbox.Refused, Reason: &outbox.Reason{Code: "invalidRequest", Message: "the order can't be forwarded: " + err.Error()}})
		return
	}
	l.next.body = made.Body
	e.Shown, e.References = made.Shown, made.References
	l.apply(r.Seq, e)
}

func (orders) submit(l *lane, r outbox.Request) {
	conn, body := l.takeConn(), l.next.body
	l.next.body = nil
	l.submit(r, conn, body, l.o.Reconciler.NoteAccepted)
}

func (orders) query(l *lane, r outbox.Request, orderUUID string) {
	l.call(r, outbox.Query, orderUUID, func(ctx context.Context) outbox.Event {
		return l.o.Gateway.Status(ctx, orderUUID, false)
	})
}

func (orders) poll(l *lane, r outbox.Request) {
	l.call(r, outbox.Query, r.OrderUUID, func(ctx context.Context) outbox.Event {
		return l.o.Gateway.Poll(ctx, r.OrderUUID)
	})
}

// search has the reconciler look for the request's marks.
func (orders) search(l *lane, r outbox.Request) {
	l.find(r, outbox.Search, r, l.searchedFrom(r), func(f reconcile.Result) { l.searched(r, f) })
}

// lookAgain queries the request's order, if that may still be paid, and its further ones, and searches for its marks.
func (o orders) lookAgain(l *lane, r outbox.Request) {
	if r.NeedsSearch() {
		o.search(l, r)
	}
	if r.OrderUUID != "" && r.State != outbox.StatePaid && r.State.Final() {
		o.query(l, r, r.OrderUUID)
	}
	for _, uuid := range r.Further {
		if !slices.Contains(r.FurtherPaid, uuid) {
			o.query(l, r, uuid)
		}
	}
}

func (orders) cancel(l *lane, r outbox.Request, orderUUID string) {
	l.sendCancel(r, orderUUID, false)
}

func (orders) resend(l *lane, r outbox.Request, orderUUID string) {
	l.call(r, outbox.SendResend, orderUUID, func(ctx context.Context) outbox.Event {
		return l.o.Gateway.Resend(ctx, orderUUID)
	})
}

// adopt asks the API whether the order exists and its amount fits.
func (orders) adopt(l *lane, d, t outbox.Request) {
	l.begin(d, call{effect: outbox.Settle}, func(ctx context.Context) func() {
		judged := l.o.Gateway.Adoptable(ctx, d.OrderUUID, t)
		return func() {
			if judged.Type != outbox.Found {
				l.apply(d.Seq, judged)
				return
			}
			l.resolve(d, t, outbox.Event{Status: judged.Status})
		}
	})
}

// resubmit searches once more before anything is sent again.
func (orders) resubmit(l *lane, d, t outbox.Request) {
	l.find(d, outbox.Settle, t, l.o.Clock.Now(), func(f reconcile.Result) { l.resubmitOrder(d, t, f) })
}

// searchedFrom is the moment after which a search has to begin: that at which what may have come of the last submission
// must show, or the last search that it did not settle.
func (l *lane) searchedFrom(r outbox.Request) outbox.Instant {
	from := r.Entered
	if r.Busy > 0 && r.State == outbox.StateQueued {
		from = r.LastBusy().Add(l.o.Lags.List())
	}
	if seen := l.known(r.Seq).search.Seen; seen.After(from, 0) {
		from = seen.Answered
	}
	return from
}

// searched takes what a search came to. Before a repeat it is kept for the next Due, else it is an event of its own.
func (l *lane) searched(asked outbox.Request, f reconcile.Result) {
	seq := asked.Seq
	r, err := l.o.Store.Get(seq)
	if err != nil || r.Terminal != l.terminal || r.Entered != asked.Entered && !f.Found {
		return // pruned, moved, or no longer what was asked about
	}
	switch {
	case f.Found:
		l.apply(seq, outbox.Event{Type: outbox.Found, OrderUUID: f.OrderUUID, Status: f.Status})
		return
	case f.Search == outbox.SearchNone:
		l.apply(seq, outbox.Event{Type: outbox.Unavailable, RetryAfter: f.RetryAfter})
		return
	}
	f.Seen.Broken = l.o.Health.FailedSince(f.Begun)
	l.of(seq).search = f
	if r.State == outbox.StateQueued {
		l.moved = true
		return
	}
	l.apply(seq, outbox.Event{Type: outbox.NotFound, Search: f.Search, Seen: f.Seen})
}

// resubmitOrder takes what the search before a resubmission came to.
func (l *lane) resubmitOrder(r, t outbox.Request, f reconcile.Result) {
	f.Seen.Broken = l.o.Health.FailedSince(f.Begun)
	switch {
	case f.Found:
		l.apply(t.Seq, outbox.Event{Type: outbox.Found, OrderUUID: f.OrderUUID, Status: f.Status})
		l.refuseSettlement(r, outbox.CodeNotInDoubt, "the order was found at the API: it is "+f.OrderUUID)
	case f.Search == outbox.SearchNone:
		l.apply(r.Seq, outbox.Event{Type: outbox.Unavailable, RetryAfter: f.RetryAfter})
	default:
		l.resolve(r, t, outbox.Event{Search: f.Search, Seen: f.Seen})
	}
}
