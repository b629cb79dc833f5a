package outbox

import (
	"testing"
	"time"
)

// stepRefund is a refund of 42.00 of an order of 100.00.
func stepRefund() Request {
	r := NewRequest(Request{
		ID: "till-2", Kind: KindRefund, Terminal: "TRML1", Body: []byte(`{"refund":{}}`), AmountOre: 4200, Currency: "NOK", TTL: 24 * time.Hour,
		OrderUUID: "order1", Refund: &Refund{Lines: []RefundLine{{ID: 12, Ore: 4200}}},
	}, stepStart)
	r.Seq = 2
	return r
}

func stepApproval() Request {
	r := stepRefund()
	r.Kind = KindApproval
	return r
}

// stepBooks are the books of an order of 100.00, of which the refunds named were made.
func stepBooks(status OrderStatus, entries ...BookEntry) Books {
	b := Books{
		Readable: true, Detailed: true, TotalOre: 10000, Status: status, StatusRead: true, Entries: entries,
		Products: []BookProduct{{12, "A", 6000}, {13, "B", 4000}},
	}
	b.RefundedOre = b.refunded()
	return b
}

var (
	ore42Done    = BookEntry{Ore: 4200, Done: true}
	ore42Pending = BookEntry{Ore: 4200}
	ore10Done    = BookEntry{Ore: 1000, Done: true}

	booksClear  = stepBooks(StatusRefundNone)
	booksBlind  = Books{}
	ledgerOrder = LedgerOrder{State: StatePaid, OrderUUID: "order1", AmountOre: 10000}

	overAmount = &Reason{Code: CodeAmountThreshold, HTTPStatus: 400}
	alreadySub = &Reason{Code: CodeAlreadySubmitted, HTTPStatus: 400}

	evRefundDue  = Event{Type: Due, Mark: "mark1", Search: SearchClear, Books: booksClear, Ledger: Ledger{Order: &ledgerOrder}}
	evTaken      = Event{Type: Accepted}
	evThreshold  = Event{Type: Refused, Reason: overAmount}
	evOrderEnds  = Event{Type: TargetSeen, Target: StatePaid, Ledger: Ledger{Order: &ledgerOrder}}
	evAwaitOrder = dueBeside(Ledger{Order: &LedgerOrder{State: StateAwaitingCustomer, OrderUUID: "order1", AmountOre: 10000}})
)

// dueBeside is its turn, with a ledger of its own.
func dueBeside(l Ledger) Event {
	e := evRefundDue
	e.Ledger = l
	return e
}

// dueWithBooks is its turn, with books of its own.
func dueWithBooks(b Books, s SearchResult) Event {
	e := evRefundDue
	e.Books, e.Search = b, s
	return e
}

func evRefund(s OrderStatus) Event { return Event{Type: StatusSeen, OrderUUID: "order1", Status: s} }

// refundCases lists a refund in every state that it can be in, by the ways that matter.
func refundCases(t testing.TB) []caseRequest {
	asks := stepRefund()
	asks.Refund.Ask = "the customer is waiting"
	full := stepRefund()
	full.AmountOre, full.Refund = 0, &Refund{Full: true}
	named := stepRefund()
	named.OrderUUID, named.Target = "", "till-1"
	from := func(events ...Event) Request { return journey(t, stepRefund(), events...) }
	approving := []Event{evRefundDue, evThreshold, evRefundDue}
	approves := func(events ...Event) Request { return journey(t, asks, append(approving[:3:3], events...)...) }
	resubmit := Event{Type: Resolved, Resolution: Resubmit, Search: SearchClear, Books: booksClear, By: "Kari", At: stepStart.Add(4 * time.Minute)}
	secondTime := dueWithBooks(stepBooks(StatusRefunded, ore10Done), SearchClear)
	return []caseRequest{
		{"", from()},
		{"all that is left", full},
		{"by the order's requestId", named},
		{"beside its lane", journey(t, named, evAwaitOrder)},
		{"after a busy answer", from(evRefundDue, evBusy)},
		{"after a busy answer, cancel wanted", from(evRefundDue, evBusy, evWish)},
		{"over a threshold", journey(t, asks, evRefundDue, evThreshold)},
		{"resubmitted", from(evRefundDue, evAmbiguous, resubmit)},
		{"", from(evRefundDue)},
		{"asks for an approval if it must", journey(t, asks, evRefundDue)},
		{"cancel wanted", from(evRefundDue, evWish)},
		{"approval asked for", approves()},
		{"approval asked for after a doubt", approves(evAmbiguous, resubmit, evRefundDue)},
		{"", from(evRefundDue, evAmbiguous)},
		{"cancel wanted", from(evRefundDue, evAmbiguous, evWish)},
		{"staff called", from(evRefundDue, evAmbiguous, evCheck)},
		{"approval asked for", approves(evAmbiguous)},
		{"restored, never sent", AfterRestore(named, stepStart.Add(time.Hour))},
		{"", from(evRefundDue, evTaken)},
		{"after an earlier refund", from(secondTime, evTaken)},
		{"", approves(evTaken)},
		{"", from(evRefundDue, evTaken, evWish)},
		{"customer timeout", from(evRefundDue, evTaken, Event{Type: CustomerTimeout})},
		{"", from(evRefundDue, Event{Type: Accepted, Final: true})},
		{"", from(evRefundDue, evTaken, evRefund(StatusRefundDenied))},
		{"never sent", from(evWish)},
		{"", from(evRefundDue, evTaken, evWish, evRefund(StatusRefundDenied))},
		{"", from(evRefundDue, Event{Type: Refused, Reason: apiRefused})},
		{"abandoned", from(evRefundDue, evAmbiguous, Event{Type: Resolved, Resolution: Abandon, By: "Kari"})},
		{"", from(Event{Type: Expired, At: stepStart.Add(24 * time.Hour)})},
		{"", from(evRefundDue, evAmbiguous, evHold)},
		{"cancel wanted", from(evRefundDue, evAmbiguous, evWish, evHold)},
		{"approval asked for", approves(evAmbiguous, evHold)},
	}
}

