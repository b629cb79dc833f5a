package outbox

import (
	"testing"
	"time"
)

// statementAt dates the statement that an event brings by the time since a moment.
func statementAt(e Event, since Instant, begun, answered time.Duration) Event {
	e.Statement.Seen = Seen{Begun: since.Add(begun), Answered: since.Add(answered)}
	return e
}

// TestARefundAsksForTheStatement before anything of it is sent, whatever it knows from before.
func TestARefundAsksForTheStatement(t *testing.T) {
	t.Parallel()
	named := stepRefund()
	named.OrderUUID, named.Target = "", "till-1"
	broken := statementAt(evRefundDue, stepStart, 0, 0)
	broken.Statement.Seen.Broken = true
	for name, e := range map[string]Event{
		"never read":          dueWithStatement(statementUnread),
		"six seconds old":     statementAt(evRefundDue, stepStart, -6*time.Second, -6*time.Second),
		"before an outage":    broken,
		"only the status":     dueWithStatement(Statement{Status: StatusRefundNone, StatusRead: true}),
		"not ours, long ago":  statementAt(dueWithStatement(statementBlind), stepStart, -time.Minute, -time.Minute),
		"begun, not answered": {Type: Due, Statement: Statement{Readable: true, Seen: Seen{Begun: stepStart}}, Ledger: evRefundDue.Ledger},
	} {
		for _, r := range []Request{stepRefund(), stepApproval(), named} {
			after, fx := stepAt(r, e, stepStart)
			if after.State != StateQueued || countFx(fx, Search, "") != 1 || countFx(fx, Submit, "") != 0 {
				t.Errorf("%s: %v, %v", name, after.State, effectWords(fx, true))
			}
			if after.OrderUUID != "order1" || (after.Revision != r.Revision) != (r.OrderUUID == "") {
				t.Errorf("%s: order %q, revision %d", name, after.OrderUUID, after.Revision)
			}
		}
	}
	wantState(t, journey(t, stepRefund(), dueWithStatement(statementBlind)), StateSending, "")
}

// TestUnreadableStatement keep a refund beside its lane, not in it, and it ends like any other that was never sent.
func TestUnreadableStatement(t *testing.T) {
	t.Parallel()
	full := stepRefund()
	full.AmountMinor, full.Refund = 0, &Refund{Full: true}
	for name, unread := range map[string]Event{"failed": evAmbiguous, "half a look": {Type: StatementSeen, Statement: Statement{StatusRead: true}}} {
		for _, r := range []Request{stepRefund(), full} {
			parked, fx := stepAt(r, unread, stepStart.Add(time.Second))
			if !parked.Parked || parked.InQueue() || parked.Waiting == nil || parked.Waiting.Code != WaitAPIError {
				t.Fatalf("%s: %+v", name, parked)
			}
			wantWake(t, fx, TimerRetry, statementRetry)
			if again, fx := stepAt(parked, unread, stepStart.Add(time.Minute)); again.Revision != parked.Revision {
				t.Errorf("%s: told again and again", name)
			} else {
				wantWake(t, fx, TimerRetry, statementRetry)
			}
			back := journey(t, parked, evRefundDue)
			if back.State != StateQueued || back.Parked || back.Waiting != nil || !back.InQueue() {
				t.Errorf("%s: readable again: %+v", name, back)
			}
			wantState(t, journey(t, back, evRefundDue), StateSending, "")
			wantState(t, journey(t, parked, Event{Type: Expired, At: stepStart.Add(24 * time.Hour)}), StateExpired, CodeExpired)
			wantState(t, journey(t, parked, evWish), StateCancelled, CodeCancelled)
			if restarted := journey(t, parked, Event{Type: Restarted}); !restarted.InQueue() {
				t.Errorf("%s: beside its lane after a restart, and nothing wakes it", name)
			}
		}
	}
	busy := journey(t, stepRefund(), evRefundDue, evBusy, evAmbiguous)
	if !busy.Parked || busy.State != StateQueued {
		t.Errorf("after a busy answer: %+v", busy)
	}
	wantState(t, journey(t, busy, Event{Type: Expired, At: stepStart.Add(24 * time.Hour)}), StateInDoubt, "")
}

