package outbox

import (
	"testing"
	"time"
)

// stepRefund is a refund of 42.00 of an order of 100.00.
func stepRefund() Request {
	r := NewRequest(Request{
		ID: "till-2", Kind: KindRefund, Terminal: "TRML1", Body: []byte(`{"refund":{}}`), AmountMinor: 4200, Currency: "NOK", TTL: 24 * time.Hour,
		OrderUUID: "order1", Refund: &Refund{Lines: []RefundLine{{ID: 12, Minor: 4200}}},
	}, stepStart)
	r.Seq = 2
	return r
}

func stepApproval() Request {
	r := stepRefund()
	r.Kind = KindApproval
	return r
}

// stepStatement is the statement of an order of 100.00, of which the refunds named were made.
func stepStatement(status OrderStatus, entries ...StatementEntry) Statement {
	b := Statement{
		Readable: true, Detailed: true, TotalMinor: 10000, Status: status, StatusRead: true, Entries: entries,
		Products: []StatementProduct{{12, "A", 6000}, {13, "B", 4000}},
	}
	b.RefundedMinor = b.refunded()
	return b
}

var (
	ore42Done    = StatementEntry{Minor: 4200, Done: true}
	ore42Pending = StatementEntry{Minor: 4200}
	ore10Done    = StatementEntry{Minor: 1000, Done: true}

	statementClear  = stepStatement(StatusRefundNone)
	statementBlind  = Statement{NotOurs: true}
	statementUnread = Statement{}
	ledgerOrder     = LedgerOrder{State: StatePaid, OrderUUID: "order1", AmountMinor: 10000}

	overAmount = &Reason{Code: CodeAmountThreshold, HTTPStatus: 400}
	alreadySub = &Reason{Code: CodeAlreadySubmitted, HTTPStatus: 400}

	evRefundDue  = Event{Type: Due, Mark: "mark1", Statement: statementClear, StatementLag: stepLag, Ledger: Ledger{Order: &ledgerOrder}}
	evTaken      = Event{Type: Accepted}
	evThreshold  = Event{Type: Refused, Reason: overAmount}
	evOrderEnds  = Event{Type: TargetSeen, Target: StatePaid, Ledger: Ledger{Order: &ledgerOrder}}
	evAwaitOrder = dueBeside(Ledger{Order: &LedgerOrder{State: StateAwaitingCustomer, OrderUUID: "order1", AmountMinor: 10000}})
)

// dueBeside is its turn, with a ledger of its own.
func dueBeside(l Ledger) Event {
	e := evRefundDue
	e.Ledger = l
	return e
}

// dueWithStatement is its turn, with a statement of its own.
func dueWithStatement(b Statement) Event {
	e := evRefundDue
	e.Statement = b
	return e
}

// evStatementSeen brings a statement: what the order's refund status says, and the refunds that the history shows.
func evStatementSeen(s OrderStatus, entries ...StatementEntry) Event {
	return Event{Type: StatementSeen, Statement: stepStatement(s, entries...), StatementLag: stepLag}
}

// evStatementNotOurs brings one where the status is all that is ours to read.
func evStatementNotOurs(s OrderStatus) Event {
	return Event{Type: StatementSeen, Statement: Statement{NotOurs: true, Status: s, StatusRead: true}, StatementLag: stepLag}
}

