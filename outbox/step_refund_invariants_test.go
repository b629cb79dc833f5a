package outbox

import (
	"errors"
	"fmt"
	"slices"
	"time"
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
		*tr = trace{steps: tr.steps, repeated: tr.repeated}
	}
	tr.doubted = tr.doubted || after.State == StateInDoubt || after.State == StateUnresolved
	if before.State == StateSending && e.Type == Refused && tr.again && after.State == StateRejected {
		return errors.New("a refusal after a busy answer was believed")
	}
	tr.repeated = tr.repeated || starts && tr.busy
	if starts {
		tr.again = (tr.again || tr.busy) && len(after.Submissions) == len(before.Submissions)
	}
	if tr.busy = !starts && tr.busy; before.State == StateSending && e.Type == Busy {
		tr.busy, tr.busyAt = true, e.At
	}
	if starts {
		tr.pending, tr.calledOff = false, false
	}
	if e.Type == StatementSeen && e.Statement.StatusRead && e.Statement.Status == StatusRefundPending {
		tr.pending = true
	}
	if before.State == StateCancelling && e.Type == Done {
		tr.calledOff = true
	}
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
	case after.OrderUUID == "" || after.AmountMinor <= 0:
		return fmt.Errorf("a submission of %d øre for order %q", after.AmountMinor, after.OrderUUID)
	case e.Ledger.UnderWay || e.Ledger.Doubtful:
		return errors.New("a submission beside another one that is open")
	case !e.Statement.Readable && !e.Statement.NotOurs:
		return errors.New("a submission without a statement")
	}
	if err := dated(e.Statement.Seen, -time.Hour, e.Statement.Seen.Begun, e.At, true); err != nil {
		return fmt.Errorf("a submission on a statement that is not fresh: %w", err)
	}
	switch {
	case !tr.busy:
		return nil
	case was.Readable && e.Statement.Readable && (was.RefundedMinor != e.Statement.RefundedMinor || !slices.Equal(was.Entries, e.Statement.Entries)):
		return errors.New("a repeat after a busy answer although the statement changed")
	case was.StatusRead && e.Statement.StatusRead && was.Status != e.Statement.Status:
		return errors.New("a repeat after a busy answer although the refund status changed")
	case !(was.Readable && e.Statement.Readable) && (e.Policy.BusyMeans == BusyDoubt || !e.Statement.NotOurs):
		return errors.New("a repeat after a busy answer without a statement")
	}
	if err := dated(e.Statement.Seen, statementLagOf(e), tr.busyAt, e.At, true); err != nil {
		return fmt.Errorf("a repeat after a busy answer: %w", err)
	}
	return nil
}

func statementLagOf(e Event) time.Duration {
	if e.StatementLag == 0 {
		return e.Policy.DoubtCheck
	}
	return e.StatementLag
}

// checkRefundEnds: what makes a refund end, and that it has one amount only.
func checkRefundEnds(tr *trace, before Request, e Event, after Request, fx []Effect) error {
	if before.AmountMinor != 0 && before.AmountMinor != after.AmountMinor {
		return fmt.Errorf("the amount went from %d to %d", before.AmountMinor, after.AmountMinor)
	}
	if after.State == StateSending && linesSum(after) != after.AmountMinor {
		return fmt.Errorf("%d øre, and lines of %d", after.AmountMinor, linesSum(after))
	}
	if tr.repeated && after.Kind == KindRefund && (after.State == StateRejected || after.State == StateExpired) && !after.Watched() {
		return errors.New("sent again after a busy answer, and nobody looks whether it was done")
	}
	if err := checkLateRefund(before, e, after, fx); err != nil {
		return err
	}
	if before.State == after.State {
		return nil
	}
	switch {
	case after.State == StateRefunded && e.Type != StatementSeen && e.Type != Resolved && !(e.Type == Accepted && e.Final):
		return fmt.Errorf("refunded by %v", e.Type)
	case after.State == StateCancelled && before.State == StateAwaitingApproval:
		return errors.New("an approval was cancelled")
	case before.State == StateInDoubt && after.State == StateRefunded && e.Type != Accepted && !amountShown(before, e):
		return errors.New("a doubt ended by an amount that may be another's")
	case e.Type == StatementSeen && after.State == StateRejected:
		return refusalShown(before, e)
	case after.State == StateExpired && tr.busy:
		if err := nothingShown(before, e, tr.busyAt); err != nil {
			return fmt.Errorf("expired after a busy answer: %w", err)
		}
	case e.Type == StatementSeen && (after.State == StateRefunded || after.State == StateDeclined || after.State == StateCancelled):
		return endShown(tr, before, e, after)
	}
	return nil
}

