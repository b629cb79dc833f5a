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
	// booked and told are when the history and the status show it, bookedEnd and toldEnd when they show its end.
	booked, told, bookedEnd, toldEnd time.Duration
}

// refundAPI is an order's money as the API has it. It refuses nothing for exceeding the order: that is ours to know.
type refundAPI struct {
	refunds  []*apiRefund
	ends     int
	details  bool          // order details can be read
	statuses bool          // the refund status can be read
	lasting  bool          // the refund status is that of the refund that ended last
	keeps    bool          // the history keeps what was turned down
	lag      time.Duration // how long the history and, where there is one, the status may take to show anything
	hides    bool          // a busy answer may hide a refund
	useless  bool          // the API says nothing that helps
}

// lagging is a moment at which the API shows what happens now. Where the status is all that can be read, it does not lag: what
// our own refunds did to it before could not be told from what the next one does.
func (w *refundWorld) lagging(what string) time.Duration {
	if !w.api.details {
		return w.uptime
	}
	return w.uptime + w.api.lag*time.Duration(w.pick.choose(what, 3))/2
}

func (w *refundWorld) enter(by *refundActor, ore int64, approval bool) *apiRefund {
	r := &apiRefund{by: by, ore: ore, approval: approval, status: StatusRefundPending, booked: w.lagging("booked"), told: w.lagging("told")}
	w.api.refunds = append(w.api.refunds, r)
	return r
}

// finish is what the customer or the approver decides.
func (w *refundWorld) finish(r *apiRefund, s OrderStatus) {
	w.api.ends++
	r.status, r.ended = s, w.api.ends
	r.bookedEnd, r.toldEnd = max(w.lagging("booked end"), r.booked), max(w.lagging("told end"), r.told)
}

// stateAt is the state of a refund that is shown.
func (r *apiRefund) stateAt(end, now time.Duration) OrderStatus {
	if r.ended == 0 || now < end {
		return StatusRefundPending
	}
	return r.status
}

// status is that of the refund asked for last, or of the one that ended last, as far as it is shown yet.
func (a *refundAPI) status(now time.Duration) OrderStatus {
	var last, ended *apiRefund
	for _, r := range a.refunds {
		if now < r.told {
			continue
		}
		last = r
		if r.ended > 0 && now >= r.toldEnd && (ended == nil || ended.ended < r.ended) {
			ended = r
		}
	}
	switch {
	case last == nil:
		return StatusRefundNone
	case a.lasting && ended != nil:
		return ended.status
	}
	return last.stateAt(last.toldEnd, now)
}

// statement is what a reading shows.
func (a *refundAPI) statement(now time.Duration) Statement {
	b := Statement{}
	if a.statuses {
		b.Status, b.StatusRead = a.status(now), true
	}
	if !a.details {
		b.NotOurs = true
		return b
	}
	b.Readable, b.Detailed, b.TotalMinor = true, true, 10000
	b.Products = []StatementProduct{{12, "A", 6000}, {13, "B", 4000}}
	for _, r := range a.refunds {
		s := r.stateAt(r.bookedEnd, now)
		if now >= r.booked && (s != StatusRefundDenied || a.keeps) {
			b.Entries = append(b.Entries, StatementEntry{Minor: r.ore, Done: s == StatusRefunded})
		}
	}
	b.RefundedMinor = b.refunded()
	return b
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
	if !approval && a.r.Refund.Ask != "" && w.chance("over a threshold", 2) {
		return evThreshold
	}
	enter := func() *apiRefund { return w.enter(a, a.r.AmountMinor, approval) }
	what := w.pick.choose("submit", 10)
	if approval && w.chance("handed in", 2) {
		what = 0
	}
	if w.busier && w.chance("busy", 2) {
		what = 4
	}
	switch what {
	case 0, 1, 2:
		enter()
		return evTaken
	case 3:
		if !approval && a.r.Refund.Reversal {
			w.finish(enter(), StatusRefunded)
			return Event{Type: Accepted, Final: true}
		}
		enter()
		return evTaken
	case 4:
		if w.api.hides && w.chance("hidden", 2) {
			enter()
		}
		return Event{Type: Busy}
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

// readStatement reads the statement; the details may be unreadable for once, or all.
func (w *refundWorld) readStatement() Event {
	if w.chance("look fails", 4) {
		return w.failure()
	}
	b := w.api.statement(w.uptime)
	if b.Readable && w.chance("details unreadable", 12) {
		b = Statement{Status: b.Status, StatusRead: b.StatusRead}
	}
	if b.StatusRead && w.chance("status unreadable", 12) {
		b.Status, b.StatusRead = StatusPending, false
	}
	return Event{Type: StatementSeen, Statement: b}
}

// cancel calls off what is on the terminal.
func (w *refundWorld) cancel() Event {
	if w.chance("cancel fails", 3) {
		return w.failure()
	}
	for _, r := range slices.Backward(w.api.refunds) {
		if !r.approval && r.status == StatusRefundPending && !w.api.useless {
			w.finish(r, StatusRefundDenied)
			return Event{Type: Done}
		}
	}
	return w.oneOf(Event{Type: Done}, Event{Type: Refused, Reason: apiRefused})
}