// refundCases lists a refund in every state that it can be in, by the ways that matter.
func refundCases(t testing.TB) []caseRequest {
	asks := stepRefund()
	asks.Refund.Ask = "the customer is waiting"
	full := stepRefund()
	full.AmountMinor, full.Refund = 0, &Refund{Full: true}
	named := stepRefund()
	named.OrderUUID, named.Target = "", "till-1"
	from := func(events ...Event) Request { return journey(t, stepRefund(), events...) }
	approving := []Event{evRefundDue, evThreshold, evRefundDue}
	approves := func(events ...Event) Request { return journey(t, asks, append(approving[:3:3], events...)...) }
	resubmit := Event{Type: Resolved, Resolution: Resubmit, Search: SearchClear, Statement: statementClear, By: "Kari", At: stepStart.Add(4 * time.Minute)}
	secondTime := dueWithStatement(stepStatement(StatusRefunded, ore10Done))
	deniedTime := dueWithStatement(stepStatement(StatusRefundDenied, ore42Pending))
	blind := dueWithStatement(Statement{NotOurs: true, Status: StatusRefundNone, StatusRead: true})
	repeated := []Event{evRefundDue, evBusy, evRefundDue}
	with := func(events []Event, more ...Event) Request {
		return from(append(events[:len(events):len(events)], more...)...)
	}
	return append(movableCases(t, stepRefund(), evRefundDue), []caseRequest{
		{"", from()},
		{"all that is left", full},
		{"by the order's requestId", named},
		{"beside its lane", journey(t, named, evAwaitOrder)},
		{"books unread, beside its lane", from(evAmbiguous)},
		{"after a busy answer", from(evRefundDue, evBusy)},
		{"after a busy answer, books not ours", from(blind, evBusy)},
		{"after a busy answer, cancel wanted", from(evRefundDue, evBusy, evWish)},
		{"over a threshold after a busy answer", journey(t, asks, evRefundDue, evBusy, evRefundDue, evThreshold)},
		{"over a threshold", journey(t, asks, evRefundDue, evThreshold)},
		{"resubmitted", from(evRefundDue, evAmbiguous, resubmit)},
		{"", from(evRefundDue)},
		{"asks for an approval if it must", journey(t, asks, evRefundDue)},
		{"cancel wanted", from(evRefundDue, evWish)},
		{"after a busy answer", with(repeated)},
		{"approval asked for", approves()},
		{"approval asked for after a doubt", approves(evAmbiguous, resubmit, evRefundDue)},
		{"", from(evRefundDue, evAmbiguous)},
		{"cancel wanted", from(evRefundDue, evAmbiguous, evWish)},
		{"staff called", from(evRefundDue, evAmbiguous, evCheck)},
		{"approval asked for", approves(evAmbiguous)},
		{"refused after a busy answer", with(repeated, evRefused)},
		{"restored, never sent", AfterRestore(named, stepStart.Add(time.Hour))},
		{"", from(evRefundDue, evTaken)},
		{"after an earlier refund", from(secondTime, evTaken)},
		{"after one that was turned down", from(deniedTime, evTaken)},
		{"after one that was turned down, seen under way", from(deniedTime, evTaken, evStatementSeen(StatusRefundPending, ore42Pending, ore42Pending))},
		{"books not ours", from(blind, evTaken)},
		{"", approves(evTaken)},
		{"", from(evRefundDue, evTaken, evWish)},
		{"customer timeout", from(evRefundDue, evTaken, Event{Type: CustomerTimeout})},
		{"", from(evRefundDue, Event{Type: Accepted, Final: true})},
		{"", from(evRefundDue, evTaken, evStatementSeen(StatusRefundDenied))},
		{"never sent", from(evWish)},
		{"", from(evRefundDue, evTaken, evWish, evStatementSeen(StatusRefundDenied))},
		{"", from(evRefundDue, evRefused)},
		{"after a busy answer", with(repeated, evRefused, evStatementSeen(StatusRefundNone))},
		{"abandoned", from(evRefundDue, evAmbiguous, Event{Type: Resolved, Resolution: Abandon, By: "Kari"})},
		{"", from(Event{Type: Expired, At: stepStart.Add(24 * time.Hour)})},
		{"after a busy answer", from(evRefundDue, evBusy, Event{Type: Expired, Statement: statementClear, StatementLag: stepLag, At: stepStart.Add(24 * time.Hour)})},
		{"", from(evRefundDue, evAmbiguous, evHold)},
		{"cancel wanted", from(evRefundDue, evAmbiguous, evWish, evHold)},
		{"approval asked for", approves(evAmbiguous, evHold)},
	}...)
}