func approvalCases(t testing.TB) []caseRequest {
	from := func(events ...Event) Request { return journey(t, stepApproval(), events...) }
	resubmit := Event{Type: Resolved, Resolution: Resubmit, Search: SearchClear, Books: booksClear, By: "Kari", At: stepStart.Add(4 * time.Minute)}
	return []caseRequest{
		{"", from()},
		{"after a busy answer", from(evRefundDue, evBusy)},
		{"resubmitted", from(evRefundDue, evAmbiguous, resubmit)},
		{"", from(evRefundDue)},
		{"after a busy answer", from(evRefundDue, evBusy, evRefundDue)},
		{"resubmitted", from(evRefundDue, evAmbiguous, resubmit, evRefundDue)},
		{"", from(evRefundDue, evAmbiguous)},
		{"", from(evRefundDue, evTaken)},
		{"", from(evRefundDue, Event{Type: Refused, Reason: apiRefused})},
		{"", from(Event{Type: Expired, At: stepStart.Add(24 * time.Hour)})},
		{"", from(evRefundDue, evAmbiguous, evHold)},
	}
}

// refundEvents lists every event, by the contents that matter to refunds and approvals.
func refundEvents() []caseEvent {
	busyIsDoubt := func(e *Event, _ Request) { e.Policy.BusyMeans = BusyDoubt }
	beside := func(l Ledger) Event { l.Order = &ledgerOrder; return dueBeside(l) }
	all := append([]caseEvent{
		{"", evRefundDue, nil},
		{"books not read", dueWithBooks(booksBlind, SearchNone), nil},
		{"books not allowed", dueWithBooks(booksBlind, SearchForbidden), nil},
		{"books not allowed, busy means doubt", dueWithBooks(booksBlind, SearchForbidden), busyIsDoubt},
		{"books show the amount", dueWithBooks(stepBooks(StatusRefunded, ore42Done), SearchClear), nil},
		{"books show another amount", dueWithBooks(stepBooks(StatusRefunded, ore10Done), SearchClear), nil},
		{"order not ended", evAwaitOrder, nil},
		{"order cancelled", dueBeside(Ledger{Order: &LedgerOrder{State: StateCancelled, OrderUUID: "order1"}}), nil},
		{"order not ours, or not on record", dueBeside(Ledger{}), nil},
		{"another refund under way", beside(Ledger{UnderWay: true, SpentOre: 100}), nil},
		{"another refund in doubt", beside(Ledger{Doubtful: true, SpentOre: 100}), nil},
		{"less is left", beside(Ledger{SpentOre: 5801}), nil},
		{"nothing is left", beside(Ledger{SpentOre: 10000}), nil},
		{"less is left of the product", beside(Ledger{SpentOre: 1801, Lines: map[int64]int64{12: 1801}}), nil},
	}, ageEvents(evRefundDue)...)
	all = append(all,
		caseEvent{"", evTaken, nil},
		caseEvent{"already the end", Event{Type: Accepted, Final: true}, nil},
	)
	for _, e := range []EventType{Done, Busy, Unavailable, Unauthorized} {
		all = append(all, caseEvent{"", Event{Type: e}, nil})
	}
	all = append(all,
		caseEvent{"after 40 s", Event{Type: RateLimited, RetryAfter: 40 * time.Second}, nil},
		caseEvent{"", Event{Type: Refused, Reason: apiRefused}, nil},
		caseEvent{"over a threshold", evThreshold, nil},
		caseEvent{"already submitted", Event{Type: Refused, Reason: alreadySub}, nil},
		caseEvent{"", evAmbiguous, nil},
		caseEvent{"none", evRefund(StatusRefundNone), nil},
		caseEvent{"pending", evRefund(StatusRefundPending), nil},
		caseEvent{"of another order", Event{Type: StatusSeen, OrderUUID: "order2", Status: StatusRefunded}, nil},
	)
	for _, s := range []OrderStatus{StatusRefunded, StatusRefundDenied} {
		confirmed, shared := evRefund(s), evRefund(s)
		confirmed.Confirmed, shared.Confirmed = true, true
		shared.Ledger = Ledger{MayRefund: true, MayDeny: true}
		all = append(all, caseEvent{s.String(), evRefund(s), nil}, caseEvent{s.String() + ", confirmed", confirmed, nil},
			caseEvent{s.String() + ", perhaps by another refund", shared, nil})
	}
	besides := evRefund(StatusRefundDenied)
	besides.Confirmed, besides.Books = true, stepBooks(StatusRefundDenied, ore42Done)
	all = append(all, caseEvent{"turned down, but books show the amount", besides, nil})
	all = append(all, resolvedEvents()...)
	for _, e := range []EventType{Found, NotFound, ResendWanted, CheckWanted, CustomerTimeout, Restarted} {
		all = append(all, caseEvent{"", Event{Type: e}, nil})
	}
	return append(append(all, ageEvents(Event{Type: Expired})...),
		caseEvent{"too early", Event{Type: Expired}, nil},
		caseEvent{"", Event{Type: CallbackSeen, OrderUUID: "order1"}, nil},
		caseEvent{"", evWish, nil},
		caseEvent{"check", evCheck, nil},
		caseEvent{"hold", evHold, nil},
		caseEvent{"other boot, clock unknown", Event{Type: Restarted}, otherBoot},
		caseEvent{"order has ended", Event{Type: Restarted, Ledger: Ledger{Order: &ledgerOrder}}, nil},
		caseEvent{"order has not ended", Event{Type: Restarted, Ledger: evAwaitOrder.Ledger}, nil},
		caseEvent{"no change", Event{Type: BooksSeen, Books: booksClear}, nil},
		caseEvent{"not readable", Event{Type: BooksSeen}, nil},
		caseEvent{"the amount is done", Event{Type: BooksSeen, Books: stepBooks(StatusRefunded, ore42Done)}, nil},
		caseEvent{"the amount is done, perhaps by another refund", Event{Type: BooksSeen, Books: stepBooks(StatusRefunded, ore42Done), Ledger: Ledger{Twin: true}}, nil},
		caseEvent{"the amount is under way", Event{Type: BooksSeen, Books: stepBooks(StatusRefundPending, ore42Pending)}, nil},
		caseEvent{"another amount is done", Event{Type: BooksSeen, Books: stepBooks(StatusRefunded, ore10Done)}, nil},
		caseEvent{"order has ended", evOrderEnds, nil},
		caseEvent{"order has not ended", Event{Type: TargetSeen, Target: StateAwaitingCustomer, Ledger: evAwaitOrder.Ledger}, nil},
	)
}

