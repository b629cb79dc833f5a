package outbox

import (
	"testing"
	"time"
)

// TestABusyOrderIsSearchedFirst: a repeat rests on a search that began when the list must have shown the order, and that is
// fresh; else Step asks for it, or waits.
func TestABusyOrderIsSearchedFirst(t *testing.T) {
	t.Parallel()
	const lag = 20 * time.Second
	busy := journey(t, stepOrder(), evDue, Event{Type: Busy, ListLag: lag})
	due := func(s SearchResult, begun, answered, at time.Duration, set ...func(*Event)) (Request, []Effect) {
		e := Event{Type: Due, Mark: "mark2", Search: s, ListLag: lag, Seen: Seen{Begun: busy.BusyAt.Add(begun), Answered: busy.BusyAt.Add(answered)}}
		for _, f := range set {
			f(&e)
		}
		return stepAt(busy, e, busy.BusyAt.Add(at), func(e *Event) {
			for _, f := range set {
				f(e)
			}
		})
	}
	doubts := func(e *Event) { e.Policy.BusyMeans = BusyDoubt }
	unmeasured := func(e *Event) { e.ListLag = 0 }
	broken := func(e *Event) { e.Seen.Broken = true }
	for name, c := range map[string]struct {
		search               SearchResult
		begun, answered, now time.Duration
		set                  []func(*Event)
		want                 string
	}{
		"clear, when it must show":          {SearchClear, lag, lag + ms, lag + time.Second, nil, "sent"},
		"begun a moment too early":          {SearchClear, lag - ms, lag + ms, lag + time.Second, nil, "asks"},
		"five minutes old":                  {SearchClear, lag, lag, lag + 5*time.Minute, nil, "asks"},
		"five seconds old":                  {SearchClear, lag, lag, lag + 5*time.Second, nil, "sent"},
		"older":                             {SearchClear, lag, lag, lag + 5*time.Second + ms, nil, "asks"},
		"an outage since":                   {SearchClear, lag, lag, lag, []func(*Event){broken}, "asks"},
		"not searched":                      {SearchNone, 0, 0, lag, nil, "asks"},
		"the lag is not over":               {SearchClear, ms, ms, lag - time.Second, nil, "waits"},
		"the lag was never measured":        {SearchClear, lag, lag, lag, []func(*Event){unmeasured}, "waits long"},
		"never measured, but long ago":      {SearchClear, 150 * time.Second, 151 * time.Second, 152 * time.Second, []func(*Event){unmeasured}, "sent"},
		"not ours, asked just now":          {SearchForbidden, lag, lag, lag, nil, "sent"},
		"not ours, asked before the lag":    {SearchForbidden, ms, ms, lag, nil, "asks"},
		"not ours, asked long ago":          {SearchForbidden, lag, lag, lag + time.Minute, nil, "asks"},
		"not ours, and busy means doubt":    {SearchForbidden, lag, lag, lag, []func(*Event){doubts}, "doubt"},
		"clear, though busy means doubt":    {SearchClear, lag, lag, lag, []func(*Event){doubts}, "sent"},
		"begun before, answered long since": {SearchClear, -time.Minute, lag, lag, nil, "asks"},
	} {
		r, fx := due(c.search, c.begun, c.answered, c.now, c.set...)
		got := ""
		wait, waits := wakeAfter(fx, TimerRetry)
		switch {
		case r.State == StateSending && countFx(fx, Submit, "") == 1:
			got = "sent"
		case r.State == StateInDoubt:
			got = "doubt"
		case countFx(fx, Search, "") == 1 && r.Revision == busy.Revision:
			got = "asks"
		case waits && wait == 150*time.Second-c.now && r.Revision == busy.Revision:
			got = "waits long"
		case waits && wait == lag-c.now && r.Revision == busy.Revision:
			got = "waits"
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q: %v, %v", name, got, c.want, r.State, effectWords(fx, true))
		}
	}
}

