package outbox

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"unsafe"
)

// trace is what the invariants have to remember of a request's past.
type trace struct {
	steps int
	// doubted: no person has yet allowed another submission.
	doubted bool
	// busy: the last submission was answered "busy", and no search is known to have followed; busyAt is when.
	busy   bool
	busyAt Instant
	// repeated: it was sent again after such an answer, again: its present submission was.
	repeated, again bool
	// pending: the order's refund status was seen under way since the submission; calledOff: our cancel of it was carried out.
	pending, calledOff bool
	// restored: from an older copy, so that more may have happened than is remembered here.
	restored bool
	// created: the API told the uuid of an order of ours.
	created bool
	// left: a byte of it may have left.
	left bool
}

// deepCopy shares nothing with r.
func deepCopy(r Request) Request {
	r.Body = slices.Clone(r.Body)
	r.Further, r.FurtherPaid = slices.Clone(r.Further), slices.Clone(r.FurtherPaid)
	r.Hints, r.Earlier = slices.Clone(r.Hints), slices.Clone(r.Earlier)
	r.Submissions, r.History = slices.Clone(r.Submissions), slices.Clone(r.History)
	r.Finished, r.Waiting, r.Reason = copied(r.Finished), copied(r.Waiting), copied(r.Reason)
	if r.Refund = copied(r.Refund); r.Refund != nil {
		r.Refund.Lines = slices.Clone(r.Refund.Lines)
		if r.Refund.Before = copied(r.Refund.Before); r.Refund.Before != nil {
			r.Refund.Before.Entries = slices.Clone(r.Refund.Before.Entries)
		}
	}
	return r
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

func sharesArray[T any](a, b []T) bool {
	return cap(a) > 0 && cap(b) > 0 && unsafe.SliceData(a) == unsafe.SliceData(b)
}

func countFx(fx []Effect, t EffectType, code string) int {
	n := 0
	for _, f := range fx {
		if f.Type == t && (code == "" || f.Code == code) {
			n++
		}
	}
	return n
}

// checkedStep runs a step and holds it to every promise of the machine, of which an error tells the first one broken.
func checkedStep(step stepFunc, tr *trace, before Request, e Event) (after Request, fx []Effect, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
		if err != nil {
			err = fmt.Errorf("%v, %v %+v: %w", before.State, e.Type, e, err)
		}
	}()
	if tr.steps++; tr.steps%4 == 0 { // a look at each step would take most of the time
		if err := checkPure(step, before, e); err != nil {
			return before, nil, err
		}
	}
	after, fx = step(before, e)
	if sharesArray(before.History, after.History) || sharesArray(before.Submissions, after.Submissions) ||
		sharesArray(before.Hints, after.Hints) || sharesArray(before.Earlier, after.Earlier) || sharesArray(before.Further, after.Further) || sharesArray(before.FurtherPaid, after.FurtherPaid) {
		return after, fx, errors.New("the output shares a slice with the input")
	}
	checks := []func(*trace, Request, Event, Request, []Effect) error{checkRevision, checkRecord, checkEffects, checkMoved}
	if before.Kind == KindOrder {
		checks = append(checks, checkSubmission, checkRepeat, checkFinal, checkPaid, checkOrders, checkHints, checkUnmarked)
	} else {
		checks = append(checks, checkRefundSubmission, checkRefundEnds)
	}
	for _, check := range checks {
		if err := check(tr, before, e, after, fx); err != nil {
			return after, fx, err
		}
	}
	return after, fx, nil
}

func checkPure(step stepFunc, before Request, e Event) error {
	was := deepCopy(before)
	after, fx := step(before, e)
	again, fxAgain := step(before, e)
	switch {
	case !same(after, again) || !reflect.DeepEqual(fx, fxAgain):
		return errors.New("not pure: the same input gave two outputs")
	case !reflect.DeepEqual(was, before):
		return errors.New("not pure: the input was changed")
	}
	return nil
}

// same reports whether two requests say the same. A copy, which shares all that it refers to, needs no look into that.
func same(a, b Request) bool {
	bytesOf := func(r *Request) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(r)), unsafe.Sizeof(*r)) }
	return bytes.Equal(bytesOf(&a), bytesOf(&b)) || reflect.DeepEqual(a, b)
}