func approvalCases(t testing.TB) []caseRequest {
	from := func(events ...Event) Request { return journey(t, stepApproval(), events...) }
	resubmit := Event{Type: Resolved, Resolution: Resubmit, Search: SearchClear, Statement: statementClear, By: "Kari", At: stepStart.Add(4 * time.Minute)}
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
		{"books not read", dueWithStatement(statementUnread), nil},
		{"books not allowed", dueWithStatement(statementBlind), nil},
		{"books not allowed, busy means doubt", dueWithStatement(statementBlind), busyIsDoubt},
		{"books of six seconds ago", evRefundDue, statementSeenAt(53*time.Second, 54*time.Second, false)},
		{"a call has failed since the books", evRefundDue, statementSeenAt(59*time.Second, time.Minute, true)},
		{"books read before the lag was over", evRefundDue, statementSeenAt(stepLag-time.Millisecond, time.Minute, false)},
		{"books read when the lag was over", evRefundDue, statementSeenAt(stepLag, time.Minute, false)},
		{"lag not measured", Event{Type: Due, Mark: "mark1", Statement: statementClear, Ledger: Ledger{Order: &ledgerOrder}}, nil},
		{"books show the amount", dueWithStatement(stepStatement(StatusRefunded, ore42Done)), nil},
		{"books show another amount", dueWithStatement(stepStatement(StatusRefunded, ore10Done)), nil},
		{"order not ended", evAwaitOrder, nil},
		{"order cancelled", dueBeside(Ledger{Order: &LedgerOrder{State: StateCancelled, OrderUUID: "order1"}}), nil},
		{"order not ours, or not on record", dueBeside(Ledger{}), nil},
		{"another refund under way", beside(Ledger{UnderWay: true, SpentMinor: 100}), nil},
		{"another refund in doubt", beside(Ledger{Doubtful: true, SpentMinor: 100}), nil},
		{"less is left", beside(Ledger{SpentMinor: 5801}), nil},
		{"nothing is left", beside(Ledger{SpentMinor: 10000}), nil},
		{"less is left of the product", beside(Ledger{SpentMinor: 1801, Lines: map[int64]int64{12: 1801}}), nil},
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
		caseEvent{"", Event{Type: StatusSeen, OrderUUID: "order1", Status: StatusRefunded}, nil},
		caseEvent{"", hintSeen(seenMarked, StatusPaid), nil},
	)
	all = append(all, statementEvents()...)
	all = append(append(all, resolvedEvents()...), moveEvents()...)
	for _, e := range []EventType{Found, NotFound, ResendWanted, CheckWanted, CustomerTimeout, Restarted} {
		all = append(all, caseEvent{"", Event{Type: e}, nil})
	}
	return append(append(all, ageEvents(Event{Type: Expired})...),
		caseEvent{"too old, books show no change", Event{Type: Expired, Statement: statementClear, StatementLag: stepLag}, func(e *Event, r Request) { e.At = r.TTLFrom.Add(r.TTL) }},
		caseEvent{"too old, books show the amount", Event{Type: Expired, Statement: stepStatement(StatusRefunded, ore42Done), StatementLag: stepLag}, func(e *Event, r Request) { e.At = r.TTLFrom.Add(r.TTL) }},
		caseEvent{"too early", Event{Type: Expired}, nil},
		caseEvent{"", Event{Type: CallbackSeen, OrderUUID: "order1"}, nil},
		caseEvent{"", evWish, nil},
		caseEvent{"check", evCheck, nil},
		caseEvent{"hold", evHold, nil},
		caseEvent{"other boot, clock unknown", Event{Type: Restarted}, otherBoot},
		caseEvent{"order has ended", Event{Type: Restarted, Ledger: Ledger{Order: &ledgerOrder}}, nil},
		caseEvent{"order has not ended", Event{Type: Restarted, Ledger: evAwaitOrder.Ledger}, nil},
		caseEvent{"order has ended", evOrderEnds, nil},
		caseEvent{"order has not ended", Event{Type: TargetSeen, Target: StateAwaitingCustomer, Ledger: evAwaitOrder.Ledger}, nil},
	)
}

// statementSeenAt dates the statement by the time since the state was entered; the event comes a minute after that.
func statementSeenAt(begun, answered time.Duration, broken bool) func(*Event, Request) {
	return func(e *Event, r Request) {
		e.At = r.Entered.Add(time.Minute)
		e.Statement.Seen = Seen{Begun: r.Entered.Add(begun), Answered: r.Entered.Add(answered), Broken: broken}
	}
}

