package outbox

import (
	"slices"
	"time"
)

// apiRefund is a refund as it really is at the simulated API.
type apiRefund struct {
	by       *refundActor // nil: another till's
	ore      int64
	approval bool
	status   OrderStatus
	ended    int
}

// refundAPI is an order's money as the API has it. It refuses nothing for exceeding the order: that is ours to know.
type refundAPI struct {
	refunds  []*apiRefund
	ends     int
	details  bool // order details can be read
	statuses bool // the refund status can be read
	lags     bool // the refund status is that of the refund that ended last
	hides    bool // a busy answer may hide a refund
	useless  bool // the API says nothing that helps
}

func (a *refundAPI) enter(by *refundActor, ore int64, approval bool) *apiRefund {
	r := &apiRefund{by: by, ore: ore, approval: approval, status: StatusRefundPending}
	a.refunds = append(a.refunds, r)
	return r
}

// end is what the customer or the approver decides.
func (a *refundAPI) end(r *apiRefund, s OrderStatus) {
	a.ends++
	r.status, r.ended = s, a.ends
}

// status is that of the refund asked for last, or of the one that ended last.
func (a *refundAPI) status() OrderStatus {
	if len(a.refunds) == 0 {
		return StatusRefundNone
	}
	if !a.lags || a.ends == 0 {
		return a.refunds[len(a.refunds)-1].status
	}
	return slices.MaxFunc(a.refunds, func(x, y *apiRefund) int { return x.ended - y.ended }).status
}

// books is what a look shows.
func (a *refundAPI) books() (Books, SearchResult) {
	b := Books{}
	if a.statuses {
		b.Status, b.StatusRead = a.status(), true
	}
	if !a.details {
		return b, SearchForbidden
	}
	b.Readable, b.Detailed, b.TotalOre = true, true, 10000
	b.Products = []BookProduct{{12, "A", 6000}, {13, "B", 4000}}
	for _, r := range a.refunds {
		if r.status != StatusRefundDenied {
			b.Entries = append(b.Entries, BookEntry{Ore: r.ore, Done: r.status == StatusRefunded})
		}
	}
	b.RefundedOre = b.refunded()
	return b, SearchClear
}

// made lists what came to exist for a request.
func (a *refundAPI) made(by *refundActor) []*apiRefund {
	var list []*apiRefund
	for _, r := range a.refunds {
		if r.by == by {
			list = append(list, r)
		}
	}
	return list
}

func (w *refundWorld) oneOf(events ...Event) Event {
	return events[w.pick.choose("answer", len(events))]
}

func (w *refundWorld) failure() Event {
	return w.oneOf(Event{Type: Unavailable, RetryAfter: 2 * time.Second}, Event{Type: RateLimited, RetryAfter: 10 * time.Second},
		Event{Type: Unauthorized, RetryAfter: 10 * time.Second}, evAmbiguous)
}

// submit is the call that refunds, or asks for an approval.
func (w *refundWorld) submit(a *refundActor) Event {
	approval := a.r.Kind == KindApproval || a.r.Refund.Approving
	pending := func(r *apiRefund) bool { return r.approval && r.status == StatusRefundPending }
	if approval && slices.ContainsFunc(w.api.refunds, pending) {
		return Event{Type: Refused, Reason: alreadySub}
	}
	enter := func() *apiRefund { return w.api.enter(a, a.r.AmountOre, approval) }
	switch w.pick.choose("submit", 10) {
	case 0, 1, 2:
		enter()
		return evTaken
	case 3:
		if !approval && a.r.Refund.Reversal {
			w.api.end(enter(), StatusRefunded)
			return Event{Type: Accepted, Final: true}
		}
		enter()
		return evTaken
	case 4:
		if w.api.hides && w.chance("hidden", 2) {
			enter()
		}
		return evBusy
	case 5, 6:
		if w.chance("made", 2) {
			enter()
		}
		return evAmbiguous
	case 7:
		if !approval {
			return evThreshold
		}
		return Event{Type: Refused, Reason: apiRefused}
	case 8:
		return Event{Type: Refused, Reason: apiRefused}
	default:
		e := w.failure()
		if e.Type == Ambiguous && w.chance("made", 2) {
			enter()
		}
		return e
	}
}

// query asks for the refund status. An end counts as confirmed when it was told three times in a row, or something else
// since the submission.
func (w *refundWorld) query(a *refundActor) Event {
	if w.chance("query fails", 4) || !w.api.statuses {
		return w.failure()
	}
	s := w.api.status()
	if s == a.told {
		a.times++
	} else {
		a.told, a.times = s, 1
	}
	if s != StatusRefunded && s != StatusRefundDenied {
		a.other = true
	}
	return Event{Type: StatusSeen, OrderUUID: "order1", Status: s, Confirmed: a.other || a.times >= 3 && !w.api.lags}
}

func (w *refundWorld) look() Event {
	if w.chance("look fails", 4) {
		return w.failure()
	}
	b, _ := w.api.books()
	return Event{Type: BooksSeen, Books: b}
}

// cancel calls off what is on the terminal.
func (w *refundWorld) cancel() Event {
	if w.chance("cancel fails", 3) {
		return w.failure()
	}
	for _, r := range slices.Backward(w.api.refunds) {
		if !r.approval && r.status == StatusRefundPending && !w.api.useless {
			w.api.end(r, StatusRefundDenied)
			return Event{Type: Done}
		}
	}
	return w.oneOf(Event{Type: Done}, Event{Type: Refused, Reason: apiRefused})
}