// TestABusyRefundIsLookedUpFirst: a statement read when it must have shown it by now, without any change, allows the repeat.
func TestABusyRefundIsLookedUpFirst(t *testing.T) {
	t.Parallel()
	const lag = 20 * time.Second
	busy := journey(t, stepRefund(), evRefundDue, Event{Type: Busy, StatementLag: lag})
	blindBefore := journey(t, stepRefund(), dueWithStatement(Statement{NotOurs: true, Status: StatusRefundNone, StatusRead: true}), Event{Type: Busy, StatementLag: lag})
	blind := func(s OrderStatus) Statement { return Statement{NotOurs: true, Status: s, StatusRead: true} }
	unmeasured := func(e *Event) { e.StatementLag = 0 }
	doubts := func(e *Event) { e.Policy.BusyMeans = BusyDoubt }
	for name, c := range map[string]struct {
		r     Request
		books Statement
		begun time.Duration
		now   time.Duration
		set   func(*Event)
		want  string
	}{
		"no change":                         {busy, statementClear, lag, lag + time.Second, nil, "sent"},
		"no change, though it means doubt":  {busy, statementClear, lag, lag + time.Second, doubts, "sent"},
		"no change, before the lag":         {busy, statementClear, lag - ms, lag + time.Second, nil, "asks"},
		"no change, a minute ago":           {busy, statementClear, lag, lag + time.Minute, nil, "asks"},
		"the lag is not over":               {busy, statementClear, ms, lag - time.Second, nil, "waits"},
		"the lag was never measured":        {busy, statementClear, lag, lag + time.Second, unmeasured, "waits"},
		"the amount is done":                {busy, stepStatement(StatusRefunded, ore42Done), lag, lag + time.Second, nil, "doubt"},
		"the amount is under way":           {busy, stepStatement(StatusRefundPending, ore42Pending), lag, lag + time.Second, nil, "doubt"},
		"another amount":                    {busy, stepStatement(StatusRefunded, ore10Done), lag, lag + time.Second, nil, "doubt"},
		"only the status":                   {busy, stepStatement(StatusRefundPending), lag, lag + time.Second, nil, "doubt"},
		"not to be read":                    {busy, Statement{StatusRead: true, Status: StatusRefundNone}, lag, lag + time.Second, nil, "asks"},
		"never ours":                        {blindBefore, blind(StatusRefundNone), lag, lag + time.Second, nil, "sent"},
		"never ours, and it means doubt":    {blindBefore, blind(StatusRefundNone), lag, lag + time.Second, doubts, "doubt"},
		"never ours, another status":        {blindBefore, blind(StatusRefundPending), lag, lag + time.Second, nil, "doubt"},
		"never ours, before the lag":        {blindBefore, blind(StatusRefundNone), lag - ms, lag + time.Second, nil, "asks"},
		"ours before, and not any more":     {busy, blind(StatusRefundNone), lag, lag + time.Second, nil, "sent"},
		"not ours before, readable now":     {blindBefore, statementClear, lag, lag + time.Second, nil, "doubt"},
		"another refund is under way":       {busy, statementClear, lag, lag + time.Second, func(e *Event) { e.Ledger.UnderWay = true }, "kept"},
		"another refund is in doubt":        {busy, statementClear, lag, lag + time.Second, func(e *Event) { e.Ledger.Doubtful = true }, "rejected"},
		"a cancel is wanted, and no change": {journey(t, busy, evWish), statementClear, lag, lag + time.Second, nil, "cancelled"},
		"a cancel is wanted, but a change":  {journey(t, busy, evWish), stepStatement(StatusRefunded, ore42Done), lag, lag + time.Second, nil, "doubt"},
	} {
		e := statementAt(dueWithStatement(c.books), c.r.BusyAt, c.begun, c.begun)
		e.StatementLag = lag
		set := c.set
		if set == nil {
			set = func(*Event) {}
		}
		r, fx := stepAt(c.r, e, c.r.BusyAt.Add(c.now), set)
		got := r.State.String()
		_, waits := wakeAfter(fx, TimerRetry)
		switch {
		case r.State == StateSending:
			got = "sent"
		case r.State == StateInDoubt:
			got = "doubt"
		case countFx(fx, Search, "") == 1:
			got = "asks"
		case waits && r.Revision == c.r.Revision:
			got = "waits"
		case waits && r.Waiting.Code == WaitBehind && r.InQueue():
			got = "kept"
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q: %v", name, got, c.want, effectWords(fx, true))
		}
	}
}

