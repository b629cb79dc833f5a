package outbox

import (
	"slices"
	"testing"

	"tillpost/internal/proctest"
)

// forgetful is a ledger that leaves some requests out.
func forgetful(leaveOut func(Request) bool) func(*refundActor, []*refundActor) Ledger {
	return func(of *refundActor, all []*refundActor) Ledger {
		var rest []*refundActor
		for _, a := range all {
			if !leaveOut(a.r) {
				rest = append(rest, a)
			}
		}
		return honestLedger(of, rest)
	}
}

func inState(s State) func(Request) bool { return func(r Request) bool { return r.State == s } }

// deceived is Step with an event changed beforehand; the checks see the event as it was.
func deceived(change func(Request, *Event)) stepFunc {
	return func(r Request, e Event) (Request, []Effect) {
		change(r, &e)
		return Step(r, e)
	}
}

// refundMutants are machines or ledgers with one fault each.
var refundMutants = map[string]struct {
	step   stepFunc
	ledger func(*refundActor, []*refundActor) Ledger
}{
	"a doubt ends by an amount although there is one of the same amount": {step: deceived(func(_ Request, e *Event) { e.Ledger.SameAmount = 0 })},
	"a status that stood before is believed":                             {step: believesWhatStood},
	"books of any age are taken as fresh":                                {step: deceived(func(_ Request, e *Event) { freshen(&e.Statement.Seen, e.At) })},
	"the lag of the books is not waited for":                             {step: deceived(func(_ Request, e *Event) { e.StatementLag = 1 })},
	"unreadable books are taken for none":                                {step: deceived(func(_ Request, e *Event) { e.Statement.NotOurs = e.Statement.NotOurs || !e.Statement.Readable })},
	"a refusal after a busy answer is believed":                          {step: believesRefusal},
	"a refund that ended is not looked at again":                         {step: endsForGood},
	"two refunds of one order at a time":                                 {step: deceived(func(_ Request, e *Event) { e.Ledger.UnderWay = false })},
	"one beside a doubtful one":                                          {step: deceived(func(_ Request, e *Event) { e.Ledger.Doubtful = false })},
	"nothing is weighed": {step: deceived(func(_ Request, e *Event) {
		e.Ledger.SpentMinor, e.Statement.RefundedMinor, e.Statement.Entries = 0, 0, nil
	})},
	"the ledger ignores what is unresolved":                  {ledger: forgetful(inState(StateUnresolved))},
	"the ledger ignores approvals that were handed in":       {ledger: forgetful(inState(StateSubmitted))},
	"the ledger ignores what waits for an approval":          {ledger: forgetful(inState(StateAwaitingApproval))},
	"the ledger ignores what a busy answer may hide":         {ledger: forgetful(inState(StateQueued))},
	"a busy refund is repeated although the books changed":   {step: deceived(func(r Request, e *Event) { unchanged(r, e) })},
	"a resubmission without a person":                        {step: resubmitsItself},
	"what is left of the order is computed for each attempt": {step: computesAgain},
}

// freshen makes an answer one of this moment.
func freshen(s *Seen, now Instant) {
	if s.Answered != (Instant{}) {
		s.Answered, s.Broken = now, false
	}
}

// believesWhatStood takes any end in the order's refund status for that of this refund.
func believesWhatStood(r Request, e Event) (Request, []Effect) {
	if e.Type != StatementSeen || r.Refund.Before == nil {
		return Step(r, e)
	}
	deceived := r.Clone()
	before := *r.Refund.Before
	before.Status, before.StatusRead = StatusRefundNone, true
	deceived.Refund.Before = &before
	after, fx := Step(deceived, e)
	after.Refund.Before = r.Refund.Before
	return after, fx
}

func believesRefusal(r Request, e Event) (Request, []Effect) {
	if r.State == StateSending && e.Type == Refused {
		m := &transition{r: r.Clone(), e: e}
		m.end(StateRejected, e.Reason)
		return m.r, m.fx
	}
	return Step(r, e)
}

func endsForGood(r Request, e Event) (Request, []Effect) {
	after, fx := Step(r, e)
	return after, slices.DeleteFunc(fx, func(f Effect) bool { return f.Timer == TimerWatch })
}

func unchanged(r Request, e *Event) {
	if e.Type == Due && r.Busy > 0 {
		seen := e.Statement.Seen
		e.Statement = *r.Refund.Before
		e.Statement.Seen = seen
	}
}

func resubmitsItself(r Request, e Event) (Request, []Effect) {
	if r.State == StateInDoubt && e.Type == StatementSeen && e.Statement.Readable {
		return enter(r, StateQueued, e.At)
	}
	return Step(r, e)
}

func computesAgain(r Request, e Event) (Request, []Effect) {
	if e.Type == Due && r.Refund.Full {
		r.AmountMinor = 0
	}
	return Step(r, e)
}

func TestRefundMutantsAreCaught(t *testing.T) {
	if proctest.Race {
		t.Skip("each world is one goroutine; thousands of them take most of a minute then")
	}
	t.Parallel()
	for name, mutant := range refundMutants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(10_000) {
				w := newRefundWorld(Step, dice(seed))
				if mutant.step != nil {
					w.step = mutant.step
				}
				if mutant.ledger != nil {
					w.ledger = mutant.ledger
				}
				if err := w.live(200); err != nil {
					t.Logf("caught in world %d: %.200v", seed, err)
					return
				}
			}
			t.Error("survived 10,000 worlds")
		})
	}
}
