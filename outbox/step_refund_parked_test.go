package outbox

import (
	"testing"
	"time"
)

// TestStatementThatDoesNotShowTheSameAmount: right after another refund of the same amount was paid back, the statement may not show it yet. A refund
// that was sent on such a statement would take it for itself once they do.
func TestStatementThatDoesNotShowTheSameAmount(t *testing.T) {
	t.Parallel()
	ended := stepStart.Add(time.Minute)
	ledger := Ledger{Order: &ledgerOrder, SpentMinor: 4200, Done: []int64{4200}, SameAmountEnded: ended}
	seen := func(b Statement, begun time.Duration) Statement {
		b.Seen = Seen{Begun: ended.Add(begun), Answered: ended.Add(begun)}
		return b
	}
	const lag = 10 * time.Second
	for name, c := range map[string]struct {
		books Statement
		at    time.Duration // after the end of the other one
		want  State
		ore   int64
	}{
		"read before its end":                {seen(statementClear, -time.Second), time.Second, StateQueued, 4200},
		"read before, and it stands there":   {seen(stepStatement(StatusRefunded, ore42Done), -time.Second), time.Second, StateQueued, 4200},
		"read after it, and it is missing":   {seen(statementClear, time.Second), 2 * time.Second, StateQueued, 4200},
		"read after it, and it stands there": {seen(stepStatement(StatusRefunded, ore42Done), time.Second), 2 * time.Second, StateSending, 4200},
		"read when it must have shown":       {seen(statementClear, lag), lag + time.Second, StateSending, 4200},
		"not ours to read":                   {seen(statementBlind, -time.Second), time.Second, StateSending, 4200},
	} {
		r := stepRefund()
		e := Event{Type: Due, Mark: "mark1", Statement: c.books, StatementLag: lag, Ledger: ledger, At: ended.Add(c.at), Policy: stepPolicy()}
		after, fx := Step(r, e)
		if after.State != c.want {
			t.Errorf("%s: %v, %v", name, after.State, effectWords(fx, true))
		}
		if c.want != StateQueued {
			continue
		}
		if after.Waiting == nil || after.Waiting.Code != WaitBehind || !after.Parked || countFx(fx, WakeAt, "") != 1 {
			t.Errorf("%s: parked %t, waiting %+v, %v", name, after.Parked, after.Waiting, effectWords(fx, true))
		}
		again, fx := Step(after, e)
		if again.Revision != after.Revision || countFx(fx, WakeAt, "") != 1 {
			t.Errorf("%s: once more: revision %d after %d, %v", name, again.Revision, after.Revision, effectWords(fx, true))
		}
	}
	var l Ledger
	other, older, r := stepRefund(), stepRefund(), stepRefund()
	for i, o := range []*Request{&other, &older} {
		o.Seq, o.State, o.Entered = uint64(7+i), StateRefunded, ended.Add(-time.Duration(i)*time.Minute)
	}
	l.Count(other, r)
	l.Count(older, r)
	if l.SameAmountEnded != ended {
		t.Errorf("the last one of the same amount ended at %v", l.SameAmountEnded)
	}
	other.AmountMinor++
	l = Ledger{}
	if l.Count(other, r); l.SameAmountEnded != (Instant{}) {
		t.Error("another amount is taken for it")
	}
}

// TestARejectionThatMaySpeakOfAnother: the order's status says REJECTED, and the statement shows a refund of somebody else that is not done.
// Ours may have been carried out, and the statement may lag: told declined, the clerk would pay it back again.
func TestARejectionThatMaySpeakOfAnother(t *testing.T) {
	t.Parallel()
	stranger := StatementEntry{Minor: 500}
	sent := journey(t, stepRefund(), evRefundDue, evTaken)
	look := func(after time.Duration, entries ...StatementEntry) Event {
		e := evStatementSeen(StatusRefundDenied, entries...)
		e.StatementLag, e.At = 10*time.Second, sent.Entered.Add(after)
		return e
	}
	undecided := journey(t, sent, look(time.Second, ore42Pending, stranger))
	if undecided.State != StateAwaitingRefund || undecided.Refund.DeniedAt != sent.Entered.Add(time.Second) {
		t.Fatalf("%v, first seen at %v", undecided.State, undecided.Refund.DeniedAt)
	}
	for name, c := range map[string]struct {
		look Event
		want State
	}{
		"again, before the lag is over":     {look(5*time.Second, ore42Pending, stranger), StateAwaitingRefund},
		"carried out all the same":          {look(5*time.Second, ore42Done, stranger), StateRefunded},
		"not carried out, by fresh books":   {look(11*time.Second, ore42Pending, stranger), StateDeclined},
		"the other one was, so it was ours": {look(5*time.Second, ore42Pending, StatementEntry{Minor: 500, Done: true}), StateDeclined},
	} {
		if r := journey(t, undecided, c.look); r.State != c.want {
			t.Errorf("%s: %v, want %v", name, r.State, c.want)
		}
	}
	if r := journey(t, sent, look(time.Second, ore42Pending)); r.State != StateDeclined {
		t.Errorf("with nobody else's: %v", r.State)
	}
	same := journey(t, sent, look(time.Second, ore42Pending, ore42Pending))
	if same.State != StateAwaitingRefund {
		t.Errorf("with another one of the same amount: %v", same.State)
	}
	beside := sent.Clone() // another one was under way when ours was sent
	beside.Refund.Before.Status, beside.Refund.Before.StatusRead = StatusRefundPending, true
	beside.Refund.Before.Entries = []StatementEntry{ore42Pending}
	if r := journey(t, beside, look(time.Second, ore42Pending)); r.State != StateAwaitingRefund {
		t.Errorf("with one that was under way before: %v", r.State)
	}
	if r := journey(t, beside, look(time.Second, ore42Pending), look(12*time.Second, ore42Pending, ore42Pending)); r.State != StateDeclined {
		t.Errorf("with one that was under way before, by a fresh statement: %v", r.State)
	}
}
