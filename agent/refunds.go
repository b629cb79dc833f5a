package agent

import (
	"context"
	"slices"
	"time"

	"tillpost/api"
	"tillpost/outbox"
)

const (
	// booksTries is how often details that fail are asked for before a refund goes on without them.
	booksTries = 3
	// confirmAfter is how many answers of a refund's end in a row are not believed yet where it proves little.
	confirmAfter = 3
)

// look is what was read of an order's books before an attempt; retry says that it has to be read again first.
type look struct {
	books outbox.Books
	retry time.Duration
	code  string
}

// prepareRefund brings a refund at the head of its lane to its Due: its order has ended, or it parks; its books are
// read. false: it is not ready yet.
func (l *lane) prepareRefund(r outbox.Request) bool {
	uuid, wait := l.refundOrder(r)
	if wait {
		l.apply(r.Seq, outbox.Event{Type: outbox.Due}) // the order has not ended paid: it parks, or ends
		return false
	}
	if _, ok := l.books[r.Seq]; ok {
		return true
	}
	l.readBooks(r, uuid, func(k look) {
		if k.retry > 0 {
			l.waits(r, k.code, k.retry)
			l.wakeAt(r.Seq, outbox.TimerRetry, k.retry, false)
			return
		}
		l.books[r.Seq] = k.books
		l.moved = true
	})
	return false
}

// refundOrder is the order that a refund pays back; wait is true while that is an order of ours that is not paid.
func (l *lane) refundOrder(r outbox.Request) (uuid string, wait bool) {
	var order outbox.Request
	var err error
	if r.OrderUUID != "" {
		order, err = l.store.ByOrder(r.OrderUUID)
	} else {
		order, err = l.store.Lookup(r.Target)
	}
	if err != nil {
		return r.OrderUUID, r.OrderUUID == ""
	}
	if r.OrderUUID != "" {
		// A further order is paid by itself, however its request ended.
		return r.OrderUUID, order.State != outbox.StatePaid && !slices.Contains(order.FurtherPaid, r.OrderUUID)
	}
	return order.OrderUUID, order.State != outbox.StatePaid
}

// readBooks reads order details and refund status beside the lane, one look at a time for each request. done is not
// called where the request has moved on meanwhile.
func (l *lane) readBooks(r outbox.Request, uuid string, done func(look)) {
	l.look(callKey{seq: r.Seq, effect: outbox.Search}, uuid, func(k look) {
		now, err := l.store.Get(r.Seq)
		if err != nil || now.Entered != r.Entered {
			return // no longer what was asked about
		}
		// Before a repeat there is no going on without them.
		if k.retry > 0 && k.code == outbox.WaitAPIError && now.Busy == 0 {
			l.tries[r.Seq]++
			if l.tries[r.Seq] >= booksTries {
				k.retry = 0
			}
		}
		if k.retry == 0 {
			delete(l.tries, r.Seq)
		}
		if k.books.Readable && k.books.Status == outbox.StatusRefunded {
			delete(l.ends, r.Seq) // where the books can be read, they say of which refund that is told
		}
		done(k)
	})
}

// look reads an order's books, unless the look of that name is under way: that one's done serves then.
func (l *lane) look(key callKey, uuid string, done func(look)) {
	if l.calls[key] {
		return
	}
	l.calls[key] = true
	l.background(func(ctx context.Context) {
		k := l.lookAt(ctx, uuid)
		l.do(func() {
			l.callEnded(key)
			done(k)
		})
	})
}

// expireUnread sees to a request whose time to live is over and which may have been carried out all the same: a refund that
// was called busy bears no mark by which it would be found later, so its books are read first. false: it is none of these.
func (l *lane) expireUnread(seq uint64) bool {
	r, err := l.store.Get(seq)
	if err != nil || r.State != outbox.StateQueued || r.Busy == 0 || r.Refund == nil {
		return false
	}
	l.look(callKey{seq: seq, effect: outbox.Query}, r.OrderUUID, func(k look) {
		if now, err := l.store.Get(seq); err == nil && now.Entered == r.Entered { // else another attempt has its own end
			l.apply(seq, outbox.Event{Type: outbox.Expired, Books: k.books})
		}
	})
	return true
}

const booksAgain = 2 * time.Second

// lookAt reads an order's books. What the API does not let us read is simply not known.
func (l *lane) lookAt(ctx context.Context, uuid string) look {
	var k look
	if !l.details.banned() {
		details, reply := l.api.OrderDetails(ctx, uuid)
		switch {
		case reply.Outcome == api.OutcomeAccepted:
			k.books = booksOf(details)
		case forbids(reply), missing(reply):
			l.details.ban()
		case reply.Outcome == api.OutcomeNotFound, reply.Outcome == api.OutcomeRefused:
		default:
			return look{retry: max(reply.RetryAfter, booksAgain), code: waitingCode(reply)}
		}
	}
	status, reply := l.api.RefundStatus(ctx, uuid)
	switch reply.Outcome {
	case api.OutcomeAccepted:
		k.books.Status, k.books.StatusRead = refundSeen(status.State), true
	case api.OutcomeNotFound:
		k.books.StatusRead = true // nothing was ever refunded
	case api.OutcomeUnavailable, api.OutcomeUnauthorized, api.OutcomeRateLimited:
		return look{retry: max(reply.RetryAfter, booksAgain), code: waitingCode(reply)}
	}
	return k
}

