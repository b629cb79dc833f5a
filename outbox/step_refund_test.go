package outbox

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func wantState(t *testing.T, r Request, s State, code string) {
	t.Helper()
	got := ""
	if r.Reason != nil {
		got = r.Reason.Code
	}
	if r.State != s || got != code {
		t.Errorf("%v[%s], want %v[%s]", r.State, got, s, code)
	}
}

// weighed is a refund with lines of its own after its turn, with a statement and a ledger.
func weighed(lines []RefundLine, b Statement, l Ledger) Request {
	r := stepRefund()
	r.Refund.Lines, r.AmountMinor = lines, linesSum(Request{Refund: &Refund{Lines: lines}})
	e := dueWithStatement(b)
	e.Ledger = l
	e.Ledger.Order = &ledgerOrder
	after, _ := stepAt(r, e, stepStart.Add(time.Second))
	return after
}

func TestProductsAreNumbered(t *testing.T) {
	t.Parallel()
	b := stepStatement(StatusRefundNone)
	b.Products = []StatementProduct{{12, "A", 3000}, {13, "A", 3000}, {0, "B", 1000}, {14, "C", 3000}}
	blind := b
	blind.Detailed, blind.Products = false, nil
	line := func(id int64, name string, n int, ore int64) RefundLine {
		return RefundLine{ID: id, ProductID: name, Line: n, Minor: ore}
	}
	for _, c := range []struct {
		name  string
		lines []RefundLine
		books Statement
		want  string // the numbers, or the reason
	}{
		{"by number", []RefundLine{line(99, "", 0, 100)}, b, "[99]"},
		{"by name", []RefundLine{line(0, "C", 0, 100)}, b, "[14]"},
		{"by place", []RefundLine{line(0, "", 3, 100), line(0, "", 0, 100)}, b, "[14 12]"},
		{"two of the same name", []RefundLine{line(0, "A", 0, 3000), line(0, "A", 0, 3000)}, b, "[12 13]"},
		{"more than the first of that name has", []RefundLine{line(0, "A", 0, 4000)}, b, "[12 13]"},
		{"a pool that one line has drawn on by number", []RefundLine{line(0, "A", 0, 4000), line(12, "", 0, 2000)}, b, "[12 13 12]"},
		{"a pool that one line has drawn on by place", []RefundLine{line(0, "A", 0, 3000), line(0, "", 0, 1)}, b, "[13 12]"},
		{"more than a pool has", []RefundLine{line(0, "A", 0, 6001)}, b, CodeRefundExceeds},
		{"two of the same name, too much", []RefundLine{line(0, "A", 0, 3000), line(0, "A", 0, 3001)}, b, CodeRefundExceeds},
		{"the product has no number", []RefundLine{line(0, "B", 0, 100)}, b, CodeProductUnknown},
		{"no such name", []RefundLine{line(0, "D", 0, 100)}, b, CodeProductUnknown},
		{"no such place", []RefundLine{line(0, "", 4, 100)}, b, CodeProductUnknown},
		{"details not readable", []RefundLine{line(0, "A", 0, 100)}, blind, CodeOrderUnknown},
		{"details not readable, by number", []RefundLine{line(99, "", 0, 100)}, blind, "[99]"},
	} {
		r := weighed(c.lines, c.books, Ledger{})
		var got string
		if r.Reason != nil {
			got = r.Reason.Code
		} else {
			var ids []int64
			for _, l := range r.Refund.Lines {
				ids = append(ids, l.ID)
			}
			got = fmt.Sprint(ids)
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// TestWhatIsLeftIsTold: the reason names both figures.
func TestWhatIsLeftIsTold(t *testing.T) {
	t.Parallel()
	r := weighed([]RefundLine{{ID: 12, Minor: 4200}}, statementClear, Ledger{SpentMinor: 5801})
	wantState(t, r, StateRejected, CodeRefundExceeds)
	if m := r.Reason.Message; !strings.Contains(m, "42.00") || !strings.Contains(m, "41.99") {
		t.Error(m)
	}
	wantState(t, weighed([]RefundLine{{ID: 12, Minor: 4200}}, statementClear, Ledger{SpentMinor: 5800}), StateSending, "")
	// Another till's refunds count, too.
	wantState(t, weighed([]RefundLine{{ID: 12, Minor: 4200}}, stepStatement(StatusRefunded, StatementEntry{5801, true}), Ledger{}), StateRejected, CodeRefundExceeds)
	wantState(t, weighed([]RefundLine{{ID: 12, Minor: 4000}, {ID: 12, Minor: 2001}}, statementClear, Ledger{}), StateRejected, CodeRefundExceeds)
}

// TestFullIsComputedOnce: what is left is spread over the products when it is first sent, and stays.
func TestFullIsComputedOnce(t *testing.T) {
	t.Parallel()
	full := stepRefund()
	full.AmountMinor, full.Refund = 0, &Refund{Full: true}
	e := dueBeside(Ledger{Order: &ledgerOrder, SpentMinor: 2500, Lines: map[int64]int64{12: 2000}})
	r := journey(t, full, e)
	wantState(t, r, StateSending, "")
	if want := []RefundLine{{ID: 12, Minor: 4000}, {ID: 13, Minor: 3500}}; r.AmountMinor != 7500 || !slices.Equal(r.Refund.Lines, want) {
		t.Errorf("%d, %v", r.AmountMinor, r.Refund.Lines)
	}
	r = journey(t, r, Event{Type: Unavailable}, evRefundDue)
	if r.State != StateSending || r.AmountMinor != 7500 {
		t.Errorf("again: %v, %d", r.State, r.AmountMinor)
	}
	nameless := statementClear
	nameless.Products = []StatementProduct{{0, "A", 10000}}
	wantState(t, journey(t, full, dueWithStatement(nameless)), StateRejected, CodeOrderUnknown)
	wantState(t, journey(t, full, dueWithStatement(statementBlind)), StateRejected, CodeOrderUnknown)
	wantState(t, journey(t, full, dueBeside(Ledger{Order: &ledgerOrder, SpentMinor: 10000})), StateRejected, CodeRefundExceeds)
}

// TestApprovalIsWeighedAgain: between refusal and approval another lane may have spent what was left, or be at it.
func TestApprovalIsWeighedAgain(t *testing.T) {
	t.Parallel()
	asks := stepRefund()
	asks.Refund.Ask = "please"
	r := journey(t, asks, evRefundDue, evThreshold)
	if !r.Refund.Approving || r.State != StateQueued {
		t.Fatalf("%v, approving %v", r.State, r.Refund.Approving)
	}
	wantState(t, journey(t, r, dueBeside(Ledger{Order: &ledgerOrder, SpentMinor: 5801})), StateRejected, CodeRefundExceeds)
	wantState(t, journey(t, r, dueBeside(Ledger{Order: &ledgerOrder, UnderWay: true})), StateQueued, "")
	wantState(t, journey(t, r, dueBeside(Ledger{Order: &ledgerOrder, Doubtful: true})), StateRejected, CodeRefundOpen)
	sent := journey(t, r, Event{Type: Due, Mark: "mark2", Search: SearchClear, Statement: statementClear, Ledger: Ledger{Order: &ledgerOrder}})
	if sent.State != StateSending || len(sent.Submissions) != 2 || sent.Mark() != "mark2" {
		t.Errorf("%v, %v", sent.State, sent.Submissions)
	}
	wantState(t, journey(t, sent, evThreshold), StateRejected, CodeAmountThreshold)
	plain := journey(t, stepRefund(), evRefundDue, evThreshold)
	wantState(t, plain, StateRejected, CodeAmountThreshold)
}

// TestAlreadySubmitted means ours only after a doubt about the approval itself.
func TestAlreadySubmitted(t *testing.T) {
	t.Parallel()
	already := Event{Type: Refused, Reason: alreadySub}
	again := Event{Type: Resolved, Resolution: Resubmit, Search: SearchClear, Statement: statementClear, By: "Kari", At: stepStart.Add(time.Hour)}
	asks := stepRefund()
	asks.Refund.Ask = "please"
	wantState(t, journey(t, asks, evRefundDue, evThreshold, evRefundDue, already), StateRejected, CodeAlreadySubmitted)
	wantState(t, journey(t, asks, evRefundDue, evThreshold, evRefundDue, evAmbiguous, again, evRefundDue, already), StateAwaitingApproval, "")
	// The doubt was about the refund.
	wantState(t, journey(t, asks, evRefundDue, evAmbiguous, again, evRefundDue, evThreshold, evRefundDue, already), StateRejected, CodeAlreadySubmitted)
	wantState(t, journey(t, stepApproval(), evRefundDue, already), StateRejected, CodeAlreadySubmitted)
	wantState(t, journey(t, stepApproval(), evRefundDue, evAmbiguous, again, evRefundDue, already), StateSubmitted, "")
	wantState(t, journey(t, stepApproval(), evRefundDue, evBusy, evRefundDue, already), StateInDoubt, CodeAlreadySubmitted)
	restored := AfterRestore(stepApproval(), stepStart.Add(time.Minute))
	wantState(t, journey(t, restored, again, evRefundDue, already), StateSubmitted, "")
}

// TestBusyKeepsTheEvidence: an unreadable look before a repeat does not replace what was read before the first attempt.
func TestBusyKeepsTheEvidence(t *testing.T) {
	t.Parallel()
	first := dueWithStatement(stepStatement(StatusRefunded, ore10Done))
	r := journey(t, stepRefund(), first, evBusy, dueWithStatement(statementBlind), evAmbiguous)
	seen := Event{Type: StatementSeen, Statement: stepStatement(StatusRefunded, ore10Done, ore42Done)}
	wantState(t, journey(t, r, seen), StateRefunded, "")
	// But what was proven not to be carried out starts anew: another till may have refunded in the meantime.
	r = journey(t, stepRefund(), evRefundDue, Event{Type: Unavailable}, dueWithStatement(stepStatement(StatusRefunded, ore42Done)), evAmbiguous)
	wantState(t, journey(t, r, Event{Type: StatementSeen, Statement: stepStatement(StatusRefunded, ore42Done)}), StateInDoubt, "")
}

// TestParkedRefunds wait beside their lane for an order in another one.
func TestParkedRefunds(t *testing.T) {
	t.Parallel()
	named := stepRefund()
	named.OrderUUID, named.Target = "", "till-1"
	r := journey(t, named, evAwaitOrder)
	if !r.Parked || r.InQueue() || r.Waiting == nil || r.Waiting.Code != WaitForOrder {
		t.Fatalf("%+v", r)
	}
	if again := journey(t, r, evAwaitOrder); again.Revision != r.Revision {
		t.Error("it is told again and again")
	}
	for name, e := range map[string]Event{
		"order ended":            evOrderEnds,
		"order ended, restarted": {Type: Restarted, Ledger: Ledger{Order: &ledgerOrder}},
	} {
		back := journey(t, r, e)
		if back.Parked || !back.InQueue() || back.Waiting != nil {
			t.Errorf("%s: %+v", name, back)
		}
		if sent := journey(t, back, evRefundDue); sent.State != StateSending || sent.OrderUUID != "order1" {
			t.Errorf("%s: %v, %q", name, sent.State, sent.OrderUUID)
		}
	}
	if still := journey(t, r, Event{Type: Restarted, Ledger: evAwaitOrder.Ledger}); !still.Parked {
		t.Error("a restart brings it back before its order has ended")
	}
	cancelled := Ledger{Order: &LedgerOrder{State: StateUnresolved, OrderUUID: "order1"}}
	wantState(t, journey(t, r, evOrderEnds, dueBeside(cancelled)), StateRejected, CodeOrderNotPaid)
	wantState(t, journey(t, r, evWish), StateCancelled, CodeCancelled)
	wantState(t, journey(t, r, Event{Type: Expired, At: stepStart.Add(24 * time.Hour)}), StateExpired, CodeExpired)
	wantState(t, journey(t, named, dueBeside(Ledger{})), StateRejected, CodeUnknownTarget)
	for _, e := range []Event{evWish, {Type: Expired, At: stepStart.Add(24 * time.Hour)}} {
		if ended := journey(t, r, e); ended.Parked {
			t.Errorf("%v: ended, and parked", ended.State)
		}
	}
}

// TestARefundBesideAnother waits beside its lane, looks again without a write, and is weighed when its turn has come anew. One
// that was answered "busy" keeps its place, and has its statement read.
func TestARefundBesideAnother(t *testing.T) {
	t.Parallel()
	open := dueBeside(Ledger{Order: &ledgerOrder, UnderWay: true})
	r := journey(t, stepRefund(), open)
	if !r.Parked || r.InQueue() || r.Waiting == nil || r.Waiting.Code != WaitBehind {
		t.Fatalf("%+v", r)
	}
	again, fx := stepAt(r, open, stepStart.Add(time.Minute))
	if _, wakes := wakeAfter(fx, TimerRetry); again.Revision != r.Revision || !wakes {
		t.Errorf("another look: %+v, %v", again, fx)
	}
	wantState(t, journey(t, r, dueBeside(Ledger{Order: &ledgerOrder, Doubtful: true})), StateRejected, CodeRefundOpen)
	back := journey(t, r, dueBeside(Ledger{Order: &ledgerOrder}))
	if back.Parked || !back.InQueue() || back.Waiting != nil {
		t.Errorf("after the other's end: %+v", back)
	}
	wantState(t, journey(t, back, dueBeside(Ledger{Order: &ledgerOrder, SpentMinor: 5801})), StateRejected, CodeRefundExceeds)
	busy := journey(t, stepRefund(), evRefundDue, evBusy, open)
	if busy.Parked || !busy.InQueue() {
		t.Errorf("after a busy answer: %+v", busy)
	}
}

// TestADenialBesideAPayback: the API's refund status is the order's. Where the statement shows that this amount was paid back since
// the submission, it is not told that it was turned down.
func TestADenialBesideAPayback(t *testing.T) {
	t.Parallel()
	due := func(entries ...StatementEntry) Event {
		return dueWithStatement(stepStatement(StatusRefundNone, entries...))
	}
	look := func(b Statement) Event { return Event{Type: StatementSeen, Statement: b} }
	sum := func(ore int64) Event {
		return look(Statement{Readable: true, RefundedMinor: ore, Status: StatusRefundDenied, StatusRead: true})
	}
	for name, c := range map[string]struct {
		due  Event
		look Event
		want State
	}{
		"nothing":                   {due(), evStatementSeen(StatusRefundDenied), StateDeclined},
		"only what was turned down": {due(), evStatementSeen(StatusRefundDenied, ore42Pending), StateDeclined},
		"done before":               {due(ore10Done), evStatementSeen(StatusRefundDenied, ore10Done), StateDeclined},
		"under way before":          {due(StatementEntry{Minor: 1000}), evStatementSeen(StatusRefundDenied, ore10Done), StateDeclined},
		"not ours to read":          {due(), evStatementNotOurs(StatusRefundDenied), StateDeclined},
		"not to be read":            {due(), look(Statement{Status: StatusRefundDenied, StatusRead: true}), StateAwaitingRefund},
		"this amount":               {due(), evStatementSeen(StatusRefundDenied, ore42Done), StateRefunded},
		"this amount, and another":  {due(), evStatementSeen(StatusRefundDenied, ore42Done, ore42Pending), StateRefunded},
		"another amount":            {due(), evStatementSeen(StatusRefundDenied, ore10Done), StateDeclined},
		"in the sum only":           {due(), sum(4200), StateRefunded},
		"it stood before":           {dueWithStatement(stepStatement(StatusRefundDenied)), evStatementSeen(StatusRefundDenied), StateAwaitingRefund},
	} {
		for _, wish := range []bool{false, true} {
			r, want := journey(t, stepRefund(), c.due, evTaken), c.want
			if wish {
				r = journey(t, r, evWish)
				switch want {
				case StateDeclined:
					want = StateCancelled
				case StateAwaitingRefund:
					want = StateCancelling
				}
			}
			if r = journey(t, r, c.look); r.State != want {
				t.Errorf("%s, cancel wanted %t: %v, want %v", name, wish, r.State, want)
			}
		}
	}
}

// TestResolutionsOfRefunds are carried out once, on the revision that the person saw.
func TestResolutionsOfRefunds(t *testing.T) {
	t.Parallel()
	doubt := journey(t, stepRefund(), evRefundDue, evAmbiguous)
	later := stepStart.Add(time.Hour)
	again := Event{Type: Resolved, Source: "till-9", Resolution: Resubmit, Search: SearchClear, Statement: statementClear, By: "Kari", At: later}
	r := journey(t, doubt, again)
	if s := r.Settled; s == nil || s.ID != "till-9" || s.By != "Kari" || s.Resolution != Resubmit || s.At != later {
		t.Fatalf("%+v", r.Settled)
	}
	if left, _ := r.LiveFor(later); left != r.TTL || r.Seq != doubt.Seq {
		t.Errorf("%v to live of %v, sequence %d", left, r.TTL, r.Seq)
	}
	r = journey(t, r, evRefundDue, evAmbiguous)
	again.At = later.Add(time.Hour)
	if twice, fx := Step(r, again); twice.State != StateInDoubt || countFx(fx, Ignored, ignoredStale) != 1 {
		t.Errorf("the same decision again: %v, %v", twice.State, fx)
	}
	again.Source = "till-10"
	wantState(t, journey(t, r, again), StateQueued, "")
	wish := journey(t, doubt, evWish)
	if after, fx := stepAt(wish, again, later); after.Revision != wish.Revision || countFx(fx, Ignored, CodeCancelWanted) != 1 {
		t.Errorf("with a cancel wanted: %v", fx)
	}
	wantState(t, journey(t, wish, Event{Type: Resolved, Resolution: Adopt, By: "Kari"}), StateCancelling, "")
	early := again
	if _, fx := stepAt(doubt, early, doubt.Entered.Add(stepPolicy().DoubtCheck-ms)); countFx(fx, Ignored, IgnoredEarly) != 1 {
		t.Errorf("too early: %v", fx)
	}
	if after, _ := stepAt(doubt, early, doubt.Entered.Add(stepPolicy().DoubtCheck)); after.State != StateQueued {
		t.Errorf("at doubt_check: %v", after.State)
	}
	_, fx := stepAt(journey(t, stepRefund(), evRefundDue), again, later)
	if countFx(fx, Ignored, CodeNotInDoubt) != 1 {
		t.Errorf("while sending: %v", fx)
	}
}

// TestRestoredRefundIsAdopted although its turn had not come in the copy.
func TestRestoredRefundIsAdopted(t *testing.T) {
	t.Parallel()
	named := stepRefund()
	named.OrderUUID, named.Target = "", "till-1"
	r := AfterRestore(named, stepStart.Add(time.Minute))
	adopt := Event{Type: Resolved, Resolution: Adopt, By: "Kari"}
	if after, fx := stepAt(r, adopt, r.Entered.Add(time.Second)); after.Revision != r.Revision || countFx(fx, Ignored, "") != 1 {
		t.Errorf("of no order at all: %v, %v", after.State, fx)
	}
	adopt.OrderUUID = "order1"
	if after := journey(t, r, adopt); after.State != StateAwaitingRefund || after.OrderUUID != "order1" {
		t.Errorf("%v, %q", after.State, after.OrderUUID)
	}
	adopt.Ledger = Ledger{Order: &LedgerOrder{State: StatePaid, OrderUUID: "order2"}}
	if after := journey(t, r, adopt); after.State != StateInDoubt {
		t.Errorf("another order's refund was adopted: %v", after.State)
	}
}

// TestApprovalsAreNotCancelled, in whatever state.
func TestApprovalsAreNotCancelled(t *testing.T) {
	t.Parallel()
	for _, c := range approvalCases(t) {
		if after, fx := stepAt(c.r, evWish, c.r.Entered.Add(time.Second)); after.Revision != c.r.Revision || countFx(fx, Ignored, "") != 1 {
			t.Errorf("%v: %v", c.r.State, fx)
		}
	}
}

// TestApprovalPolling: like a refund for a minute, every minute for ten minutes, then every five, for 45 days.
func TestApprovalPolling(t *testing.T) {
	t.Parallel()
	asks := stepRefund()
	asks.Refund.Ask = "please"
	r := journey(t, asks, evRefundDue, evThreshold, evRefundDue, evTaken)
	for age, want := range map[time.Duration]time.Duration{
		0: stepPolicy().PollInterval, approvalAtOnce - ms: stepPolicy().PollInterval, approvalAtOnce: time.Minute,
		approvalFast - ms: time.Minute, approvalFast: approvalPoll, 30 * 24 * time.Hour: approvalPoll,
	} {
		_, fx := stepAt(r, evStatementSeen(StatusRefundPending, ore42Pending), r.Entered.Add(age))
		wantWake(t, fx, TimerPoll, want)
	}
	_, fx := stepAt(r, Event{Type: Restarted}, r.Entered.Add(24*time.Hour))
	wantWake(t, fx, TimerDoubtHold, approvalHold-24*time.Hour)
}