// checkRevision: the revision grows by one with each durable change, or nothing durable changes.
func checkRevision(_ *trace, before Request, e Event, after Request, fx []Effect) error {
	told := 0
	for _, f := range fx {
		if f.Type == Publish && f.Waiting == nil {
			told++
		}
	}
	switch after.Revision - before.Revision {
	case 0:
		if !same(before, after) {
			return fmt.Errorf("changed without a revision, so it would be lost:\n%+v\n%+v", before, after)
		}
	case 1:
		last := after.History[len(after.History)-1]
		if last.Revision != after.Revision || last.State != after.State {
			return fmt.Errorf("the journal's last entry is %+v", last)
		}
		if told != 1 {
			return fmt.Errorf("a durable change told %d times", told)
		}
		if after.State != before.State && after.Entered != e.At {
			return errors.New("a state entered without its time")
		}
	default:
		return fmt.Errorf("revision went from %d to %d", before.Revision, after.Revision)
	}
	return nil
}

// checkRecord: what is kept, and how much of it.
func checkRecord(_ *trace, _ Request, _ Event, after Request, _ []Effect) error {
	keeps := !after.State.Final() || after.State == StateUnresolved
	switch {
	case !slices.Contains(States(after.Kind), after.State):
		return fmt.Errorf("a %v in state %v", after.Kind, after.State)
	case after.State == StateQueued && after.CancelWanted && after.Busy == 0:
		return errors.New("queued, and a cancel waits for nothing")
	case keeps != (len(after.Body) > 0):
		return fmt.Errorf("in state %v with a body of %d bytes", after.State, len(after.Body))
	case after.State.Final() != (after.Finished != nil):
		return fmt.Errorf("in state %v, finished %v", after.State, after.Finished)
	case len(after.History) > historyCap || uint64(len(after.History)+after.Folded) != after.Revision:
		return fmt.Errorf("%d entries and %d folded at revision %d", len(after.History), after.Folded, after.Revision)
	case (after.State == StateAwaitingCustomer || after.State == StateCancelling || after.State == StatePaid) && after.OrderUUID == "":
		return fmt.Errorf("in state %v without an order", after.State)
	}
	return nil
}

// checkSubmission: when the call that creates may be made, and under which mark.
func checkSubmission(tr *trace, before Request, e Event, after Request, fx []Effect) error {
	submits := countFx(fx, Submit, "")
	starts := after.State == StateSending && before.State != StateSending
	switch {
	case starts != (submits == 1), submits > 1:
		return fmt.Errorf("%d Submit on the way from %v to %v", submits, before.State, after.State)
	case starts && (before.State != StateQueued || e.Type != Due):
		return fmt.Errorf("a submission out of %v by %v", before.State, e.Type)
	case starts && before.CancelWanted:
		return errors.New("a submission although a cancel is wanted")
	case starts && tr.doubted:
		return errors.New("a submission in doubt, and no person chose it")
	case starts && tr.created:
		return errors.New("a submission although an order exists")
	case starts && len(before.Hints) > 0:
		return errors.New("a submission although a callback named an order")
	case before.State == StateInDoubt && (after.State == StateQueued || after.State == StateSending) && e.Resolution != Resubmit:
		return fmt.Errorf("out of doubt to %v by %v", after.State, e.Type)
	}
	if err := checkMarks(before, after, starts, fx); err != nil {
		return err
	}
	if e.Type == Resolved && after.State == StateQueued && before.State != StateQueued {
		tr.doubted, tr.busy = false, false
	}
	if after.State == StateInDoubt || after.State == StateUnresolved {
		tr.doubted = true
	}
	if (e.Type == Accepted || e.Type == Found) && e.OrderUUID != "" {
		tr.created = true
	}
	return nil
}

// checkMarks: one new mark for each submission, shared by its busy repeats, and none is ever lost.
func checkMarks(before, after Request, starts bool, fx []Effect) error {
	grown := len(after.Submissions) - len(before.Submissions)
	fresh := starts && (before.Fresh || len(before.Submissions) == 0)
	if grown != 0 && grown != 1 || (grown == 1) != fresh {
		return fmt.Errorf("%d marks became %d, fresh %v", len(before.Submissions), len(after.Submissions), before.Fresh)
	}
	for i, s := range before.Submissions {
		if after.Submissions[i].Mark != s.Mark || after.Submissions[i].Shown != s.Shown {
			return fmt.Errorf("mark %d changed", i)
		}
	}
	if i := slices.IndexFunc(fx, func(f Effect) bool { return f.Type == Submit }); i >= 0 && fx[i].Mark != after.Mark() {
		return fmt.Errorf("submitted under %q, recorded %q", fx[i].Mark, after.Mark())
	}
	return nil
}

// checkFinal: an end changes only by late evidence or by a person, who may only reopen what is unresolved.
func checkFinal(_ *trace, before Request, e Event, after Request, _ []Effect) error {
	if !before.State.Final() || before.State == after.State {
		return nil
	}
	switch e.Type {
	case StatusSeen, Found, Accepted, Refused, HintRead:
		if !after.State.Final() {
			return fmt.Errorf("%v reopened %v", e.Type, before.State)
		}
	case Resolved:
		if before.State != StateUnresolved {
			return fmt.Errorf("a resolution changed %v", before.State)
		}
	default:
		return fmt.Errorf("%v changed %v to %v", e.Type, before.State, after.State)
	}
	if before.State == StatePaid {
		return errors.New("paid became something else")
	}
	return nil
}

