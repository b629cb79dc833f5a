package outbox

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func judges(fx []Effect) (uuids []string) {
	for _, f := range fx {
		if f.Type == Judge {
			uuids = append(uuids, f.OrderUUID)
		}
	}
	return uuids
}

// TestACallbackIsKept: "busy", though the order was created and its callback came; the look at it fails again and again. It is
// not sent a second time, over restarts neither, and is adopted once it can be read.
func TestACallbackIsKept(t *testing.T) {
	t.Parallel()
	for name, before := range map[string][]Event{
		"named while it was sent":     {evDue, evHint, evBusy},
		"named after the busy answer": {evDue, evBusy, evHint},
		"named twice":                 {evDue, evHint, evHint, evBusy, evHint},
	} {
		r := journey(t, stepOrder(), before...)
		if len(r.Hints) != 1 || r.Hints[0].OrderUUID != "order3" {
			t.Fatalf("%s: %+v", name, r.Hints)
		}
		for i, seen := range []OrderSeen{seenUnread, seenGone, seenNull, {Details: DetailsNotOurs}} {
			r = journey(t, r, hintSeen(seen, StatusPaid))
			sent, fx := stepAt(r, evAgain, r.Entered.Add(time.Duration(i+1)*time.Minute))
			if sent.State != StateQueued || !slices.Equal(judges(fx), []string{"order3"}) {
				t.Errorf("%s, after look %d: %v, %v", name, i, sent.State, effectWords(fx, true))
			}
			wantWake(t, fx, TimerRetry, searchRetry)
			if fx[1].Waiting == nil || fx[1].Waiting.Code != WaitChecking {
				t.Errorf("%s: told %+v", name, fx[1])
			}
			again, fx := stepAt(r, Event{Type: Restarted}, r.Entered.Add(time.Minute))
			if again.Revision != r.Revision || !slices.Equal(judges(fx), []string{"order3"}) {
				t.Errorf("%s, restarted: %v", name, effectWords(fx, true))
			}
		}
		doubt, _ := stepAt(r, Event{Type: Expired}, stepStart.Add(10*time.Minute))
		wantState(t, doubt, StateInDoubt, "")
		r = journey(t, r, hintSeen(seenMarked, StatusPending))
		if r.State != StateAwaitingCustomer || r.OrderUUID != "order3" || r.Unmarked || len(r.Hints) != 0 || r.Busy != 0 {
			t.Errorf("%s: %v, %q, unmarked %v", name, r.State, r.OrderUUID, r.Unmarked)
		}
	}
}

// TestACallbackOfAnother is turned down, and what waited for that goes on.
func TestACallbackOfAnother(t *testing.T) {
	t.Parallel()
	busy := journey(t, stepOrder(), evDue, evBusy, evHint)
	wrong := seenOwn
	wrong.AmountFits = false
	for name, seen := range map[string]OrderSeen{"other references": seenOther, "our references, another amount": wrong} {
		r, fx := stepAt(busy, hintSeen(seen, StatusPaid), busy.Entered.Add(2*time.Second))
		if len(r.Hints) != 0 || r.State != StateQueued || r.OrderUUID != "" {
			t.Errorf("%s: %v, %+v", name, r.State, r.Hints)
		}
		wantWake(t, fx, TimerRetry, 0)
		wantState(t, journey(t, r, Event{Type: Due, Search: SearchClear, ListLag: stepLag, At: r.Entered.Add(3 * time.Second)}), StateSending, "")
	}
}

// TestACallbackOfNoOrder is turned down once the API has said for doubt_hold that there is none, without a break.
func TestACallbackOfNoOrder(t *testing.T) {
	t.Parallel()
	doubt := journey(t, stepOrder(), evDue, evAmbiguous, evHint)
	from := doubt.Entered.Add(time.Minute)
	look := func(r Request, after time.Duration, seen OrderSeen) (Request, []Effect) {
		return stepAt(r, hintSeen(seen, StatusPending), from.Add(after))
	}
	hold := stepPolicy().DoubtHold
	r, fx := look(doubt, 0, seenGone)
	wantWake(t, fx, TimerHint, searchRetry)
	if early, fx := look(r, hold-ms, seenGone); len(early.Hints) != 1 {
		t.Error("turned down too early")
	} else {
		wantWake(t, fx, TimerHint, searchRetry)
	}
	if over, _ := look(r, hold, seenGone); len(over.Hints) != 0 || over.State != StateInDoubt {
		t.Errorf("%v, %+v", over.State, over.Hints)
	}
	r, _ = look(r, time.Minute, seenUnread) // tells nothing either way
	r, _ = look(r, 2*time.Minute, seenNull)
	if r, _ = look(r, hold, seenGone); len(r.Hints) != 1 {
		t.Error("turned down although it was there meanwhile")
	}
}