// checkLateRefund: what had ended changes only by the statement, which shows it done after all, and a person is called for that.
func checkLateRefund(before Request, e Event, after Request, fx []Effect) error {
	ended := before.State.Final() && before.State != after.State && e.Type != Resolved
	late := ended && after.State == StateRefunded
	if n := countFx(fx, Alarm, AlarmLatePayment); late != (n == 1) || n > 1 || late && (!after.Late || !after.Alarmed) {
		return fmt.Errorf("refunded late %v, alarmed %d times", late, n)
	}
	switch {
	case !ended:
		return nil
	case e.Type != StatementSeen, !before.Watched(), !late && (after.Kind != KindApproval || after.State != StateSubmitted):
		return fmt.Errorf("%v changed %v to %v", e.Type, before.State, after.State)
	case !amountShown(before, e):
		return fmt.Errorf("%v became %v, and the statement does not show it", before.State, after.State)
	}
	return nil
}

// amountShown: the statement shows more of this amount than before the submission, more than others of ours may have entered since, and
// more than other requests of ours explain.
func amountShown(before Request, e Event) bool {
	b, was := e.Statement, before.Refund.Before
	done := func(b Statement) int {
		n := 0
		for _, entry := range b.Entries {
			if entry.Done && entry.Minor == before.AmountMinor {
				n++
			}
		}
		return n
	}
	ours := 0
	for _, ore := range e.Ledger.Done {
		if ore == before.AmountMinor {
			ours++
		}
	}
	entered := b.Readable && was != nil && was.Readable && done(b)-done(*was) > e.Ledger.SameAmount && done(b) > ours
	summed := b.Readable && was != nil && was.Readable && len(b.Entries) == 0 && b.RefundedMinor > was.RefundedMinor && e.Ledger.SameAmount == 0
	return entered || summed
}

// endShown: the end of a refund under way rests on the statement; where it is not ours, on a status that was seen to change.
func endShown(tr *trace, before Request, e Event, after Request) error {
	b, was := e.Statement, before.Refund.Before
	changed := b.StatusRead && (was != nil && was.StatusRead && was.Status != b.Status || before.Refund.Moved || tr.pending && !tr.restored)
	switch {
	case before.State.Final():
	case after.State == StateRefunded && amountShown(before, e):
	case after.State == StateRefunded && (!b.NotOurs || b.Status != StatusRefunded || !changed || e.Ledger.MayRefund):
		return fmt.Errorf("told refunded: the statement is not ours %v, the status changed %v, by another %v", b.NotOurs, changed, e.Ledger.MayRefund)
	case after.State == StateRefunded:
	case b.Status != StatusRefundDenied || !b.Readable && !b.NotOurs || e.Ledger.MayDeny:
		return fmt.Errorf("told %v by a status of %v", after.State, b.Status)
	case !changed && !tr.calledOff && !before.Refund.CalledOff:
		return fmt.Errorf("told %v by a status that stood before", after.State)
	}
	return nil
}

// nothingShown: the statement shows that nothing came of what was called busy, or nobody can read it and the API's word counts.
func nothingShown(before Request, e Event, since Instant) error {
	b, was := e.Statement, before.Refund.Before
	switch {
	case b.NotOurs && e.Policy.BusyMeans != BusyNotCreated, !b.NotOurs && !b.Readable:
		return errors.New("nobody read the statement")
	case b.Readable && (was == nil || !was.Readable || !slices.Equal(was.Entries, b.Entries) || was.RefundedMinor != b.RefundedMinor):
		return errors.New("the statement changed")
	case was != nil && was.StatusRead && b.StatusRead && was.Status != b.Status:
		return errors.New("the status changed")
	}
	return dated(b.Seen, statementLagOf(e), since, e.At, false)
}

// refusalShown: a refusal after a busy answer stands once the statement shows that nothing was done.
func refusalShown(before Request, e Event) error {
	if before.State != StateInDoubt || !before.RefusedBusy {
		return fmt.Errorf("rejected out of %v by the statement", before.State)
	}
	return nothingShown(before, e, before.Entered)
}

func linesSum(r Request) int64 {
	var sum int64
	for _, l := range r.Refund.Lines {
		sum += l.Minor
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
		if b.byHand || b.misled {
			continue
		}
		for _, r := range made {
			spent += r.ore
		}
	}
	if spent > 10000 {
		return fmt.Errorf("%d øre of an order of 10000 were paid back", spent)
	}
	// A person may have said what is not so, and another till's refunds of the same order can't be told from ours.
	if w.byHand || w.strange || before.State == a.r.State || before.State == StateQueued && a.r.State != StateExpired {
		return nil
	}
	return w.checkTruth(a)
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
	case StateDeclined, StateCancelled, StateRejected, StateExpired:
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