// statementEvents lists statements that events bring.
func statementEvents() []caseEvent {
	busyIsDoubt := func(e *Event, _ Request) { e.Policy.BusyMeans = BusyDoubt }
	beside := func(e Event, l Ledger) Event { e.Ledger = l; return e }
	unread := evStatementSeen(StatusRefundNone)
	unread.Statement.StatusRead = false
	return []caseEvent{
		{"no change", evStatementSeen(StatusRefundNone), nil},
		{"no change, begun before the lag was over", evStatementSeen(StatusRefundNone), statementSeenAt(stepLag-time.Millisecond, time.Minute, false)},
		{"no change, status not read", unread, nil},
		{"nothing read", Event{Type: StatementSeen}, nil},
		{"nothing but a status of refunded", Event{Type: StatementSeen, Statement: Statement{Status: StatusRefunded, StatusRead: true}}, nil},
		{"nothing but a status of rejected", Event{Type: StatementSeen, Statement: Statement{Status: StatusRefundDenied, StatusRead: true}}, nil},
		{"not ours", Event{Type: StatementSeen, Statement: statementBlind, StatementLag: stepLag}, nil},
		{"not ours, busy means doubt", Event{Type: StatementSeen, Statement: statementBlind, StatementLag: stepLag}, busyIsDoubt},
		{"not ours, status pending", evStatementNotOurs(StatusRefundPending), nil},
		{"not ours, status refunded", evStatementNotOurs(StatusRefunded), nil},
		{"not ours, status refunded, perhaps by another refund", beside(evStatementNotOurs(StatusRefunded), Ledger{MayRefund: true}), nil},
		{"not ours, status rejected", evStatementNotOurs(StatusRefundDenied), nil},
		{"not ours, status rejected, perhaps for another refund", beside(evStatementNotOurs(StatusRefundDenied), Ledger{MayDeny: true}), nil},
		{"status pending", evStatementSeen(StatusRefundPending), nil},
		{"status refunded", evStatementSeen(StatusRefunded), nil},
		{"status rejected", evStatementSeen(StatusRefundDenied), nil},
		{"status rejected, perhaps for another refund", beside(evStatementSeen(StatusRefundDenied), Ledger{MayDeny: true}), nil},
		{"status rejected, the amount is there", evStatementSeen(StatusRefundDenied, ore42Pending), nil},
		{"status rejected, the amount is done", evStatementSeen(StatusRefundDenied, ore42Done), nil},
		{"status rejected, the amount is done and there again", evStatementSeen(StatusRefundDenied, ore42Done, ore42Pending), nil},
		{"the amount is done", evStatementSeen(StatusRefunded, ore42Done), nil},
		{"the amount is done, perhaps by another refund", beside(evStatementSeen(StatusRefunded, ore42Done), Ledger{SameAmount: 1}), nil},
		{"the amount is done twice, perhaps once by another", beside(evStatementSeen(StatusRefunded, ore42Done, ore42Done), Ledger{SameAmount: 1}), nil},
		{"the amount is under way", evStatementSeen(StatusRefundPending, ore42Pending), nil},
		{"another amount is done", evStatementSeen(StatusRefunded, ore10Done), nil},
	}
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
		e := Event{Type: Resolved, Resolution: res, By: "Kari", Source: "till-9", Search: SearchClear, Statement: statementClear, StatementLag: stepLag}
		for _, f := range set {
			f(&e)
		}
		return e
	}
	return []caseEvent{
		{"adopt", decided(Adopt), later},
		{"adopt another order", decided(Adopt, func(e *Event) { e.OrderUUID = "order2" }), later},
		{"resubmit", decided(Resubmit), later},
		{"resubmit, books show the amount", decided(Resubmit, func(e *Event) { e.Statement = stepStatement(StatusRefunded, ore42Done) }), later},
		{"resubmit, books show the amount under way", decided(Resubmit, func(e *Event) { e.Statement = stepStatement(StatusRefundPending, ore42Pending) }), later},
		{"resubmit, books not read", decided(Resubmit, func(e *Event) { e.Statement, e.Search = Statement{}, SearchNone }), later},
		{"resubmit too early", decided(Resubmit), early},
		{"abandon", decided(Abandon), later},
		{"abandon another revision", decided(Abandon), stale},
	}
}