// TestTheEndOfABusyOrder: at the end of its time to live it was never sent only if a search, of whatever age, showed that.
func TestTheEndOfABusyOrder(t *testing.T) {
	t.Parallel()
	busy := journey(t, stepOrder(), evDue, evBusy)
	end := stepStart.Add(10 * time.Minute)
	seen := func(begun time.Duration, broken bool) Seen {
		return Seen{Begun: busy.BusyAt.Add(begun), Answered: busy.BusyAt.Add(begun), Broken: broken}
	}
	for name, c := range map[string]struct {
		search SearchResult
		seen   Seen
		means  BusyMeans
		want   State
	}{
		"not searched":                  {SearchNone, Seen{}, BusyNotCreated, StateInDoubt},
		"clear, minutes ago":            {SearchClear, seen(stepLag, true), BusyNotCreated, StateExpired},
		"clear, though it means doubt":  {SearchClear, seen(stepLag, false), BusyDoubt, StateExpired},
		"clear, before it had to show":  {SearchClear, seen(stepLag-ms, false), BusyNotCreated, StateInDoubt},
		"not ours to search":            {SearchForbidden, seen(stepLag, false), BusyNotCreated, StateExpired},
		"not ours, and it means doubt":  {SearchForbidden, seen(stepLag, false), BusyDoubt, StateInDoubt},
		"clear, but nobody knows since": {SearchClear, Seen{Answered: end}, BusyNotCreated, StateInDoubt},
	} {
		for _, typ := range []EventType{Expired, Due, Restarted} {
			e := Event{Type: typ, Search: c.search, Seen: c.seen, ListLag: stepLag}
			if r, _ := stepAt(busy, e, end, func(e *Event) { e.Policy.BusyMeans = c.means }); r.State != c.want {
				t.Errorf("%s, %v: %v, want %v", name, typ, r.State, c.want)
			}
		}
	}
	// What was never sent, or answered otherwise, expires without a look.
	wantState(t, journey(t, stepOrder(), evDue, Event{Type: Unavailable}, Event{Type: Expired, At: end}), StateExpired, CodeExpired)
}

// TestARefusalAfterABusyAnswer is doubt until a search shows that nothing was done.
func TestARefusalAfterABusyAnswer(t *testing.T) {
	t.Parallel()
	doubt := journey(t, stepOrder(), evDue, evBusy, evAgain, evRefused)
	wantState(t, doubt, StateInDoubt, apiRefused.Code)
	look := func(s SearchResult, begun time.Duration, set ...func(*Event)) Event {
		e := Event{Type: NotFound, Search: s, ListLag: stepLag, At: doubt.Entered.Add(begun + time.Second),
			Seen: Seen{Begun: doubt.Entered.Add(begun), Answered: doubt.Entered.Add(begun + time.Second)}}
		for _, f := range set {
			f(&e)
		}
		return e
	}
	means := func(e *Event) { e.Policy = stepPolicy(); e.Policy.BusyMeans = BusyDoubt }
	for name, c := range map[string]struct {
		e    Event
		want State
	}{
		"clear":                           {look(SearchClear, stepLag), StateRejected},
		"clear, before it had to show":    {look(SearchClear, stepLag-ms), StateInDoubt},
		"clear, but an outage since":      {look(SearchClear, stepLag, func(e *Event) { e.Seen.Broken = true }), StateInDoubt},
		"not ours to search":              {look(SearchForbidden, stepLag), StateRejected},
		"not ours, and busy means doubt":  {look(SearchForbidden, stepLag, means), StateInDoubt},
		"nothing said of what was looked": {look(SearchNone, stepLag), StateInDoubt},
		"the search failed":               {evAmbiguous, StateInDoubt},
		"found":                           {Event{Type: Found, OrderUUID: "order1"}, StateAwaitingCustomer},
	} {
		after := journey(t, doubt, c.e)
		if after.State != c.want {
			t.Errorf("%s: %v, want %v", name, after.State, c.want)
		}
		if after.State == StateRejected && (after.Reason.Code != apiRefused.Code || !after.Watched()) {
			t.Errorf("%s: %+v, watched %v", name, after.Reason, after.Watched())
		}
	}
	named := journey(t, doubt, evHint, look(SearchClear, time.Minute))
	wantState(t, named, StateInDoubt, apiRefused.Code)
	wantState(t, journey(t, named, hintSeen(seenOther, StatusPaid), look(SearchClear, 2*time.Minute)), StateRejected, apiRefused.Code)
	// A copy from before does not know what came after the refusal: the search says nothing of that.
	restored := AfterRestore(doubt, doubt.Entered.Add(time.Hour))
	wantState(t, journey(t, restored, Event{Type: NotFound, Search: SearchClear, ListLag: stepLag, At: doubt.Entered.Add(2 * time.Hour)}), StateInDoubt, "")
	// Without a busy answer the API's word is enough.
	wantState(t, journey(t, stepOrder(), evDue, evRefused), StateRejected, apiRefused.Code)
	wantState(t, journey(t, stepOrder(), evDue, Event{Type: Unavailable}, evAgain, evRefused), StateRejected, apiRefused.Code)
}

