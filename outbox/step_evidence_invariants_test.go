package outbox

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// checkRepeat: what was called busy is repeated, or ends as never sent, only after a search that began when the list must
// have shown it; and what was repeated is watched for good.
func checkRepeat(tr *trace, before Request, e Event, after Request, _ []Effect) error {
	starts := after.State == StateSending && before.State != StateSending
	expires := after.State == StateExpired && before.State != StateExpired
	if tr.busy && (starts || expires) {
		lag := e.ListLag
		if lag == 0 {
			lag = e.Policy.DoubtCheck
		}
		if err := allowed(e, lag, tr.busyAt, starts); err != nil {
			return fmt.Errorf("%v after a busy answer: %w", after.State, err)
		}
	}
	if before.State == StateSending && e.Type == Refused && tr.again && after.State == StateRejected {
		return errors.New("a refusal after a busy answer was believed")
	}
	if starts {
		tr.repeated = tr.repeated || tr.busy
		tr.again = (tr.again || tr.busy) && len(after.Submissions) == len(before.Submissions)
		tr.busy = false
	}
	if before.State == StateSending && e.Type == Busy {
		tr.busy, tr.busyAt = true, e.At
	}
	if tr.repeated && !after.MayHaveMore() {
		return errors.New("sent again after a busy answer, and nobody looks for a further order")
	}
	return nil
}

// allowed tells what a search is worth that began when it did.
func allowed(e Event, lag time.Duration, busyAt Instant, repeat bool) error {
	switch {
	case e.Search == SearchNone:
		return errors.New("not searched")
	case e.Search == SearchForbidden && e.Policy.BusyMeans == BusyDoubt:
		return errors.New("nothing can be searched, and the API's word does not count")
	case e.Search == SearchForbidden && !repeat:
		return nil
	}
	return dated(e.Seen, lag, busyAt, e.At, repeat)
}

// dated reports whether an answer is one on which something may rest.
func dated(s Seen, lag time.Duration, event, now Instant, fresh bool) error {
	began := s.Begun.Mono // since the boot, which came after the event
	switch {
	case s.Begun.Boot == event.Boot:
		began = s.Begun.Mono - event.Mono
	case s.Begun.Known && event.Known:
		began = millis(s.Begun.Wall - event.Wall)
	}
	switch {
	case s.Begun == (Instant{}):
		return errors.New("nobody knows when it was asked")
	case began < lag:
		return fmt.Errorf("asked %v after it, and the API shows it after %v", began, lag)
	case !fresh:
	case s.Broken:
		return errors.New("a call has failed since it was asked")
	case s.Answered.Boot != now.Boot || now.Mono-s.Answered.Mono > 5*time.Second:
		return errors.New("the answer is old")
	}
	return nil
}

// checkHints: an order that a callback named is kept until what was seen of it tells whose it is.
func checkHints(_ *trace, before Request, e Event, after Request, _ []Effect) error {
	held := func(r Request, uuid string) bool {
		return r.OrderUUID == uuid || slices.Contains(r.Further, uuid) || r.hint(uuid) >= 0
	}
	o := e.Order
	read := e.Type == HintRead && o.Details == DetailsRead
	for _, h := range before.Hints {
		missing, _ := e.At.Since(h.Missing)
		turnedDown := e.OrderUUID == h.OrderUUID && (read && (o.References == ReferencesOther || o.References == ReferencesOwn && o.AmountKnown && !o.AmountFits) ||
			e.Type == HintRead && o.Details == DetailsMissing && h.Missing != (Instant{}) && missing >= e.Policy.DoubtHold ||
			e.Type == HintRead && before.OrderUUID != "" && e.Status != StatusPending && e.Status != StatusPaid)
		if !held(after, h.OrderUUID) && !turnedDown {
			return fmt.Errorf("the order %s that a callback named was forgotten", h.OrderUUID)
		}
	}
	if e.Type == CallbackSeen && e.OrderUUID != "" && len(before.Hints) < hintsMost && !held(after, e.OrderUUID) {
		return fmt.Errorf("the order %s that a callback named was not kept", e.OrderUUID)
	}
	if len(after.Hints) > hintsMost+1 { // one that was adopted may be a hint again
		return fmt.Errorf("%d orders named", len(after.Hints))
	}
	taken := e.Type == HintRead && before.hint(e.OrderUUID) >= 0 && (after.OrderUUID == e.OrderUUID || slices.Contains(after.Further, e.OrderUUID))
	marked, unmarked := judged(o)
	switch {
	case taken && !marked && !unmarked:
		return fmt.Errorf("an order was taken for ours that may be another's: %+v", o)
	case taken && after.OrderUUID == e.OrderUUID && after.Unmarked != unmarked:
		return fmt.Errorf("adopted, unmarked %v: %+v", after.Unmarked, o)
	}
	return nil
}

// judged reports whether what was seen of an order makes it ours: by our mark, or without it.
func judged(o OrderSeen) (marked, unmarked bool) {
	read := o.Details == DetailsRead
	marked = read && o.References == ReferencesMarked
	unmarked = read && o.References == ReferencesOwn && o.AmountKnown && o.AmountFits || o.Details == DetailsNotOurs && o.Known
	return marked, unmarked
}

// checkUnmarked: an order in which no mark of ours was seen is never cancelled.
func checkUnmarked(_ *trace, before Request, e Event, after Request, fx []Effect) error {
	for _, f := range fx {
		byHand := e.Type == Resolved && !after.Unmarked // a person has named it
		if f.Type == SendCancel && !byHand && (before.Unmarked && f.OrderUUID == before.OrderUUID || after.Unmarked && f.OrderUUID == after.OrderUUID) {
			return errors.New("an order without our mark is cancelled")
		}
	}
	if after.Unmarked && (after.OrderUUID == "" || after.State == StateCancelling) {
		return fmt.Errorf("in state %v with an unmarked order %q", after.State, after.OrderUUID)
	}
	if before.Unmarked && !after.Unmarked && before.OrderUUID == after.OrderUUID && e.Type != Resolved {
		return errors.New("nobody remembers that our mark was not seen")
	}
	return nil
}