// TestHintsAreBounded, so that nobody fills the outbox by calls.
func TestHintsAreBounded(t *testing.T) {
	t.Parallel()
	r := journey(t, stepOrder(), evDue, evAmbiguous)
	for i := range hintsMost {
		if r.HintsFull() {
			t.Fatalf("full with %d", i)
		}
		r = journey(t, r, Event{Type: CallbackSeen, OrderUUID: fmt.Sprint("order", i+10)})
	}
	full, fx := stepAt(r, evHint, r.Entered.Add(time.Minute))
	if !r.HintsFull() || full.Revision != r.Revision || countFx(fx, Ignored, ignoredStale) != 1 {
		t.Errorf("%d hints, %v", len(full.Hints), effectWords(fx, true))
	}
}

// TestHintsAfterTheEnd are looked at like a payment that may come late, until the record is pruned.
func TestHintsAfterTheEnd(t *testing.T) {
	t.Parallel()
	ended := journey(t, stepOrder(), evDue, evAmbiguous, evHint, evHold)
	for since, want := range map[time.Duration]time.Duration{
		0: time.Minute, 10*time.Minute - ms: time.Minute, 10 * time.Minute: 10 * time.Minute, 600 * time.Hour: 10 * time.Minute,
	} {
		for _, e := range []Event{{Type: Restarted}, hintSeen(seenUnread, StatusPending)} {
			after, fx := stepAt(ended, e, ended.Finished.Add(since))
			wantWake(t, fx, TimerHint, want)
			if after.Revision != ended.Revision {
				t.Errorf("%v, %v after the end: a write", e.Type, since)
			}
		}
	}
	at := ended.Finished.Add(100 * time.Hour)
	paid, fx := stepAt(ended, hintSeen(seenMarked, StatusPaid), at)
	if paid.State != StatePaid || !paid.Late || countFx(fx, Alarm, AlarmLatePayment) != 1 {
		t.Errorf("%v, %v", paid.State, effectWords(fx, true))
	}
	_, fx = stepAt(ended, hintSeen(seenMarked, StatusPending), at)
	if countFx(fx, SendCancel, "") != 1 {
		t.Errorf("unpaid, with our mark: %v", effectWords(fx, true))
	}
	mine, fx := stepAt(ended, hintSeen(seenOwn, StatusPending), at)
	if countFx(fx, SendCancel, "") != 0 || mine.OrderUUID != "order3" || !mine.Unmarked {
		t.Errorf("unpaid, without our mark: %v", effectWords(fx, true))
	}
}

// TestUnmarkedIsNeverCancelled: what was adopted without our mark may be another till's. It stays where it is, and ends
// unresolved with the customer's time; a wish to cancel is kept.
func TestUnmarkedIsNeverCancelled(t *testing.T) {
	t.Parallel()
	unmarked := []Event{evDue, evAmbiguous, evHint, hintSeen(seenOwn, StatusPending)}
	r := journey(t, stepOrder(), unmarked...)
	wished := journey(t, r, evWish)
	pending := Event{Type: StatusSeen, OrderUUID: "order3", Status: StatusPending}
	for name, c := range map[string]struct {
		r    Request
		e    Event
		want State
	}{
		"its time is over":        {r, Event{Type: CustomerTimeout}, StateUnresolved},
		"a cancel is wanted":      {r, evWish, StateAwaitingCustomer},
		"cancel, then time over":  {wished, Event{Type: CustomerTimeout}, StateUnresolved},
		"cancel, then pending":    {wished, pending, StateAwaitingCustomer},
		"wished before it was":    {journey(t, stepOrder(), evDue, evAmbiguous, evWish, evHint), hintSeen(seenOwn, StatusPending), StateAwaitingCustomer},
		"ended, and pending":      {journey(t, r, Event{Type: CustomerTimeout}), pending, StateUnresolved},
		"restored, and pending":   {AfterRestore(wished, wished.Entered.Add(time.Hour)), pending, StateAwaitingCustomer},
		"another one found, ours": {r, Event{Type: Found, OrderUUID: "order2"}, StateAwaitingCustomer},
	} {
		after, fx := stepAt(c.r, c.e, c.r.Entered.Add(5*time.Minute))
		for _, f := range fx {
			if f.Type == SendCancel && f.OrderUUID == "order3" {
				t.Errorf("%s: %v", name, effectWords(fx, true))
			}
		}
		if after.State != c.want || !after.Unmarked {
			t.Errorf("%s: %v, unmarked %v", name, after.State, after.Unmarked)
		}
	}
	if !r.MayHaveMore() || !journey(t, r, Event{Type: CustomerTimeout}).Watched() {
		t.Error("nobody looks for the order that bears our mark")
	}
	named := journey(t, r, Event{Type: CustomerTimeout}, Event{Type: Resolved, Resolution: Adopt, OrderUUID: "order3", By: "Kari"})
	if named.Unmarked || named.State != StateAwaitingCustomer {
		t.Errorf("a person's word: %v, unmarked %v", named.State, named.Unmarked)
	}
}

