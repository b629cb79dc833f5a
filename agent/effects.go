package agent

import (
	"context"
	"time"

	"tillpost/api"
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
		orderUUID, reply := l.api.CreateOrder(ctx, conn, body)
		if reply.Outcome == api.OutcomeBusy {
			l.metrics.TerminalBusy(l.terminal)
		}
		e := l.eventOf(ctx, reply)
		if reply.Outcome == api.OutcomeAccepted {
			e.Type, e.OrderUUID = outbox.Accepted, orderUUID
			l.reconciler.told(orderUUID, wordOf(begun))
		}
		return e
	})
}

// query asks for an order's or a refund's status.
func (l *lane) query(r outbox.Request, orderUUID string) {
	if r.Kind != outbox.KindOrder {
		l.queryRefund(r)
		return
	}
	l.call(r, outbox.Query, orderUUID, func(ctx context.Context) outbox.Event {
		return l.statusEvent(ctx, orderUUID, false)
	})
}

// statusSeen maps the API's statuses to what the state machine tells apart (Front Payment, Payment Status Check).
func statusSeen(s api.PaymentState) outbox.OrderStatus {
	switch s {
	case api.PaymentPaid:
		return outbox.StatusPaid
	case api.PaymentDeclined:
		return outbox.StatusDeclined
	case api.PaymentCancelled, api.PaymentExpired:
		return outbox.StatusCancelled
	default:
		return outbox.StatusPending
	}
}

func (l *lane) cancel(r outbox.Request, orderUUID string) {
	l.call(r, outbox.SendCancel, orderUUID, func(ctx context.Context) outbox.Event {
		what := api.CancelPayment
		if r.Kind == outbox.KindRefund {
			what = api.CancelRefund
		}
		reply := l.api.Cancel(ctx, orderUUID, what)
		e := l.eventOf(ctx, reply)
		if reply.Outcome == api.OutcomeAccepted {
			e.Type = outbox.Done
		}
		e.OrderUUID = orderUUID
		return e
	})
}

func (l *lane) resend(r outbox.Request, orderUUID string) {
	l.call(r, outbox.SendResend, orderUUID, func(ctx context.Context) outbox.Event {
		reply := l.api.Resend(ctx, orderUUID)
		e := l.eventOf(ctx, reply)
		if reply.Outcome == api.OutcomeAccepted {
			e.Type = outbox.Done
		}
		return e
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
	l.sought(r)
	l.reconciler.search(searchJob{request: r, since: l.searchedFrom(r), done: func(f findings) {
		l.do(func() { l.ended(key, func() { l.searched(r, f) }) })
	}})
}

// searchedFrom is the moment after which a search has to begin: that at which what may have come of the last submission
// must show, or the last search that it did not settle.
func (l *lane) searchedFrom(r outbox.Request) outbox.Instant {
	from := r.Entered
	if r.Busy > 0 && r.State == outbox.StateQueued {
		from = r.LastBusy().Add(l.listLag())
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
	if err != nil || r.Terminal != l.terminal || r.Entered != asked.Entered && f.verdict != searchFound {
		return // pruned, moved, or no longer what was asked about
	}
	result := outbox.SearchClear
	switch f.verdict {
	case searchFound:
		l.apply(seq, outbox.Event{Type: outbox.Found, OrderUUID: f.orderUUID, Status: statusSeen(f.status)})
		return
	case searchIncomplete:
		l.apply(seq, outbox.Event{Type: outbox.Unavailable, RetryAfter: f.retryAfter})
		return
	case searchForbidden:
		result = outbox.SearchForbidden
	}
	f.seen.Broken = l.health.failedSince(f.begun)
	known := l.look(seq)
	known.search, known.seen, known.begun = result, f.seen, f.begun
	if r.State == outbox.StateQueued {
		l.moved = true
		return
	}
	l.apply(seq, outbox.Event{Type: outbox.NotFound, Search: result, Seen: f.seen})
}

// heldBack names the event of a call that the API did not look at: it could not be reached, or let nobody in.
func heldBack(o api.Outcome) (t outbox.EventType, held bool) {
	switch o {
	case api.OutcomeRateLimited:
		return outbox.RateLimited, true
	case api.OutcomeUnauthorized:
		return outbox.Unauthorized, true
	case api.OutcomeUnavailable:
		return outbox.Unavailable, true
	}
	return 0, false
}

// eventOf says in the state machine's terms what came of a call; an accepted one is for the caller to name.
func (l *lane) eventOf(ctx context.Context, reply api.Reply) outbox.Event {
	e := outbox.Event{RetryAfter: reply.RetryAfter}
	if t, held := heldBack(reply.Outcome); held {
		e.Type = t
		return e
	}
	switch reply.Outcome {
	case api.OutcomeBusy:
		e.Type = outbox.Busy
	case api.OutcomeRefused, api.OutcomeNotFound:
		e.Type, e.Reason = outbox.Refused, reasonFrom(reply)
		if reply.HTTPStatus == 403 && l.listForbidden(ctx) {
			l.health.refused()
			e.Type, e.Reason = outbox.Unauthorized, nil
		}
	default:
		e.Type = outbox.Ambiguous
		if reply.HTTPStatus != 0 {
			e.Reason = reasonFrom(reply)
		}
	}
	return e
}

// listForbidden tells a token that lost its rights from one request that is not allowed.
func (l *lane) listForbidden(ctx context.Context) bool {
	_, reply := l.api.ListTerminals(ctx)
	return reply.Outcome == api.OutcomeUnauthorized || reply.HTTPStatus == 403
}

func reasonFrom(reply api.Reply) *outbox.Reason {
	r := &outbox.Reason{Code: reply.Code, Message: reply.Message, HTTPStatus: reply.HTTPStatus}
	if r.Code == "" {
		r.Code = outbox.WaitAPIError
	}
	for _, e := range reply.Errors {
		r.Errors = append(r.Errors, outbox.FieldError{Path: e.Path, Message: e.Message})
	}
	return r
}
