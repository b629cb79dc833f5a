package agent

import (
	"context"
	"time"

	"tillpost/outbox"
)

// effect runs one effect of a committed change. It decides nothing.
func (l *lane) effect(r outbox.Request, e outbox.Event, f outbox.Effect) {
	if l.besideEffect(r, f) {
		return
	}
	switch f.Type {
	case outbox.Submit:
		l.submit(r)
	case outbox.Query:
		l.query(r, f.OrderUUID)
	case outbox.Search:
		l.search(r)
	case outbox.SendCancel:
		l.cancel(r, f.OrderUUID)
	case outbox.SendResend:
		l.resend(r, f.OrderUUID)
	case outbox.Judge:
		l.judge(r, f.OrderUUID)
	case outbox.WakeAt:
		l.wakeAt(r.Seq, f.Timer, f.After, f.Answering)
	case outbox.Publish:
		if f.Waiting != nil {
			l.publish.waits(r, headOfLane, f.Waiting) // only the head of a lane waits for what is not on disk
		}
		if e.Type == outbox.CheckWanted {
			l.publish.again(r)
		}
		// A durable change was told by the committer, in commit order.
	case outbox.Alarm:
		if f.Code == outbox.AlarmLatePayment || f.Code == outbox.AlarmFurtherOrder {
			l.metrics.LatePayment()
		}
		l.alarmed(r, f.Code)
	case outbox.Ignored:
		l.metrics.IgnoredEvent(r.State.String(), e.Type.String())
		l.log.Debug("an event had no meaning", "request", r.ID, "state", r.State.String(), "event", e.Type.String(), "why", f.Code)
	}
}

// submit makes the one call that creates, on the connection that was dialled for it.
func (l *lane) submit(r outbox.Request) {
	if r.Kind != outbox.KindOrder {
		l.submitRefund(r)
		return
	}
	conn, body := l.conn, l.body
	l.conn, l.body = nil, nil
	l.call(r, outbox.Submit, "", func(ctx context.Context) outbox.Event {
		begun := time.Now()
		e := l.gateway.submit(ctx, conn, r, body)
		l.countBusyAnswer(e)
		if e.Type == outbox.Accepted {
			l.reconciler.told(e.OrderUUID, wordOf(begun))
		}
		return e
	})
}

// countBusyAnswer counts that the terminal was busy.
func (l *lane) countBusyAnswer(e outbox.Event) {
	if e.Type == outbox.Busy {
		l.metrics.TerminalBusy(l.terminal)
	}
}

// query asks for an order's or a refund's status.
func (l *lane) query(r outbox.Request, orderUUID string) {
	if r.Kind != outbox.KindOrder {
		l.queryRefund(r)
		return
	}
	l.call(r, outbox.Query, orderUUID, func(ctx context.Context) outbox.Event {
		return l.gateway.status(ctx, orderUUID, false)
	})
}

// poll asks for the status of an order on its terminal, or of a refund on its way, in the cheapest way.
func (l *lane) poll(r outbox.Request) {
	if r.Kind != outbox.KindOrder {
		l.queryRefund(r)
		return
	}
	l.call(r, outbox.Query, r.OrderUUID, func(ctx context.Context) outbox.Event {
		return l.gateway.poll(ctx, r.OrderUUID)
	})
}

func (l *lane) cancel(r outbox.Request, orderUUID string) {
	l.call(r, outbox.SendCancel, orderUUID, func(ctx context.Context) outbox.Event {
		e := l.gateway.cancel(ctx, orderUUID, r.Kind == outbox.KindRefund)
		e.OrderUUID = orderUUID
		return e
	})
}

func (l *lane) resend(r outbox.Request, orderUUID string) {
	l.call(r, outbox.SendResend, orderUUID, func(ctx context.Context) outbox.Event {
		return l.gateway.resend(ctx, orderUUID)
	})
}

// call makes one call beside the lane and applies the event that it brings. A call of the same kind that is under way
// already serves for both, unless its answer comes too late for the second.
func (l *lane) call(r outbox.Request, what outbox.EffectType, orderUUID string, ask func(context.Context) outbox.Event) {
	key := callKey{r.Seq, what, orderUUID}
	if l.underWay(key, r) {
		return
	}
	l.begin(key, r, func(ctx context.Context) func() {
		e := ask(ctx)
		return func() {
			if what == outbox.Submit || !l.outlived(r, e) {
				l.apply(r.Seq, e)
			}
		}
	})
}

// outlived tells that an answer comes too late to mean anything: the request has left the state that asked, and the
// answer is no evidence. An old "unreachable" must never be taken for that of the submission under way.
func (l *lane) outlived(asked outbox.Request, e outbox.Event) bool {
	switch e.Type {
	case outbox.Accepted, outbox.Found, outbox.StatusSeen, outbox.BooksSeen, outbox.HintRead:
		return false
	case outbox.Refused:
		if e.Reason != nil && e.Reason.Code == outbox.CodeAlreadyPaid {
			return false
		}
	}
	now, err := l.store.Get(asked.Seq)
	return err != nil || now.Entered != asked.Entered
}

// search has the reconciler look for the request's marks.
func (l *lane) search(r outbox.Request) {
	if r.Kind != outbox.KindOrder {
		l.searchRefund(r)
		return
	}
	key := callKey{seq: r.Seq, effect: outbox.Search}
	if l.underWay(key, r) {
		return
	}
	l.calls[key] = &underway{entered: r.Entered}
	l.reconciler.search(searchJob{Request: r, Since: l.searchedFrom(r), Done: func(f findings) {
		l.do(func() { l.ended(key, func() { l.searched(r, f) }) })
	}})
}

// searchedFrom is the moment after which a search has to begin: that at which what may have come of the last submission
// must show, or the last search that it did not settle.
func (l *lane) searchedFrom(r outbox.Request) outbox.Instant {
	from := r.Entered
	if r.Busy > 0 && r.State == outbox.StateQueued {
		from = r.LastBusy().Add(l.lags.list())
	}
	if known := l.looks[r.Seq]; known != nil && known.seen.After(from, 0) {
		from = known.seen.Answered
	}
	return from
}

// searched takes what a search came to. Before a repeat it is kept for the next Due, else it is an event of its own.
func (l *lane) searched(asked outbox.Request, f findings) {
	seq := asked.Seq
	r, err := l.store.Get(seq)
	if err != nil || r.Terminal != l.terminal || r.Entered != asked.Entered && f.Verdict != searchFound {
		return // pruned, moved, or no longer what was asked about
	}
	result := outbox.SearchClear
	switch f.Verdict {
	case searchFound:
		l.apply(seq, outbox.Event{Type: outbox.Found, OrderUUID: f.OrderUUID, Status: f.Status})
		return
	case searchIncomplete:
		l.apply(seq, outbox.Event{Type: outbox.Unavailable, RetryAfter: f.RetryAfter})
		return
	case searchForbidden:
		result = outbox.SearchForbidden
	}
	f.Seen.Broken = l.health.failedSince(f.Begun)
	known := l.look(seq)
	known.search, known.seen, known.begun = result, f.Seen, f.Begun
	if r.State == outbox.StateQueued {
		l.moved = true
		return
	}
	l.apply(seq, outbox.Event{Type: outbox.NotFound, Search: result, Seen: f.Seen})
}