// TestUnmarkedGivesWay: an order of ours that is found paid, or named by a person, takes the place of one that may be another
// till's. That one is a hint again: an answer about it does not have it cancelled.
func TestUnmarkedGivesWay(t *testing.T) {
	t.Parallel()
	ended := journey(t, stepOrder(), evDue, evAmbiguous, evHint, hintSeen(seenOwn, StatusPending), Event{Type: CustomerTimeout})
	for name, e := range map[string]Event{
		"found":  {Type: Found, OrderUUID: "order1", Status: StatusPaid},
		"named":  {Type: Resolved, Resolution: Adopt, OrderUUID: "order1", Status: StatusPaid, By: "Kari"},
		"hinted": {Type: HintRead, OrderUUID: "order1", Order: seenMarked, Status: StatusPaid},
	} {
		r := journey(t, ended, Event{Type: CallbackSeen, OrderUUID: "order1"}, e)
		if r.State != StatePaid || r.OrderUUID != "order1" || r.Unmarked || len(r.Further) != 0 || r.hint("order3") < 0 {
			t.Fatalf("%s: %v, %q, further %v, hints %+v", name, r.State, r.OrderUUID, r.Further, r.Hints)
		}
		late, fx := stepAt(r, Event{Type: StatusSeen, OrderUUID: "order3", Status: StatusPending}, r.Entered.Add(time.Second))
		if late.Revision != r.Revision || countFx(fx, SendCancel, "") != 0 {
			t.Errorf("%s: %v", name, effectWords(fx, true))
		}
		paid, fx := stepAt(r, hintSeen(seenOwn, StatusPaid), r.Entered.Add(time.Second))
		if countFx(fx, Alarm, AlarmFurtherOrder) != 1 || paid.OrderUUID != "order1" {
			t.Errorf("%s: %v", name, effectWords(fx, true))
		}
	}
	// And what is not proven takes no proven order's place, paid or not.
	own := journey(t, stepOrder(), evDue, evAccepted, evHint, evStatus(StatusDeclined))
	paid, fx := stepAt(own, hintSeen(seenOwn, StatusPaid), own.Entered.Add(time.Second))
	if paid.State != StateDeclined || paid.OrderUUID != "order1" || countFx(fx, Alarm, AlarmFurtherOrder) != 1 {
		t.Errorf("%v, %q, %v", paid.State, paid.OrderUUID, effectWords(fx, true))
	}
}

// TestAStrangersStatusIsNoFind: the status of an order that is not known to be ours adopts nothing and cancels nothing.
func TestAStrangersStatusIsNoFind(t *testing.T) {
	t.Parallel()
	for _, events := range [][]Event{
		{evDue, evAmbiguous}, {evDue, evAmbiguous, evHint}, {evDue, evBusy}, {evDue, evAccepted}, {evDue, evAmbiguous, evHold},
		{evDue, evAccepted, evWish, evStatus(StatusCancelled)},
	} {
		r := journey(t, stepOrder(), events...)
		for _, s := range []OrderStatus{StatusPending, StatusPaid} {
			after, fx := stepAt(r, Event{Type: StatusSeen, OrderUUID: "order3", Status: s}, r.Entered.Add(time.Second))
			if after.Revision != r.Revision || countFx(fx, Ignored, ignoredStale) != 1 {
				t.Errorf("%v: %v, %v", r.State, after.State, effectWords(fx, true))
			}
		}
	}
}

// TestResubmitBehindAHint waits until what a callback named is judged.
func TestResubmitBehindAHint(t *testing.T) {
	t.Parallel()
	again := Event{Type: Resolved, Resolution: Resubmit, Search: SearchClear, By: "Kari"}
	for _, events := range [][]Event{{evDue, evAmbiguous, evHint}, {evDue, evAmbiguous, evHint, evHold}} {
		r := journey(t, stepOrder(), events...)
		at := r.Entered.Add(time.Hour)
		if after, fx := stepAt(r, again, at); after.Revision != r.Revision || countFx(fx, Ignored, IgnoredHint) != 1 {
			t.Errorf("%v: %v, %v", r.State, after.State, effectWords(fx, true))
		}
		r = journey(t, r, hintSeen(seenOther, StatusPaid))
		if after, _ := stepAt(r, again, at); after.State != StateQueued {
			t.Errorf("judged: %v", after.State)
		}
	}
	// The resolution behind it ends with its own time, and says what it waited for.
	judging := &Reason{Code: WaitChecking, Message: "a callback named an order that is not judged yet"}
	res := journey(t, stepControl(KindResolution), Event{Type: Due}, Event{Type: NotFound, Reason: judging})
	wantState(t, res, StateQueued, WaitChecking)
	wantState(t, journey(t, res, Event{Type: Expired, At: stepStart.Add(10 * time.Minute)}), StateRejected, WaitChecking)
	plain := journey(t, stepControl(KindResolution), Event{Type: Due}, Event{Type: NotFound})
	wantState(t, journey(t, plain, Event{Type: Expired, At: stepStart.Add(10 * time.Minute)}), StateExpired, CodeExpired)
}