func otherBoot(e *Event, r Request) {
	e.At = r.Entered.Add(time.Hour)
	e.At.Boot, e.At.Known = "boot-2", false
}

// ageEvents gives an event at moments at which the time to live is over, or can't be told.
func ageEvents(e Event) []caseEvent {
	old := func(e *Event, r Request) { e.At = r.TTLFrom.Add(r.TTL) }
	return []caseEvent{
		{"too old", e, old},
		{"too old by a clock that may be wrong", e, func(e *Event, r Request) { old(e, r); e.At.Known = false }},
		{"other boot, clock unknown", e, otherBoot},
	}
}

// resolvedEvents lists a person's decisions, five minutes after the doubt began unless said otherwise.
func resolvedEvents() []caseEvent {
	later := func(e *Event, r Request) { e.At = r.Entered.Add(5 * time.Minute) }
	early := func(e *Event, r Request) {
		e.At = r.Entered
		if n := len(r.Submissions); n > 0 {
			e.At = r.Submissions[n-1].At.Add(149 * time.Second)
		}
	}
	stale := func(e *Event, r Request) { later(e, r); e.Revision = r.Revision - 1 }
	decided := func(res Resolution, set ...func(*Event)) Event {
		e := Event{Type: Resolved, Resolution: res, By: "Kari", Source: "till-9", Search: SearchClear, Books: booksClear}
		for _, f := range set {
			f(&e)
		}
		return e
	}
	return []caseEvent{
		{"adopt", decided(Adopt), later},
		{"adopt another order", decided(Adopt, func(e *Event) { e.OrderUUID = "order2" }), later},
		{"resubmit", decided(Resubmit), later},
		{"resubmit, books show the amount", decided(Resubmit, func(e *Event) { e.Books = stepBooks(StatusRefunded, ore42Done) }), later},
		{"resubmit, books show the amount under way", decided(Resubmit, func(e *Event) { e.Books = stepBooks(StatusRefundPending, ore42Pending) }), later},
		{"resubmit, books not read", decided(Resubmit, func(e *Event) { e.Books, e.Search = Books{}, SearchNone }), later},
		{"resubmit too early", decided(Resubmit), early},
		{"abandon", decided(Abandon), later},
		{"abandon another revision", decided(Abandon), stale},
	}
}