// TestARefundRefusedAfterABusyAnswer: "refunded already" may speak of our own. The statement decides.
func TestARefundRefusedAfterABusyAnswer(t *testing.T) {
	t.Parallel()
	doubt := journey(t, stepRefund(), evRefundDue, evBusy, evRefundDue, evRefused)
	wantState(t, doubt, StateInDoubt, apiRefused.Code)
	unread := evStatementSeen(StatusRefundNone)
	unread.Statement.StatusRead = false
	blind := Event{Type: StatementSeen, Statement: statementBlind, StatementLag: stepLag}
	means := blind
	means.Policy = stepPolicy()
	means.Policy.BusyMeans = BusyDoubt
	early := statementAt(evStatementSeen(StatusRefundNone), doubt.Entered, stepLag-ms, stepLag)
	for name, c := range map[string]struct {
		e    Event
		want State
	}{
		"no change":                      {evStatementSeen(StatusRefundNone), StateRejected},
		"no change, before the lag":      {early, StateInDoubt},
		"no change, status not read":     {unread, StateInDoubt},
		"ours is done":                   {evStatementSeen(StatusRefunded, ore42Done), StateRefunded},
		"ours is under way":              {evStatementSeen(StatusRefundPending, ore42Pending), StateAwaitingRefund},
		"another's is done":              {evStatementSeen(StatusRefunded, ore10Done), StateInDoubt},
		"not to be read":                 {Event{Type: StatementSeen}, StateInDoubt},
		"not ours":                       {blind, StateRejected},
		"not ours, and busy means doubt": {means, StateInDoubt},
	} {
		after := journey(t, doubt, c.e)
		if after.State != c.want {
			t.Errorf("%s: %v, want %v", name, after.State, c.want)
		}
		if after.State == StateRejected && (after.Reason.Code != apiRefused.Code || !after.Watched()) {
			t.Errorf("%s: %+v, watched %v", name, after.Reason, after.Watched())
		}
	}
	restored := AfterRestore(doubt, doubt.Entered.Add(time.Hour))
	wantState(t, journey(t, restored, evStatementSeen(StatusRefundNone)), StateInDoubt, "")
}

// TestAnEndThatStoodBefore proves nothing: a refund is turned down, the clerk asks again, and the status still says so.
func TestAnEndThatStoodBefore(t *testing.T) {
	t.Parallel()
	for _, blind := range []bool{false, true} {
		look := func(s OrderStatus) Event {
			if blind {
				return evStatementNotOurs(s)
			}
			return evStatementSeen(s, ore42Pending) // the earlier one, which was turned down
		}
		before := func(s OrderStatus) Event { return dueWithStatement(look(s).Statement) }
		denied := journey(t, stepRefund(), before(StatusRefundDenied), evTaken)
		same, fx := stepAt(denied, look(StatusRefundDenied), denied.Entered.Add(10*time.Second))
		if same.State != StateAwaitingRefund || same.Revision != denied.Revision {
			t.Errorf("blind %v, REJECTED stood before: %v", blind, same.State)
		}
		wantWake(t, fx, TimerPoll, stepPolicy().PollInterval)
		moved := journey(t, denied, look(StatusRefundPending))
		if !moved.Refund.Moved || moved.Revision != denied.Revision+1 {
			t.Errorf("blind %v, seen under way: %+v", blind, moved.Refund)
		}
		wantState(t, journey(t, moved, look(StatusRefundDenied)), StateDeclined, CodeDeclined)
		// At our cancel it ends, whatever stood there before.
		called := journey(t, denied, evWish)
		wantState(t, journey(t, called, look(StatusRefundDenied)), StateCancelling, "")
		wantState(t, journey(t, called, Event{Type: Done}, look(StatusRefundDenied)), StateCancelled, CodeCancelled)
		// But not as refunded.
		refunded := journey(t, stepRefund(), before(StatusRefunded), evTaken, evWish, Event{Type: Done})
		wantState(t, journey(t, refunded, look(StatusRefunded)), StateCancelling, "")
	}
	// Where the statement is not ours, a change of the status to done tells, if nothing else of ours is open.
	blind := journey(t, stepRefund(), dueWithStatement(Statement{NotOurs: true, Status: StatusRefundDenied, StatusRead: true}), evTaken)
	wantState(t, journey(t, blind, evStatementNotOurs(StatusRefunded)), StateRefunded, "")
	other := evStatementNotOurs(StatusRefunded)
	other.Ledger.MayRefund = true
	wantState(t, journey(t, blind, other), StateAwaitingRefund, "")
	// Where they are, it does not; and where they are merely unread, nothing does.
	readable := journey(t, stepRefund(), evRefundDue, evTaken)
	wantState(t, journey(t, readable, evStatementSeen(StatusRefunded)), StateAwaitingRefund, "")
	wantState(t, journey(t, readable, evStatementSeen(StatusRefunded, ore42Pending)), StateAwaitingRefund, "")
	wantState(t, journey(t, readable, evStatementSeen(StatusRefunded, ore10Done)), StateAwaitingRefund, "")
	wantState(t, journey(t, readable, Event{Type: StatementSeen, Statement: Statement{Status: StatusRefunded, StatusRead: true}}), StateAwaitingRefund, "")
	wantState(t, journey(t, readable, evStatementSeen(StatusRefundPending, ore42Done)), StateRefunded, "")
	// What is seen under way and done in one look is one change.
	late := journey(t, stepRefund(), dueWithStatement(stepStatement(StatusRefundDenied)), evTaken)
	if r := journey(t, late, evStatementSeen(StatusRefundPending, ore42Done)); r.State != StateRefunded || r.Revision != late.Revision+1 {
		t.Errorf("%v, revision %d after %d", r.State, r.Revision, late.Revision)
	}
}