// TestWhatWasRepeatedIsWatched: the first attempt may have been carried out all the same, whatever became of the second.
func TestWhatWasRepeatedIsWatched(t *testing.T) {
	t.Parallel()
	repeated := []Event{evDue, evBusy, evAgain}
	cleared := Event{Type: NotFound, Search: SearchClear, ListLag: stepLag}
	for name, more := range map[string][]Event{
		"paid":      {evAccepted, evStatus(StatusPaid)},
		"declined":  {evAccepted, evStatus(StatusDeclined)},
		"cancelled": {evAccepted, evWish, evStatus(StatusCancelled)},
		"rejected":  {evRefused, cleared},
		"limited, then cancelled": {Event{Type: RateLimited}, evWish,
			{Type: Due, Search: SearchClear, ListLag: stepLag, At: stepStart.Add(time.Minute)}},
	} {
		r := journey(t, stepOrder(), append(repeated[:3:3], more...)...)
		if !r.State.Final() || !r.Watched() || !r.MayHaveMore() || !r.NeedsSearch() {
			t.Errorf("%s: %v, watched %v, may have more %v, sought %v", name, r.State, r.Watched(), r.MayHaveMore(), r.NeedsSearch())
		}
	}
	awaiting := journey(t, stepOrder(), append(repeated[:3:3], evAccepted)...)
	_, fx := stepAt(awaiting, Event{Type: NotFound}, awaiting.Entered.Add(time.Second))
	wantWake(t, fx, TimerWatch, time.Minute)
	once := journey(t, stepOrder(), evDue, evAccepted, evStatus(StatusPaid))
	if once.Watched() || once.MayHaveMore() {
		t.Error("an order sent once, and paid, is watched")
	}
	// A further one is dealt with as any other: off with it, or a person is called.
	paid := journey(t, awaiting, evStatus(StatusPaid))
	_, fx = stepAt(paid, Event{Type: Found, OrderUUID: "order2"}, paid.Entered.Add(time.Minute))
	if countFx(fx, SendCancel, "") != 1 {
		t.Errorf("a further order, unpaid: %v", effectWords(fx, true))
	}
	_, fx = stepAt(paid, Event{Type: Found, OrderUUID: "order2", Status: StatusPaid}, paid.Entered.Add(time.Minute))
	if countFx(fx, Alarm, AlarmFurtherOrder) != 1 {
		t.Errorf("a further order, paid: %v", effectWords(fx, true))
	}
}

// TestResendBeforeThePoll: resend_after may be shorter than poll_interval, and is obeyed all the same.
func TestResendBeforeThePoll(t *testing.T) {
	t.Parallel()
	rare := func(e *Event) { e.Policy.ResendAfter, e.Policy.PollInterval = 10*time.Second, time.Minute }
	sending := journey(t, stepOrder(), evDue)
	r, fx := stepAt(sending, evAccepted, sending.Entered.Add(time.Second), rare)
	wantWake(t, fx, TimerPoll, 10*time.Second)
	_, fx = stepAt(r, evStatus(StatusPending), r.Entered.Add(4*time.Second), rare)
	wantWake(t, fx, TimerPoll, 6*time.Second)
	r, fx = stepAt(r, evStatus(StatusPending), r.Entered.Add(10*time.Second), rare)
	if countFx(fx, SendResend, "") != 1 {
		t.Errorf("at resend_after: %v", effectWords(fx, true))
	}
	wantWake(t, fx, TimerPoll, time.Minute)
	_, fx = stepAt(r, evStatus(StatusPending), r.Entered.Add(20*time.Second), rare)
	wantWake(t, fx, TimerPoll, time.Minute)
}

// TestResubmitNeedsANewSearch: one that is old, or from before an outage, is none.
func TestResubmitNeedsANewSearch(t *testing.T) {
	t.Parallel()
	doubt := journey(t, stepOrder(), evDue, evAmbiguous)
	refund := journey(t, stepRefund(), evRefundDue, evAmbiguous)
	at := doubt.Entered.Add(time.Hour)
	for name, c := range map[string]struct {
		seen Seen
		want State
	}{
		"just now":         {Seen{Begun: at, Answered: at}, StateQueued},
		"six seconds ago":  {Seen{Begun: at.Add(-6 * time.Second), Answered: at.Add(-6 * time.Second)}, StateInDoubt},
		"before an outage": {Seen{Begun: at, Answered: at, Broken: true}, StateInDoubt},
		"never":            {Seen{}, StateInDoubt},
	} {
		books := statementClear
		books.Seen = c.seen
		e := Event{Type: Resolved, Resolution: Resubmit, By: "Kari", Search: SearchClear, Seen: c.seen, Statement: books, At: at, Policy: stepPolicy()}
		for _, r := range []Request{doubt, refund} {
			if after, _ := Step(r, e); after.State != c.want {
				t.Errorf("%v, searched %s: %v, want %v", r.Kind, name, after.State, c.want)
			}
		}
	}
}
