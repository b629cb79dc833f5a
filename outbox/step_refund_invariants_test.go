package outbox

import (
	"errors"
	"fmt"
	"slices"
)

// checkRefundSubmission: when a refund may be sent.
func checkRefundSubmission(tr *trace, before Request, e Event, after Request, fx []Effect) error {
	starts := after.State == StateSending && before.State != StateSending
	if starts != (countFx(fx, Submit, "") == 1) {
		return fmt.Errorf("%d Submit on the way from %v to %v", countFx(fx, Submit, ""), before.State, after.State)
	}
	if starts {
		if err := mayStart(tr, before, e, after); err != nil {
			return err
		}
	}
	if before.State == StateInDoubt && after.State == StateQueued && e.Resolution != Resubmit {
		return fmt.Errorf("out of doubt to %v by %v", after.State, e.Type)
	}
	if err := checkMarks(before, after, starts, fx); err != nil {
		return err
	}
	if e.Type == Resolved && after.State == StateQueued {
		*tr = trace{steps: tr.steps}
	}
	tr.doubted = tr.doubted || after.State == StateInDoubt || after.State == StateUnresolved
	tr.busy = !starts && (tr.busy || before.State == StateSending && e.Type == Busy)
	tr.created = tr.created || e.Type == Accepted && before.State == StateSending
	return nil
}

func mayStart(tr *trace, before Request, e Event, after Request) error {
	was := before.Refund.Before
	switch {
	case before.State != StateQueued || e.Type != Due:
		return fmt.Errorf("a submission out of %v by %v", before.State, e.Type)
	case before.CancelWanted:
		return errors.New("a submission although a cancel is wanted")
	case tr.doubted:
		return errors.New("a submission in doubt, and no person chose it")
	case tr.created:
		return errors.New("a submission although the API has taken one")
	case after.OrderUUID == "" || after.AmountOre <= 0:
		return fmt.Errorf("a submission of %d øre for order %q", after.AmountOre, after.OrderUUID)
	case e.Ledger.UnderWay || e.Ledger.Doubtful:
		return errors.New("a submission beside another one that is open")
	case !tr.busy:
		return nil
	case was.Readable && e.Books.Readable && (was.RefundedOre != e.Books.RefundedOre || !slices.Equal(was.Entries, e.Books.Entries)):
		return errors.New("a repeat after a busy answer although the books changed")
	case was.StatusRead && e.Books.StatusRead && was.Status != e.Books.Status:
		return errors.New("a repeat after a busy answer although the refund status changed")
	case !(was.Readable && e.Books.Readable) && e.Policy.BusyMeans == BusyDoubt:
		return errors.New("a repeat after a busy answer without a look at the books")
	}
	return nil
}

// checkRefundEnds: what makes a refund end, and that it has one amount only.
func checkRefundEnds(_ *trace, before Request, e Event, after Request, _ []Effect) error {
	if before.AmountOre != 0 && before.AmountOre != after.AmountOre {
		return fmt.Errorf("the amount went from %d to %d", before.AmountOre, after.AmountOre)
	}
	if after.State == StateSending && linesSum(after) != after.AmountOre {
		return fmt.Errorf("%d øre, and lines of %d", after.AmountOre, linesSum(after))
	}
	if before.State == after.State {
		return nil
	}
	switch {
	case after.State == StateRefunded && e.Type != StatusSeen && e.Type != BooksSeen && e.Type != Resolved && !(e.Type == Accepted && e.Final):
		return fmt.Errorf("refunded by %v", e.Type)
	case after.State == StateCancelled && before.State == StateAwaitingApproval:
		return errors.New("an approval was cancelled")
	case before.State == StateInDoubt && after.State == StateRefunded && e.Type != Accepted && e.Ledger.Twin:
		return errors.New("a doubt ended by an amount that may be another's")
	case before.State.Final() && before.State != StateUnresolved:
		return fmt.Errorf("%v changed %v to %v", e.Type, before.State, after.State)
	}
	return nil
}

func linesSum(r Request) int64 {
	var sum int64
	for _, l := range r.Refund.Lines {
		sum += l.Ore
	}
	return sum
}

// check holds the whole order to its promises.
func (w *refundWorld) check(a *refundActor, before Request) error {
	var spent int64
	for _, b := range w.actors {
		made := w.api.made(b)
		// One that a busy answer hid, and that was turned down before anybody looked, left no trace.
		made = slices.DeleteFunc(made, func(r *apiRefund) bool { return r.status == StatusRefundDenied })
		if len(made) > 1+b.resubmits {
			return fmt.Errorf("%s: %d refunds exist, and a person allowed %d more than one", b.r.ID, len(made), b.resubmits)
		}
		b.misled = b.misled || w.strange && (b.r.State == StateCancelled || b.r.State == StateDeclined)
		if b.byHand || b.hidden || b.misled {
			continue
		}
		for _, r := range made {
			spent += r.ore
		}
	}
	if spent > 10000 {
		return fmt.Errorf("%d øre of an order of 10000 were paid back", spent)
	}
	// A person may have said what is not so, and another till's refunds of the same order, or one that a busy answer hid
	// until its time to live was over, can't be told from ours.
	if w.byHand || w.strange || w.hidden() || before.State == a.r.State || before.State == StateQueued {
		return nil
	}
	return w.checkTruth(a)
}

func (w *refundWorld) hidden() bool {
	return slices.ContainsFunc(w.actors, func(a *refundActor) bool { return a.hidden })
}

// checkTruth: what is told is so.
func (w *refundWorld) checkTruth(a *refundActor) error {
	is := func(s OrderStatus) bool {
		return slices.ContainsFunc(w.api.made(a), func(r *apiRefund) bool { return r.status == s })
	}
	switch a.r.State {
	case StateRefunded:
		if !is(StatusRefunded) {
			return errors.New("told refunded, and is not")
		}
	case StateDeclined, StateCancelled:
		if is(StatusRefunded) || is(StatusRefundPending) {
			return fmt.Errorf("told %v, and is not", a.r.State)
		}
	case StateAwaitingRefund, StateAwaitingApproval, StateSubmitted:
		if len(w.api.made(a)) == 0 {
			return fmt.Errorf("told %v, and nothing is there", a.r.State)
		}
	}
	return nil
}