// TestOursExplainsTheStatement: an earlier refund of ours, of the same amount, may become visible only now.
func TestOursExplainsTheStatement(t *testing.T) {
	t.Parallel()
	r := journey(t, stepRefund(), evRefundDue, evTaken)
	look := func(done []int64, entries ...StatementEntry) Event {
		e := evStatementSeen(StatusRefundPending, entries...)
		e.Ledger.Done = done
		return e
	}
	wantState(t, journey(t, r, look([]int64{4200}, ore42Done)), StateAwaitingRefund, "")
	wantState(t, journey(t, r, look([]int64{1000}, ore42Done)), StateRefunded, "")
	sum := look([]int64{4200})
	sum.Statement.RefundedMinor = 4200
	wantState(t, journey(t, r, sum), StateAwaitingRefund, "")
	sum.Ledger.Done = nil
	wantState(t, journey(t, r, sum), StateRefunded, "")
	second := journey(t, stepRefund(), dueWithStatement(stepStatement(StatusRefunded, ore42Done)), evTaken)
	wantState(t, journey(t, second, look([]int64{4200}, ore42Done, ore42Done)), StateRefunded, "")
	doubt := journey(t, stepRefund(), evRefundDue, evAmbiguous)
	wantState(t, journey(t, doubt, look([]int64{4200}, ore42Done)), StateInDoubt, "")
}

