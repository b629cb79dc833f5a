package outbox

import (
	"math"
	"testing"
	"time"
)

func TestBooksSince(t *testing.T) {
	t.Parallel()
	none := stepBooks(StatusRefundNone)
	blind := Books{Status: StatusRefundNone, StatusRead: true}
	sum := func(ore int64) Books { b := stepBooks(StatusRefunded); b.RefundedOre = ore; return b }
	unread := stepBooks(StatusRefundNone)
	unread.StatusRead = false
	for _, c := range []struct {
		name   string
		before Books
		now    Books
		want   bookChange
	}{
		{"nothing", none, none, bookSame},
		{"ours done", none, stepBooks(StatusRefunded, ore42Done), bookDone},
		{"ours done, by the sum alone", sum(0), sum(4200), bookDone},
		{"ours under way", none, stepBooks(StatusRefundPending, ore42Pending), bookPending},
		{"beside an earlier one of the same amount", stepBooks(StatusRefunded, ore42Done), stepBooks(StatusRefunded, ore42Done, ore42Done), bookDone},
		{"another amount", none, stepBooks(StatusRefunded, ore10Done), bookOther},
		{"another amount, by the sum alone", sum(0), sum(4300), bookOther},
		{"ours and another", none, stepBooks(StatusRefunded, ore42Done, ore10Done), bookDone},
		{"two of ours", none, stepBooks(StatusRefunded, ore42Done, ore42Done), bookDone},
		{"two, one of them turned down or under way: it is nobody's twin", none, stepBooks(StatusRefunded, ore42Done, ore42Pending), bookDone},
		{"an earlier one of the same amount ends", stepBooks(StatusRefundPending, ore42Pending), stepBooks(StatusRefunded, ore42Done), bookOther},
		{"that one ends, by the sum alone", stepBooks(StatusRefundPending, ore42Pending), func() Books {
			b := stepBooks(StatusRefunded, ore42Pending)
			b.RefundedOre = 4200
			return b
		}(), bookOther},
		{"that one or ours ends", stepBooks(StatusRefundPending, ore42Pending), stepBooks(StatusRefunded, ore42Pending, ore42Done), bookPending},
		{"that one and ours end", stepBooks(StatusRefundPending, ore42Pending), stepBooks(StatusRefunded, ore42Done, ore42Done), bookDone},
		{"that one is called off", stepBooks(StatusRefundPending, ore42Pending), none, bookOther},
		{"the status alone", none, stepBooks(StatusRefundPending), bookOther},
		{"the status alone, details not readable", blind, Books{Status: StatusRefunded, StatusRead: true}, bookOther},
		{"details not readable", none, blind, bookUnreadable},
		{"nothing, but the status was not read this time", none, unread, bookUnreadable},
		{"details not readable before", blind, none, bookUnreadable},
	} {
		if got := booksSince(&c.before, c.now, 4200, nil); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	for _, c := range []struct {
		name        string
		before, now Books
		denied      []int64
		want        bookChange
	}{
		{"after one of ours that was turned down", stepBooks(StatusRefundDenied, ore42Pending), stepBooks(StatusRefunded, ore42Pending, ore42Done), []int64{4200}, bookDone},
		{"after two of ours", stepBooks(StatusRefundDenied, ore42Pending, ore42Pending), stepBooks(StatusRefunded, ore42Pending, ore42Pending, ore42Done), []int64{4200, 4200}, bookDone},
		{"after somebody else's", stepBooks(StatusRefundDenied, ore42Pending), stepBooks(StatusRefunded, ore42Pending, ore42Done), nil, bookDone},
		{"after one of ours, beside somebody else's, of which the status says nothing", stepBooks(StatusRefundDenied, ore42Pending, ore42Pending), stepBooks(StatusRefundDenied, ore42Pending, ore42Pending, ore42Done), []int64{4200}, bookPending},
		{"after two of somebody else", stepBooks(StatusRefundDenied, ore42Pending, ore42Pending), stepBooks(StatusRefundDenied, ore42Pending, ore42Pending, ore42Done), nil, bookPending},
	} {
		if got := booksSince(&c.before, c.now, 4200, c.denied); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	if got := booksSince(nil, none, 4200, nil); got != bookUnreadable {
		t.Errorf("without a look before: %d", got)
	}
}

// TestSpent: what the books show beyond the ledger counts too, and what both show counts once.
func TestSpent(t *testing.T) {
	t.Parallel()
	sum := stepBooks(StatusRefunded)
	sum.RefundedOre = 4200
	for _, c := range []struct {
		name   string
		books  Books
		ledger Ledger
		want   int64
	}{
		{"nothing", booksClear, Ledger{}, 0},
		{"ours, in the books", stepBooks(StatusRefunded, ore42Done), Ledger{SpentOre: 4200, Done: []int64{4200}}, 4200},
		{"ours, not yet in the books", booksClear, Ledger{SpentOre: 4200, Done: []int64{4200}}, 4200},
		{"another till's", stepBooks(StatusRefunded, ore42Done), Ledger{}, 4200},
		{"ours and another till's", stepBooks(StatusRefunded, ore42Done, ore10Done), Ledger{SpentOre: 4200, Done: []int64{4200}}, 5200},
		{"ours of unknown end, and it may be this one", stepBooks(StatusRefunded, ore42Done), Ledger{SpentOre: 4200, Open: []int64{4200}}, 4200},
		{"the same by the sum alone", sum, Ledger{SpentOre: 4200, Open: []int64{4200}}, 4200},
		{"ours of unknown end, and another till's", stepBooks(StatusRefunded, ore10Done), Ledger{SpentOre: 4200, Open: []int64{4200}}, 5200},
		{"ours twice, once in the books", stepBooks(StatusRefunded, ore42Done), Ledger{SpentOre: 8400, Done: []int64{4200}, Open: []int64{4200}}, 8400},
		{"books not readable", booksBlind, Ledger{SpentOre: 4200, Open: []int64{4200}}, 4200},
	} {
		if got := addOre(c.ledger.SpentOre, c.books.elsewhere(c.ledger)); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	if addOre(math.MaxInt64-1, 5) != math.MaxInt64 || addOre(2, 3) != 5 {
		t.Error("addOre overflows")
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
	full.AmountOre, full.Refund = 0, &Refund{Full: true}
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
		{"queued, after a busy answer", busy, "spent refunds denies twin"},
		{"sending", other(KindRefund, StateSending, at), "spent under way refunds denies twin"},
		{"in doubt", other(KindRefund, StateInDoubt, at), "spent doubtful refunds denies twin"},
		{"in doubt, of unknown amount", full, "all doubtful refunds denies twin"},
		{"awaiting its end", other(KindRefund, StateAwaitingRefund, at), "spent under way refunds denies twin"},
		{"awaiting an approval", other(KindRefund, StateAwaitingApproval, at), "spent refunds denies twin"},
		{"being cancelled", other(KindRefund, StateCancelling, at), "spent under way refunds denies twin"},
		{"unresolved", other(KindRefund, StateUnresolved, before), "spent doubtful refunds denies twin"},
		{"refunded before", other(KindRefund, StateRefunded, before), "spent"},
		{"refunded since", other(KindRefund, StateRefunded, after), "spent refunds twin"},
		{"refunded, nobody knows when", other(KindRefund, StateRefunded, elsewhere), "spent refunds twin"},
		{"declined before", other(KindRefund, StateDeclined, before), ""},
		{"declined since", other(KindRefund, StateDeclined, after), "denies"},
		{"cancelled since", other(KindRefund, StateCancelled, after), "denies"},
		{"cancelled, never sent", never, ""},
		{"rejected", other(KindRefund, StateRejected, after), ""},
		{"expired", other(KindRefund, StateExpired, after), ""},
		{"an approval, sending", other(KindApproval, StateSending, at), "spent refunds denies twin"},
		{"an approval, submitted", other(KindApproval, StateSubmitted, before), "spent refunds denies twin"},
		{"an order", other(KindOrder, StateInDoubt, at), ""},
	} {
		var l Ledger
		l.Count(c.other, mine)
		if got := ledgerWords(l); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		spends := l.SpentOre > 0
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
		{"spent", l.SpentOre == 4200}, {"all", l.SpentOre == math.MaxInt64}, {"under way", l.UnderWay}, {"doubtful", l.Doubtful},
		{"refunds", l.MayRefund}, {"denies", l.MayDeny}, {"twin", l.Twin},
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

// TestTwinsDifferInAmount: another amount is no twin, whatever its state.
func TestTwinsDifferInAmount(t *testing.T) {
	t.Parallel()
	mine, other := journey(t, stepRefund(), evRefundDue), journey(t, stepRefund(), evRefundDue, evAmbiguous)
	other.AmountOre = 4201
	var l Ledger
	l.Count(other, mine)
	if l.Twin || !l.MayRefund || l.SpentOre != 4201 || len(l.Open) != 1 {
		t.Errorf("%+v", l)
	}
	other.Entered = other.Entered.Add(time.Hour)
	l.Count(other, mine)
	if l.SpentOre != 8402 {
		t.Errorf("%+v", l)
	}
}