// checkPaid: a payment is never swallowed, a late one is told as such, and a person called exactly once.
func checkPaid(_ *trace, before Request, e Event, after Request, fx []Effect) error {
	refusedPaid := e.Type == Refused && e.Reason != nil && e.Reason.Code == CodeAlreadyPaid
	about := e.OrderUUID
	if about == "" && refusedPaid {
		about = before.OrderUUID
	}
	marked, unmarked := judged(e.Order)
	taken := e.Type == HintRead && before.hint(e.OrderUUID) >= 0 && (marked || unmarked)
	known := e.Type == StatusSeen && (before.OrderUUID == e.OrderUUID || slices.Contains(before.Further, e.OrderUUID))
	paid := (known || e.Type == Found || taken) && e.Status == StatusPaid ||
		refusedPaid && (before.State == StateCancelling || before.State.Final() || slices.Contains(before.Further, about))
	if paid && about != "" {
		own := about == before.OrderUUID
		switch {
		case own && after.State != StatePaid && before.State != StateQueued:
			return fmt.Errorf("a payment was swallowed: %v", after.State)
		case !own && e.Type != Refused && after.OrderUUID != about && !slices.Contains(after.FurtherPaid, about):
			return errors.New("the payment of a further order was swallowed")
		case !own && slices.Contains(before.Further, about) && after.OrderUUID != about && !slices.Contains(after.FurtherPaid, about):
			return errors.New("the refused cancel of a further order was swallowed")
		}
	}
	late := before.State.Final() && before.State != StatePaid && after.State == StatePaid && e.Type != Resolved // a person knew
	if n := countFx(fx, Alarm, AlarmLatePayment); late && (n != 1 || !after.Late || !after.Alarmed) || !late && n != 0 {
		return fmt.Errorf("late payment %v, alarmed %d times, late %v", late, n, after.Late)
	}
	if after.Late && after.State != StatePaid {
		return fmt.Errorf("late in state %v", after.State)
	}
	if n := countFx(fx, Alarm, AlarmFurtherOrder); n != len(after.FurtherPaid)-len(before.FurtherPaid) {
		return fmt.Errorf("%d alarms for a further payment, known %v, before %v", n, after.FurtherPaid, before.FurtherPaid)
	}
	return nil
}

// checkOrders: an order once known is never forgotten, and stands in one place only.
func checkOrders(_ *trace, before Request, _ Event, after Request, _ []Effect) error {
	known := func(uuid string) bool {
		hinted := before.Unmarked && uuid == before.OrderUUID && after.hint(uuid) >= 0
		return after.OrderUUID == uuid || slices.Contains(after.Further, uuid) || hinted
	}
	for _, uuid := range append([]string{before.OrderUUID}, before.Further...) {
		if uuid != "" && !known(uuid) {
			return fmt.Errorf("order %s was forgotten", uuid)
		}
	}
	all := append([]string{after.OrderUUID}, after.Further...)
	slices.Sort(all)
	if len(slices.Compact(all)) != 1+len(after.Further) {
		return fmt.Errorf("an order stands twice: %s, %v", after.OrderUUID, after.Further)
	}
	return nil
}

// checkEffects: effects that can be carried out, and no silent or half-ignored events.
func checkEffects(_ *trace, before Request, _ Event, after Request, fx []Effect) error {
	ignored := countFx(fx, Ignored, "")
	if ignored > 0 && (len(fx) != 1 || after.Revision != before.Revision) {
		return fmt.Errorf("ignored, and yet %v", effectWords(fx, true))
	}
	for _, f := range fx {
		switch f.Type {
		case WakeAt:
			if f.After < 0 || f.Timer == 0 {
				return fmt.Errorf("%v after %v", f.Timer, f.After)
			}
			awaited := after.State == StateAwaitingCustomer && after.MayHaveMore()
			ends := after.State.Final() && f.Timer != TimerWatch && f.Timer != TimerHint
			if f.Timer == TimerWatch && !awaited && !after.Watched() || f.Timer == TimerHint && len(after.Hints) == 0 || ends {
				return fmt.Errorf("timer %v in state %v", f.Timer, after.State)
			}
		case Query, SendCancel, SendResend, Judge:
			if f.OrderUUID == "" {
				return fmt.Errorf("%v of no order", f.Type)
			}
		case Alarm, Ignored:
			if f.Code == "" {
				return fmt.Errorf("%v without a code", f.Type)
			}
		default:
		}
	}
	return nil
}