// TestRefundsAreWatched: what had ended without a payback, and turns out done after all, is told so, and a person is called.
func TestRefundsAreWatched(t *testing.T) {
	t.Parallel()
	end := Event{Type: Expired, Statement: statementClear, StatementLag: stepLag, At: stepStart.Add(24 * time.Hour)}
	for name, r := range map[string]Request{
		"declined":                               journey(t, stepRefund(), evRefundDue, evTaken, evStatementSeen(StatusRefundDenied)),
		"cancelled":                              journey(t, stepRefund(), evRefundDue, evTaken, evWish, evStatementSeen(StatusRefundDenied)),
		"unresolved":                             journey(t, stepRefund(), evRefundDue, evAmbiguous, evHold),
		"rejected after a busy answer":           journey(t, stepRefund(), evRefundDue, evBusy, evRefundDue, evRefused, evStatementSeen(StatusRefundNone)),
		"expired after a busy answer":            journey(t, stepRefund(), evRefundDue, evBusy, end),
		"cancelled, limited after a busy answer": journey(t, stepRefund(), evRefundDue, evBusy, evRefundDue, Event{Type: RateLimited}, evWish, evRefundDue),
		"cancelled after a busy answer":          journey(t, stepRefund(), evRefundDue, evBusy, evWish, evRefundDue),
	} {
		if !r.State.Final() || !r.Watched() || !r.RefundWatched() {
			t.Fatalf("%s: %v, watched %v", name, r.State, r.Watched())
		}
		for since, want := range map[time.Duration]time.Duration{0: time.Minute, 10 * time.Minute: 10 * time.Minute} {
			for _, e := range []Event{evStatementSeen(StatusRefundDenied), {Type: StatementSeen}, evAmbiguous, {Type: Restarted}} {
				after, fx := stepAt(r, e, r.Finished.Add(since))
				wantWake(t, fx, TimerWatch, want)
				if after.Revision != r.Revision {
					t.Errorf("%s, %v: a write", name, e.Type)
				}
			}
		}
		if _, fx := stepAt(r, Event{Type: Restarted}, r.Finished.Add(24*time.Hour)); len(fx) != 0 {
			t.Errorf("%s: watched for more than a day: %v", name, effectWords(fx, true))
		}
		at := r.Finished.Add(time.Hour)
		done, fx := stepAt(r, evStatementSeen(StatusRefunded, ore42Done), at)
		if done.State != StateRefunded || !done.Late || !done.Alarmed || countFx(fx, Alarm, AlarmLatePayment) != 1 || done.Reason != nil {
			t.Errorf("%s: %v, late %v, %v", name, done.State, done.Late, effectWords(fx, true))
		}
		same := evStatementSeen(StatusRefunded, ore42Done)
		same.Ledger.SameAmount = 1
		if after, _ := stepAt(r, same, at); after.State != r.State {
			t.Errorf("%s: another's refund made it %v", name, after.State)
		}
		seen := journey(t, done, Event{Type: Resolved, Resolution: Abandon, By: "Kari"})
		if seen.State != StateRefunded || seen.Alarmed || seen.Settled == nil {
			t.Errorf("%s: a person has looked: %v, alarmed %v", name, seen.State, seen.Alarmed)
		}
	}
	for name, r := range map[string]Request{
		"refunded":      journey(t, stepRefund(), evRefundDue, Event{Type: Accepted, Final: true}),
		"rejected":      journey(t, stepRefund(), evRefundDue, evRefused),
		"never sent":    journey(t, stepRefund(), evWish),
		"never arrived": journey(t, stepRefund(), evRefundDue, evWish, Event{Type: Unavailable}),
		"never taken":   journey(t, stepRefund(), evRefundDue, Event{Type: RateLimited}, evWish),
		"expired":       journey(t, stepRefund(), Event{Type: Expired, At: stepStart.Add(24 * time.Hour)}),
		"submitted":     journey(t, stepApproval(), evRefundDue, evTaken),
	} {
		after, fx := stepAt(r, evStatementSeen(StatusRefunded, ore42Done), r.Finished.Add(time.Minute))
		if after.Revision != r.Revision || countFx(fx, Ignored, ignoredStale) != 1 || r.Watched() {
			t.Errorf("%s is watched: %v, %v", name, after.State, effectWords(fx, true))
		}
	}
	approval := journey(t, stepApproval(), evRefundDue, evAmbiguous, evHold)
	wantState(t, journey(t, approval, evStatementSeen(StatusRefunded, ore42Done)), StateSubmitted, "")
}

// TestWhatWasTurnedDownIsNotTakenForAnother: an entry of an earlier, ended refund stays in the history for ever.
func TestWhatWasTurnedDownIsNotTakenForAnother(t *testing.T) {
	t.Parallel()
	denied := journey(t, stepRefund(), dueWithStatement(stepStatement(StatusRefundDenied, ore42Pending)), evTaken)
	wantState(t, journey(t, denied, evStatementSeen(StatusRefunded, ore42Pending, ore42Done)), StateRefunded, "")
	open := journey(t, stepRefund(), dueWithStatement(stepStatement(StatusRefundPending, ore42Pending)), evTaken)
	wantState(t, journey(t, open, evStatementSeen(StatusRefunded, ore42Pending, ore42Done)), StateAwaitingRefund, "")
}

