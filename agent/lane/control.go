package lane

import (
	"context"
	"errors"

	"tillpost/outbox"
)

// controls carry out control requests: cancels, resends, checks and resolutions of other requests, or of orders not ours.
type controls struct{ unasked }

// target is the request that another one is about: by its id, or by an order that we hold. ok is false for an order
// that is not ours.
func (l *lane) target(r outbox.Request) (t outbox.Request, ok bool) {
	var err error
	if r.Target != "" {
		t, err = l.o.Store.Lookup(r.Target)
		return t, err == nil || errors.Is(err, outbox.ErrPruned)
	}
	if r.Scope == outbox.ScopeRefund {
		return l.openRefund(r.OrderUUID)
	}
	t, err = l.o.Store.ByOrder(r.OrderUUID)
	return t, err == nil && t.OrderUUID == r.OrderUUID
}

// openRefund is the refund of an order that is under way, else one that is queued, if there is one of ours.
func (l *lane) openRefund(orderUUID string) (outbox.Request, bool) {
	list, err := l.o.Store.Refunds(orderUUID)
	if err != nil {
		return outbox.Request{}, false
	}
	if order, err := l.o.Store.ByOrder(orderUUID); err == nil && order.OrderUUID == orderUUID {
		waiting, err := l.o.Store.Waiting(order.ID) // by its requestId; which order that is they know when they are sent
		if err != nil {
			return outbox.Request{}, false
		}
		list = append(list, waiting...)
	}
	var queued outbox.Request
	for _, t := range list {
		switch {
		case t.Kind != outbox.KindRefund || t.State.Final():
		case t.State != outbox.StateQueued:
			return t, true
		default:
			queued = t
		}
	}
	return queued, queued.ID != ""
}

// cancel posts the cancel to its target and follows that, or sends it to the API for an order that is not ours.
func (controls) cancel(l *lane, r outbox.Request, _ string) {
	if t, ok := l.target(r); ok {
		l.follow(r, t.ID)
		if !t.State.Final() {
			l.lane(t.Terminal).post(t.Seq, outbox.Event{Type: outbox.CancelWanted, Reason: &outbox.Reason{Code: outbox.CodeCancelled}})
		}
		return
	}
	l.call(r, outbox.SendCancel, r.OrderUUID, func(ctx context.Context) outbox.Event {
		return l.o.Gateway.Cancel(ctx, r.OrderUUID, r.Scope == outbox.ScopeRefund)
	})
}

// resend shows an order on its terminal again, if there is one to show.
func (controls) resend(l *lane, r outbox.Request, _ string) {
	uuid := r.OrderUUID
	t, ours := l.target(r)
	if ours {
		if t.State != outbox.StateAwaitingCustomer {
			l.post(r.Seq, outbox.Event{Type: outbox.TargetSeen, Target: t.State})
			return
		}
		uuid = t.OrderUUID
	}
	l.call(r, outbox.SendResend, uuid, func(ctx context.Context) outbox.Event {
		e := l.o.Gateway.Resend(ctx, uuid)
		l.countBusyAnswer(e)
		// The documents have no refusal for an order that has ended. Of ours we know it.
		if e.Type == outbox.Ambiguous && !ours {
			if s := l.o.Gateway.Status(ctx, uuid, false); s.Type == outbox.StatusSeen && s.Status != outbox.StatusPending {
				return outbox.Event{Type: outbox.Refused, Reason: &outbox.Reason{Code: s.Status.String(), Message: "the order is " + s.Status.String()}}
			}
		}
		return e
	})
}

// query asks the API how an order stands. The answer is also handed to the request of ours that it is about.
func (controls) query(l *lane, r outbox.Request, _ string) {
	t, ours := l.target(r)
	uuid, refund := r.OrderUUID, r.Scope == outbox.ScopeRefund
	if ours {
		l.lane(t.Terminal).post(t.Seq, outbox.Event{Type: outbox.CheckWanted})
		if t.OrderUUID == "" || r.Target != "" && r.Scope == 0 && t.Kind != outbox.KindOrder && !t.Spends() {
			l.post(r.Seq, outbox.Event{Type: outbox.TargetSeen, Target: t.State})
			return
		}
		uuid = t.OrderUUID
		if r.Scope == 0 {
			refund = t.Kind != outbox.KindOrder
		}
	}
	l.call(r, outbox.Query, uuid, func(ctx context.Context) outbox.Event {
		e := l.o.Gateway.Status(ctx, uuid, refund)
		if e.Type == outbox.Ambiguous && e.Reason != nil && e.Reason.HTTPStatus == 404 && e.Reason.Code != outbox.WaitAPIError {
			e.Type = outbox.Refused // the API itself does not know the order: that is the answer
		}
		return e
	})
}