func waitingCode(reply api.Reply) string {
	switch reply.Outcome {
	case api.OutcomeUnavailable:
		return outbox.WaitAPIUnreachable
	case api.OutcomeUnauthorized:
		return outbox.WaitUnauthorized
	case api.OutcomeRateLimited:
		return outbox.WaitRateLimited
	default:
		return outbox.WaitAPIError
	}
}

func booksOf(d api.OrderDetails) outbox.Books {
	b := outbox.Books{Detailed: true, Readable: d.Payment.Known}
	if ore, ok := d.Summary.GrandTotal.Minor(); ok {
		b.TotalOre = ore
	} else if ore, ok := d.Payment.Amount.Minor(); ok {
		b.TotalOre = ore
	}
	if ore, ok := d.Payment.Refunded.Minor(); ok {
		b.RefundedOre = ore
	}
	for _, e := range d.Payment.Refunds {
		ore, ok := e.Amount.Minor()
		b.Readable = b.Readable && ok
		b.Entries = append(b.Entries, outbox.BookEntry{Ore: ore, Done: e.IsRefunded})
	}
	for _, p := range d.Products {
		ore, _ := p.Amount.MinorUp() // what is paid back has no fractions; the API judges the last one
		b.Products = append(b.Products, outbox.BookProduct{ID: p.ID, ProductID: p.ProductID, Ore: ore})
	}
	return b
}

// submitRefund makes the one call that pays back, or that asks for the approval to.
func (l *lane) submitRefund(r outbox.Request) {
	conn := l.conn
	l.conn = nil
	delete(l.ends, r.Seq)
	body, err := refundBody(r)
	if err != nil {
		l.post(r.Seq, outbox.Event{Type: outbox.Refused, Reason: &outbox.Reason{Code: outbox.CodeInvalidRequest, Message: "the refund can't be forwarded: " + err.Error()}})
		return
	}
	approving := r.Kind == outbox.KindApproval || r.Refund.Approving
	l.call(r, outbox.Submit, "", func(ctx context.Context) outbox.Event {
		var final bool
		var reply api.Reply
		if approving {
			reply = l.api.RequestApproval(ctx, conn, r.OrderUUID, body)
		} else {
			final, reply = l.api.Refund(ctx, conn, r.OrderUUID, body)
		}
		if reply.Outcome == api.OutcomeBusy {
			l.metrics.TerminalBusy(l.terminal)
		}
		e := l.eventOf(ctx, reply)
		if reply.Outcome == api.OutcomeAccepted {
			e.Type, e.Final = outbox.Accepted, final
		}
		return e
	})
}

// queryRefund asks how a refund stands. The status is the order's: where it tells that one was turned down, the books tell
// whether another one was carried out.
func (l *lane) queryRefund(r outbox.Request) {
	l.call(r, outbox.Query, r.OrderUUID, func(ctx context.Context) outbox.Event {
		e := l.statusEvent(ctx, r.OrderUUID, true)
		if e.Type == outbox.StatusSeen && e.Status == outbox.StatusRefundDenied {
			e.Books = l.lookAt(ctx, r.OrderUUID).books
		}
		return e
	})
}

// confirm counts answers in a row that tell of a refund's end, on the lane's goroutine. The API's status is the order's,
// so the state machine asks of one that stood before this refund began that it is told several times over, or that
// something else was told in between. Of what waits for a person it proves nothing however often it is told.
func (l *lane) confirm(r outbox.Request, e *outbox.Event) {
	if e.Type != outbox.StatusSeen || r.Kind != outbox.KindRefund {
		return
	}
	if e.Status == outbox.StatusRefundPending {
		l.ends[r.Seq] = confirmAfter
		return
	}
	if l.ends[r.Seq] < confirmAfter && r.State == outbox.StateAwaitingApproval {
		return
	}
	l.ends[r.Seq]++
	e.Confirmed = l.ends[r.Seq] > confirmAfter
}

// searchRefund looks into a refund in doubt: only the books can tell.
func (l *lane) searchRefund(r outbox.Request) {
	l.readBooks(r, r.OrderUUID, func(k look) {
		if k.retry > 0 {
			l.apply(r.Seq, outbox.Event{Type: outbox.Unavailable, RetryAfter: k.retry})
			return
		}
		l.apply(r.Seq, outbox.Event{Type: outbox.BooksSeen, Books: k.books})
	})
}