// TestAStatementFromBeforeADenial: another refund was turned down while the statement was being read, which shows it under way.
// Nothing rests on that: it is read again, and what was left is not taken for spent.
func TestAStatementFromBeforeADenial(t *testing.T) {
	t.Parallel()
	denied := stepStart.Add(time.Minute)
	under := stepStatement(StatusRefunded, ore42Done, ore42Done)
	for name, c := range map[string]struct {
		begun time.Duration
		want  State
		asks  int
	}{
		"from before": {-time.Second, StateQueued, 1},
		"from after":  {time.Second, StateRejected, 0},
	} {
		b := under
		b.Seen = Seen{Begun: denied.Add(c.begun), Answered: denied.Add(2 * time.Second)}
		r := stepRefund()
		l := Ledger{Order: &ledgerOrder, DeniedLast: denied}
		if c.begun < 0 {
			l.Denied = []int64{100} // of another amount, so that the entry counts
		}
		after, fx := Step(r, Event{Type: Due, Mark: "mark1", Statement: b, Ledger: l, At: denied.Add(3 * time.Second), Policy: stepPolicy()})
		if after.State != c.want || countFx(fx, Search, "") != c.asks {
			t.Errorf("%s: %v (%+v), %v", name, after.State, after.Reason, effectWords(fx, true))
		}
	}
	var l Ledger
	other, r := stepRefund(), stepRefund()
	other.Seq, other.State, other.Entered, other.Attempts = 7, StateDeclined, denied, 1
	if l.Count(other, r); l.DeniedLast != denied {
		t.Errorf("the last denial was at %v", l.DeniedLast)
	}
}

// TestAStatusThatIsNotToldIsNoLeave: before a refund is sent again that was called busy, the statement and the status are both read.
func TestAStatusThatIsNotToldIsNoLeave(t *testing.T) {
	t.Parallel()
	busy := stepStart.Add(time.Minute)
	r := stepRefund()
	before := statementClear
	r.Refund.Before = &before
	r.Submissions = []Submission{{Mark: "mark1", At: stepStart}}
	r.Attempts, r.Busy, r.BusyAt, r.BusySince = 1, 1, busy, busy
	for name, told := range map[string]bool{"told": true, "not told": false} {
		b := statementClear
		b.StatusRead = told
		b.Seen = Seen{Begun: busy.Add(20 * time.Second), Answered: busy.Add(20 * time.Second)}
		after, fx := Step(r, Event{Type: Due, Mark: "mark1", Statement: b, StatementLag: 10 * time.Second, Ledger: Ledger{Order: &ledgerOrder}, At: busy.Add(21 * time.Second), Policy: stepPolicy()})
		if sent := countFx(fx, Submit, "") == 1; sent != told || after.State == StateInDoubt {
			t.Errorf("%s: %v, %v", name, after.State, effectWords(fx, true))
		}
	}
}

// TestTheSameAmountShownOftenerThanOthersExplain: one refund was called busy and carried out, another of the same amount was
// sent and carried out after it. Each of the two has its own entry, so the one that is in doubt is done as well.
func TestTheSameAmountShownOftenerThanOthersExplain(t *testing.T) {
	t.Parallel()
	doubt := journey(t, stepRefund(), evRefundDue, evAmbiguous)
	other := journey(t, stepRefund(), evRefundDue, Event{Type: Accepted, Final: true})
	other.Entered = doubt.Entered.Add(time.Minute)
	again := other
	again.Submissions = append(again.Submissions, Submission{})
	stands := journey(t, doubt, Event{Type: Resolved, Resolution: Adopt, By: "Kari", OrderUUID: "order1"})
	wantState(t, stands, StateAwaitingRefund, "")
	for name, c := range map[string]struct {
		other Request
		shown []StatementEntry
		done  bool
	}{
		"once":                                     {other, []StatementEntry{ore42Done}, false},
		"once, and once under way":                 {other, []StatementEntry{ore42Done, ore42Pending}, false},
		"once, and another amount":                 {other, []StatementEntry{ore42Done, ore10Done}, false},
		"twice":                                    {other, []StatementEntry{ore42Done, ore42Done}, true},
		"twice, and another amount":                {other, []StatementEntry{ore42Done, ore42Done, ore10Done}, true},
		"twice, the other one was sent again":      {again, []StatementEntry{ore42Done, ore42Done}, false},
		"three times, the other one sent again":    {again, []StatementEntry{ore42Done, ore42Done, ore42Done}, true},
		"twice, the other one is not known either": {doubt, []StatementEntry{ore42Done, ore42Done}, true},
		"once, the other one is not known either":  {doubt, []StatementEntry{ore42Done}, false},
	} {
		for _, r := range []Request{doubt, stands} {
			e := evStatementSeen(StatusRefunded, c.shown...)
			e.Ledger.Count(c.other, r)
			if after := journey(t, r, e); (after.State == StateRefunded) != c.done || !c.done && after.State != r.State {
				t.Errorf("%s: %v became %v", name, r.State, after.State)
			}
		}
	}
}
