package outbox

import (
	"math"
	"testing"
	"time"
)

func TestStatementChangeSince(t *testing.T) {
	t.Parallel()
	none := stepStatement(StatusRefundNone)
	blind := Statement{Status: StatusRefundNone, StatusRead: true}
	sum := func(ore int64) Statement { b := stepStatement(StatusRefunded); b.RefundedMinor = ore; return b }
	unread := stepStatement(StatusRefundNone)
	unread.StatusRead = false
	for _, c := range []struct {
		name   string
		before Statement
		now    Statement
		want   statementChange
	}{
		{"nothing", none, none, changeNone},
		{"ours done", none, stepStatement(StatusRefunded, ore42Done), changeDone},
		{"ours done, by the sum alone", sum(0), sum(4200), changeDone},
		{"ours under way", none, stepStatement(StatusRefundPending, ore42Pending), changePending},
		{"beside an earlier one of the same amount", stepStatement(StatusRefunded, ore42Done), stepStatement(StatusRefunded, ore42Done, ore42Done), changeDone},
		{"another amount", none, stepStatement(StatusRefunded, ore10Done), changeOther},
		{"another amount, by the sum alone", sum(0), sum(4300), changeOther},
		{"ours and another", none, stepStatement(StatusRefunded, ore42Done, ore10Done), changeDone},
		{"two of ours", none, stepStatement(StatusRefunded, ore42Done, ore42Done), changeDone},
		{"two, one of them turned down or under way", none, stepStatement(StatusRefunded, ore42Done, ore42Pending), changeDone},
		{"an earlier one of the same amount ends", stepStatement(StatusRefundPending, ore42Pending), stepStatement(StatusRefunded, ore42Done), changeOther},
		{"that one ends, by the sum alone", stepStatement(StatusRefundPending, ore42Pending), func() Statement {
			b := stepStatement(StatusRefunded, ore42Pending)
			b.RefundedMinor = 4200
			return b
		}(), changeOther},
		{"that one or ours ends", stepStatement(StatusRefundPending, ore42Pending), stepStatement(StatusRefunded, ore42Pending, ore42Done), changePending},
		{"that one and ours end", stepStatement(StatusRefundPending, ore42Pending), stepStatement(StatusRefunded, ore42Done, ore42Done), changeDone},
		{"that one is called off", stepStatement(StatusRefundPending, ore42Pending), none, changeOther},
		{"the status alone", none, stepStatement(StatusRefundPending), changeOther},
		{"the status alone, details not readable", blind, Statement{Status: StatusRefunded, StatusRead: true}, changeOther},
		{"details not readable", none, blind, changeUnknown},
		{"nothing, but the status was not read this time", none, unread, changeUnknown},
		{"details not readable before", blind, none, changeUnknown},
	} {
		if got := statementChangeSince(&c.before, c.now, 4200, nil); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	for _, c := range []struct {
		name        string
		before, now Statement
		denied      []int64
		want        statementChange
	}{
		{"after one of ours that was turned down", stepStatement(StatusRefundDenied, ore42Pending), stepStatement(StatusRefunded, ore42Pending, ore42Done), []int64{4200}, changeDone},
		{"after two of ours", stepStatement(StatusRefundDenied, ore42Pending, ore42Pending), stepStatement(StatusRefunded, ore42Pending, ore42Pending, ore42Done), []int64{4200, 4200}, changeDone},
		{"after somebody else's", stepStatement(StatusRefundDenied, ore42Pending), stepStatement(StatusRefunded, ore42Pending, ore42Done), nil, changeDone},
		{"after one of ours, beside somebody else's, of which the status says nothing", stepStatement(StatusRefundDenied, ore42Pending, ore42Pending), stepStatement(StatusRefundDenied, ore42Pending, ore42Pending, ore42Done), []int64{4200}, changePending},
		{"after two of somebody else", stepStatement(StatusRefundDenied, ore42Pending, ore42Pending), stepStatement(StatusRefundDenied, ore42Pending, ore42Pending, ore42Done), nil, changePending},
	} {
		if got := statementChangeSince(&c.before, c.now, 4200, c.denied); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	if got := statementChangeSince(nil, none, 4200, nil); got != changeUnknown {
		t.Errorf("without a look before: %d", got)
	}
}

// TestSpent: what the statement shows beyond the ledger counts too, and what both show counts once.
func TestSpent(t *testing.T) {
	t.Parallel()
	sum := stepStatement(StatusRefunded)
	sum.RefundedMinor = 4200
	for _, c := range []struct {
		name   string
		books  Statement
		ledger Ledger
		want   int64
	}{
		{"nothing", statementClear, Ledger{}, 0},
		{"ours, in the books", stepStatement(StatusRefunded, ore42Done), Ledger{SpentMinor: 4200, Done: []int64{4200}}, 4200},
		{"ours, not yet in the books", statementClear, Ledger{SpentMinor: 4200, Done: []int64{4200}}, 4200},
		{"another till's", stepStatement(StatusRefunded, ore42Done), Ledger{}, 4200},
		{"ours and another till's", stepStatement(StatusRefunded, ore42Done, ore10Done), Ledger{SpentMinor: 4200, Done: []int64{4200}}, 5200},
		{"ours of unknown end, and it may be this one", stepStatement(StatusRefunded, ore42Done), Ledger{SpentMinor: 4200, Open: []int64{4200}}, 4200},
		{"the same by the sum alone", sum, Ledger{SpentMinor: 4200, Open: []int64{4200}}, 4200},
		{"ours of unknown end, and another till's", stepStatement(StatusRefunded, ore10Done), Ledger{SpentMinor: 4200, Open: []int64{4200}}, 5200},
		{"ours twice, once in the books", stepStatement(StatusRefunded, ore42Done), Ledger{SpentMinor: 8400, Done: []int64{4200}, Open: []int64{4200}}, 8400},
		{"books not readable", statementBlind, Ledger{SpentMinor: 4200, Open: []int64{4200}}, 4200},
	} {
		if got := addMinor(c.ledger.SpentMinor, c.books.refundedElsewhere(c.ledger)); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	if addMinor(math.MaxInt64-1, 5) != math.MaxInt64 || addMinor(2, 3) != 5 {
		t.Error("addMinor overflows")
	}
}

// TestLedgerCounts: which other requests count, as what.
func TestLedgerCounts(t *testing.T) {
	t.Parallel()
	mine := journey(t, stepRefund(), evRefundDue)
	at := mine.Submissions[0].At
	other := func(kind Kind, s State, entered Instant) Request {
		r := stepRefund()
		r.Seq, r.Kind, r.State, r.Entered, r.Attempts = 9, kind, s, entered, 1
		return r
	}
	busy := other(KindRefund, StateQueued, at)
	busy.Busy = 1
	full := other(KindRefund, StateInDoubt, at)
	full.AmountMinor, full.Refund = 0, &Refund{Full: true}
	before, after := at, at.Add(1)
	elsewhere := at
	elsewhere.Boot, elsewhere.Known = "boot-0", false
	never := other(KindRefund, StateCancelled, after)
	never.Attempts = 0
	for _, c := range []struct {
		name  string
		other Request
		want  string
	}{
		{"queued", other(KindRefund, StateQueued, at), ""},
		{"queued, after a busy answer", busy, "spent refunds denies same amount"},
		{"sending", other(KindRefund, StateSending, at), "spent under way refunds denies same amount"},
		{"in doubt", other(KindRefund, StateInDoubt, at), "spent doubtful refunds denies same amount"},
		{"in doubt, of unknown amount", full, "all doubtful refunds denies same amount"},
		{"awaiting its end", other(KindRefund, StateAwaitingRefund, at), "spent under way refunds denies same amount"},
		{"awaiting an approval", other(KindRefund, StateAwaitingApproval, at), "spent refunds denies same amount"},
		{"being cancelled", other(KindRefund, StateCancelling, at), "spent under way refunds denies same amount"},
		{"unresolved", other(KindRefund, StateUnresolved, before), "spent doubtful refunds denies same amount"},
		{"refunded before", other(KindRefund, StateRefunded, before), "spent"},
		{"refunded since", other(KindRefund, StateRefunded, after), "spent refunds same amount"},
		{"refunded, nobody knows when", other(KindRefund, StateRefunded, elsewhere), "spent refunds same amount"},
		{"declined before", other(KindRefund, StateDeclined, before), ""},
		{"declined since", other(KindRefund, StateDeclined, after), "denies"},
		{"cancelled since", other(KindRefund, StateCancelled, after), "denies"},
		{"cancelled, never sent", never, ""},
		{"rejected", other(KindRefund, StateRejected, after), ""},
		{"expired", other(KindRefund, StateExpired, after), ""},
		{"an approval, sending", other(KindApproval, StateSending, at), "spent refunds denies same amount"},
		{"an approval, submitted", other(KindApproval, StateSubmitted, before), "spent refunds denies same amount"},
		{"an order", other(KindOrder, StateInDoubt, at), ""},
	} {
		var l Ledger
		l.Count(c.other, mine)
		if got := ledgerWords(l); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		spends := l.SpentMinor > 0
		if (l.Lines[12] == 4200) != (spends && len(c.other.Refund.Lines) > 0) {
			t.Errorf("%s: of product 12 %d is spent", c.name, l.Lines[12])
		}
	}
}

func ledgerWords(l Ledger) string {
	var s string
	for _, w := range []struct {
		word string
		is   bool
	}{
		{"spent", l.SpentMinor == 4200}, {"all", l.SpentMinor == math.MaxInt64}, {"under way", l.UnderWay}, {"doubtful", l.Doubtful},
		{"refunds", l.MayRefund}, {"denies", l.MayDeny}, {"same amount", l.SameAmount > 0},
	} {
		if w.is && s != "" {
			s += " "
		}
		if w.is {
			s += w.word
		}
	}
	return s
}

// TestOnlyTheSameAmountIsTakenForAnother: another amount is not taken for it, whatever its state.
func TestOnlyTheSameAmountIsTakenForAnother(t *testing.T) {
	t.Parallel()
	mine, other := journey(t, stepRefund(), evRefundDue), journey(t, stepRefund(), evRefundDue, evAmbiguous)
	other.AmountMinor = 4201
	var l Ledger
	l.Count(other, mine)
	if l.SameAmount > 0 || !l.MayRefund || l.SpentMinor != 4201 || len(l.Open) != 1 {
		t.Errorf("%+v", l)
	}
	other.Entered = other.Entered.Add(time.Hour)
	l.Count(other, mine)
	if l.SpentMinor != 8402 {
		t.Errorf("%+v", l)
	}
}
