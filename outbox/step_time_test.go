package outbox

import (
	"fmt"
	"testing"
	"time"
)

const ms = time.Millisecond

// stepAt runs one event at a moment under the default policy.
func stepAt(r Request, e Event, at Instant, set ...func(*Event)) (Request, []Effect) {
	e.At, e.Policy = at, stepPolicy()
	for _, f := range set {
		f(&e)
	}
	return Step(r, justAsked(e))
}

// wakeAfter gives the wait of a timer, and whether it was set.
func wakeAfter(fx []Effect, timer Timer) (after time.Duration, set bool) {
	for _, f := range fx {
		if f.Type == WakeAt && f.Timer == timer {
			after, set = f.After, true
		}
	}
	return after, set
}

func wantWake(t *testing.T, fx []Effect, timer Timer, want time.Duration) {
	t.Helper()
	if got, ok := wakeAfter(fx, timer); !ok || got != want {
		t.Errorf("timer %v: %v, set %v; want %v in %v", timer, got, ok, want, effectWords(fx, true))
	}
}

// TestTimeToLive: an attempt may start until just before the end of the time to live, whatever set it.
func TestTimeToLive(t *testing.T) {
	t.Parallel()
	const ttl = 10 * time.Minute
	wall := func(d time.Duration) int64 { return stepStart.Add(d).Wall }
	for _, c := range []struct {
		name      string
		published int64
		accepted  Instant
		age       time.Duration // at which it is too old
	}{
		{"from acceptance", 0, stepStart, ttl},
		{"from the till's time, a minute earlier", wall(-time.Minute), stepStart, ttl - time.Minute},
		{"a till ahead of time gains nothing", wall(time.Hour), stepStart, ttl},
		{"a till in the year 1 has sent long ago", time.Time{}.UnixMilli(), stepStart, 0},
		{"a till in the far future gains nothing", time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli(), stepStart, ttl},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := stepOrder()
			r.PublishedAt, r.Accepted, r.TTLFrom = c.published, c.accepted, c.accepted
			if c.age > 0 {
				before := c.accepted.Add(c.age - ms)
				if after, _ := stepAt(r, evDue, before); after.State != StateSending {
					t.Errorf("1 ms before the end, Due: %v", after.State)
				}
				after, fx := stepAt(r, Event{Type: Expired}, before)
				if after.State != StateQueued {
					t.Errorf("1 ms before the end, Expired: %v", after.State)
				}
				wantWake(t, fx, TimerExpire, time.Second)
			}
			for _, e := range []Event{evDue, {Type: Expired}, {Type: Restarted}} {
				after, _ := stepAt(r, e, c.accepted.Add(c.age))
				if after.State != StateExpired || after.Reason.Code != CodeExpired {
					t.Errorf("at the end, %v: %v, %+v", e.Type, after.State, after.Reason)
				}
			}
		})
	}
}

// TestClockUnknown: without a clock known to be right nothing expires, and what can't be aged is not sent.
func TestClockUnknown(t *testing.T) {
	t.Parallel()
	unknown := func(at Instant) Instant { at.Known = false; return at }
	boot2 := func(at Instant) Instant { at.Boot, at.Mono = "boot-2", time.Minute; return at }
	published := func(r Request) Request { r.PublishedAt = stepStart.Wall; return r }
	acceptedBlind := func(r Request) Request { r.TTLFrom.Known = false; return r }
	plain := func(r Request) Request { return r }
	for _, c := range []struct {
		name    string
		of      func(Request) Request
		at      Instant
		due     State
		expired State
		code    string
	}{
		{"same boot, young: the monotonic clock will do", plain, unknown(stepStart.Add(9 * time.Minute)), StateSending, StateQueued, ""},
		{"same boot, old: not sent, not expired", plain, unknown(stepStart.Add(11 * time.Minute)), StateQueued, StateQueued, ""},
		{"the till's time can't be compared", published, unknown(stepStart.Add(time.Minute)), StateQueued, StateQueued, ""},
		{"other boot, no clock: no age", plain, boot2(unknown(stepStart.Add(time.Minute))), StateQueued, StateQueued, ""},
		{"other boot, both clocks known", plain, boot2(stepStart.Add(9 * time.Minute)), StateSending, StateQueued, ""},
		{"other boot, both clocks known, old", plain, boot2(stepStart.Add(10 * time.Minute)), StateExpired, StateExpired, CodeExpired},
		{"other boot, accepted without a clock", acceptedBlind, boot2(stepStart.Add(time.Minute)), StateExpired, StateExpired, CodeAgeUnknown},
		{"same boot, the clock was set right since", acceptedBlind, stepStart.Add(time.Minute), StateSending, StateQueued, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := c.of(stepOrder())
			due, fx := stepAt(r, evDue, c.at)
			if due.State != c.due {
				t.Errorf("Due: %v, want %v", due.State, c.due)
			}
			if due.State == StateQueued {
				wantWake(t, fx, TimerRetry, 5*time.Second)
				if fx[0].Waiting == nil || fx[0].Waiting.Code != WaitClockUnknown || due.Revision != r.Revision {
					t.Errorf("told %+v", fx[0])
				}
			}
			for _, typ := range []EventType{Expired, Restarted} {
				got, fx := stepAt(r, Event{Type: typ}, c.at)
				if got.State != c.expired {
					t.Errorf("%v: %v, want %v", typ, got.State, c.expired)
				}
				if _, ok := wakeAfter(fx, TimerExpire); !ok && got.State == StateQueued {
					t.Errorf("%v left it without an end: %v", typ, effectWords(fx, true))
				}
				if c.code != "" && got.Reason.Code != c.code {
					t.Errorf("%v: %s, want %s", typ, got.Reason.Code, c.code)
				}
			}
		})
	}
}

// TestExpiresOnceTheClockIsRight: what waited for the clock is told within a second of its being right.
func TestExpiresOnceTheClockIsRight(t *testing.T) {
	t.Parallel()
	at := stepStart.Add(time.Hour)
	at.Known = false
	r, fx := stepAt(stepOrder(), Event{Type: Expired}, at)
	wantWake(t, fx, TimerExpire, time.Second)
	at = at.Add(time.Second)
	at.Known = true
	if r, _ = stepAt(r, Event{Type: Expired}, at); r.State != StateExpired {
		t.Error(r.State)
	}
}

// TestBusyBackoff: a busy terminal is tried again after a quarter of the time that it has been busy, or after less by up to half of
// that, from 1 s to 5 s; and after longer where others are busy too.
func TestBusyBackoff(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		since, pace time.Duration
		low, top    time.Duration
	}{
		{0, 0, time.Second, time.Second},
		{4 * time.Second, 0, time.Second, time.Second},
		{6 * time.Second, 0, time.Second, 1500 * ms},
		{12 * time.Second, 0, 1500 * ms, 3 * time.Second},
		{time.Hour, 0, 2500 * ms, 5 * time.Second},
		{time.Hour, 3 * time.Second, 3 * time.Second, 5 * time.Second},
		{6 * time.Second, time.Minute, time.Minute, time.Minute},
	} {
		r := journey(t, stepOrder(), evDue)
		at := r.Entered.Add(time.Second)
		if c.since > 0 {
			r.Busy, r.BusySince = 3, at.Add(-c.since)
		}
		with := func(j float64) func(*Event) { return func(e *Event) { e.Jitter, e.BusyPace = j, c.pace } }
		after, fx := stepAt(r, evBusy, at, with(0))
		wantWake(t, fx, TimerRetry, c.top)
		if w := after.Waiting; w == nil || w.Code != WaitBusy || w.Next != after.Entered.Add(c.top) {
			t.Errorf("busy for %v: waiting %+v", c.since, w)
		}
		if since := after.BusySince; c.since > 0 && since != r.BusySince || c.since == 0 && since != at {
			t.Errorf("busy for %v: since %v", c.since, since)
		}
		_, fx = stepAt(r, evBusy, at, with(0.9999999))
		if got, _ := wakeAfter(fx, TimerRetry); got < c.low || got > c.low+ms {
			t.Errorf("busy for %v with full jitter: %v, want just over %v", c.since, got, c.low)
		}
	}
	r := journey(t, stepOrder(), evDue)
	_, fx := stepAt(r, Event{Type: Busy, RetryAfter: time.Minute, ListLag: stepLag}, r.Entered)
	wantWake(t, fx, TimerRetry, time.Minute)
	for lag, want := range map[time.Duration]time.Duration{0: stepPolicy().DoubtCheck, time.Minute: time.Minute} {
		after, fx := stepAt(r, Event{Type: Busy, ListLag: lag}, r.Entered)
		wantWake(t, fx, TimerRetry, want)
		if after.BusyAt != r.Entered || after.Waiting.Next != r.Entered.Add(want) {
			t.Errorf("lag %v: %+v", lag, after.Waiting)
		}
	}
	_, fx = stepAt(r, Event{Type: RateLimited}, r.Entered)
	wantWake(t, fx, TimerRetry, time.Second)
}

// TestPollPace: every 2 s for three minutes, then slower, to half a minute.
func TestPollPace(t *testing.T) {
	t.Parallel()
	r := journey(t, stepOrder(), evDue, evAccepted)
	for _, c := range []struct{ age, want time.Duration }{
		{0, 2 * time.Second},
		{3 * time.Minute, 2 * time.Second},
		{3*time.Minute + 10*time.Second, 3 * time.Second},
		{3*time.Minute + 280*time.Second - 10*ms, 30*time.Second - ms},
		{3*time.Minute + 280*time.Second, 30 * time.Second},
		{24 * time.Hour, 30 * time.Second},
	} {
		_, fx := stepAt(r, evStatus(StatusPending), r.Entered.Add(c.age))
		wantWake(t, fx, TimerPoll, c.want)
	}
	_, fx := stepAt(r, evStatus(StatusPending), r.Entered.Add(time.Hour), func(e *Event) { e.Policy.PollInterval = time.Minute })
	wantWake(t, fx, TimerPoll, time.Minute)
	_, fx = stepAt(r, Event{Type: RateLimited, RetryAfter: 20 * time.Second}, r.Entered.Add(time.Second))
	wantWake(t, fx, TimerPoll, 20*time.Second)
}

// TestResendAfter: once, that long after awaiting_customer, straight after a status that is not final.
func TestResendAfter(t *testing.T) {
	t.Parallel()
	on := func(e *Event) { e.Policy.ResendAfter = time.Minute }
	r := journey(t, stepOrder(), evDue, evAccepted)
	before, fx := stepAt(r, evStatus(StatusPending), r.Entered.Add(time.Minute-ms), on)
	if before.Resent || countFx(fx, SendResend, "") != 0 {
		t.Errorf("1 ms early: %v", effectWords(fx, true))
	}
	wantWake(t, fx, TimerPoll, ms)
	at, fx := stepAt(r, evStatus(StatusPending), r.Entered.Add(time.Minute), on)
	if !at.Resent || countFx(fx, SendResend, "") != 1 || at.Revision != r.Revision+1 {
		t.Errorf("in time: %v", effectWords(fx, true))
	}
	wantWake(t, fx, TimerPoll, 2*time.Second)
	_, fx = stepAt(at, evStatus(StatusPending), r.Entered.Add(2*time.Minute), on)
	if countFx(fx, SendResend, "") != 0 {
		t.Errorf("again: %v", effectWords(fx, true))
	}
	_, fx = stepAt(r, evStatus(StatusPending), r.Entered.Add(time.Hour))
	if countFx(fx, SendResend, "") != 0 {
		t.Errorf("off: %v", effectWords(fx, true))
	}
	paid, fx := stepAt(r, evStatus(StatusPaid), r.Entered.Add(time.Minute), on)
	if paid.State != StatePaid || countFx(fx, SendResend, "") != 0 {
		t.Errorf("paid: %v", effectWords(fx, true))
	}
}

// TestDeadlines: who sets which deadline, and whether it runs only while the API answers.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	awaiting := journey(t, stepOrder(), evDue, evAccepted)
	doubt := journey(t, stepOrder(), evDue, evAmbiguous)
	called := journey(t, stepOrder(), evDue, evAmbiguous, evCheck)
	for _, c := range []struct {
		name  string
		r     Request
		e     Event
		after time.Duration // of the last entry
		timer Timer
		want  time.Duration
	}{
		{"customer, from acceptance", journey(t, stepOrder(), evDue), evAccepted, time.Second, TimerCustomer, 5 * time.Minute},
		{"customer, from a find", doubt, Event{Type: Found, OrderUUID: "order1"}, time.Minute, TimerCustomer, 5 * time.Minute},
		{"customer, what is left after a restart", awaiting, Event{Type: Restarted}, 2 * time.Minute, TimerCustomer, 3 * time.Minute},
		{"customer, nothing left after a restart", awaiting, Event{Type: Restarted}, time.Hour, TimerCustomer, 0},
		{"doubt, needs staff", journey(t, stepOrder(), evDue), evAmbiguous, time.Second, TimerDoubtCheck, 150 * time.Second},
		{"doubt, unresolved", journey(t, stepOrder(), evDue), evAmbiguous, time.Second, TimerDoubtHold, 10 * time.Minute},
		{"doubt after a restart", journey(t, stepOrder(), evDue), Event{Type: Restarted}, time.Hour, TimerDoubtHold, 10 * time.Minute},
		{"doubt, restarted again", called, Event{Type: Restarted}, time.Hour, TimerDoubtHold, 10 * time.Minute},
		{"cancelling", awaiting, evWish, time.Second, TimerDoubtHold, 10 * time.Minute},
	} {
		_, fx := stepAt(c.r, c.e, c.r.Entered.Add(c.after))
		got, set := wakeAfter(fx, c.timer)
		answering := false
		for _, f := range fx {
			answering = answering || f.Timer == c.timer && f.Answering
		}
		if !set || got != c.want || !answering {
			t.Errorf("%s: %v, set %v, while the API answers %v; want %v", c.name, got, set, answering, c.want)
		}
	}
	if _, fx := stepAt(called, Event{Type: Restarted}, called.Entered.Add(time.Hour)); countFx(fx, Alarm, "") != 0 {
		t.Error("staff called again after a restart")
	} else if _, set := wakeAfter(fx, TimerDoubtCheck); set {
		t.Error("staff to be called again after a restart")
	}
	staff, fx := stepAt(doubt, evCheck, doubt.Entered.Add(150*time.Second))
	if staff.State != StateInDoubt || staff.Waiting.Code != WaitNeedsStaff || countFx(fx, Alarm, AlarmNeedsStaff) != 1 {
		t.Errorf("doubt_check: %v, %+v", staff.State, staff.Waiting)
	}
	over, fx := stepAt(staff, evHold, doubt.Entered.Add(10*time.Minute))
	if over.State != StateUnresolved || len(over.Body) == 0 || countFx(fx, Alarm, AlarmUnresolved) != 1 {
		t.Errorf("doubt_hold: %v, body of %d", over.State, len(over.Body))
	}
}

// TestResubmitWaits: a person's resubmission acts once doubt_check has passed since the last byte, with a new search.
func TestResubmitWaits(t *testing.T) {
	t.Parallel()
	doubt := journey(t, stepOrder(), evDue, evAmbiguous)
	unresolved := journey(t, doubt, evHold)
	sent := doubt.Submissions[0].At
	for _, c := range []struct {
		name   string
		r      Request
		at     Instant
		search SearchResult
		want   State
	}{
		{"just before", doubt, doubt.Entered.Add(150*time.Second - ms), SearchClear, StateInDoubt},
		{"just at", doubt, doubt.Entered.Add(150 * time.Second), SearchClear, StateQueued},
		{"where no search is allowed", doubt, doubt.Entered.Add(150 * time.Second), SearchForbidden, StateQueued},
		{"without a search", doubt, doubt.Entered.Add(time.Hour), SearchNone, StateInDoubt},
		{"unresolved, just before", unresolved, sent.Add(150*time.Second - ms), SearchClear, StateUnresolved},
		{"unresolved, just at", unresolved, sent.Add(150 * time.Second), SearchClear, StateQueued},
		{"a wish forbids it", journey(t, doubt, evWish), doubt.Entered.Add(time.Hour), SearchClear, StateInDoubt},
	} {
		r, fx := stepAt(c.r, Event{Type: Resolved, Resolution: Resubmit, Search: c.search, By: "Kari"}, c.at)
		if r.State != c.want {
			t.Errorf("%s: %v, want %v", c.name, r.State, c.want)
		}
		if r.State != StateQueued {
			continue
		}
		wantWake(t, fx, TimerRetry, 0)
		wantWake(t, fx, TimerExpire, r.TTL)
		next, _ := stepAt(r, evAgain, c.at.Add(time.Second))
		if len(next.Submissions) != 2 || next.Mark() != "mark2" || next.History[len(next.History)-2].By != "Kari" {
			t.Errorf("%s: %+v", c.name, next.Submissions)
		}
	}
}

// TestWatchPace: every minute for ten minutes, then every ten minutes, and no more after a day.
func TestWatchPace(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]Request{
		"cancelled":  journey(t, stepOrder(), evDue, evAccepted, evWish, evStatus(StatusCancelled)),
		"unresolved": journey(t, stepOrder(), evDue, evAmbiguous, evHold),
		"abandoned":  journey(t, stepOrder(), evDue, evAmbiguous, Event{Type: Resolved, Resolution: Abandon}),
		"resubmitted, then refused": journey(t, stepOrder(), evDue, evAmbiguous, Event{Type: Resolved, Resolution: Resubmit,
			Search: SearchClear, At: stepStart.Add(time.Hour)}, evAgain, Event{Type: Refused, Reason: apiRefused}),
		"resubmitted, then paid": journey(t, stepOrder(), evDue, evAmbiguous, Event{Type: Resolved, Resolution: Resubmit,
			Search: SearchClear, At: stepStart.Add(time.Hour)}, evAgain, evAccepted, evStatus(StatusPaid)),
		"adopted by a person, then paid": journey(t, stepOrder(), evDue, evAmbiguous, Event{Type: Resolved, Resolution: Adopt, OrderUUID: "order1"}, evStatus(StatusPaid)),
		"rejected after a busy answer":   journey(t, stepOrder(), evDue, evBusy, evAgain, evRefused, Event{Type: NotFound, Search: SearchClear, ListLag: stepLag}),
		"paid after a busy answer":       journey(t, stepOrder(), evDue, evBusy, evAgain, evAccepted, evStatus(StatusPaid)),
		"expired after a busy answer": journey(t, stepOrder(), evDue, evBusy, Event{Type: Expired, Search: SearchClear, ListLag: stepLag,
			At: stepStart.Add(time.Hour)}),
		"unmarked, then paid": journey(t, stepOrder(), evDue, evAmbiguous, evHint, hintSeen(seenOwn, StatusPending), Event{Type: StatusSeen, OrderUUID: "order3", Status: StatusPaid}),
	} {
		for _, c := range []struct{ since, want time.Duration }{
			{0, time.Minute},
			{10*time.Minute - ms, time.Minute},
			{10 * time.Minute, 10 * time.Minute},
			{24*time.Hour - ms, 10 * time.Minute},
			{24 * time.Hour, -1},
		} {
			for _, typ := range []EventType{NotFound, Unavailable, Restarted} {
				after, fx := stepAt(r, Event{Type: typ}, r.Finished.Add(c.since))
				got, set := wakeAfter(fx, TimerWatch)
				if c.want < 0 && set || c.want >= 0 && (got != c.want || !set) || after.Revision != r.Revision {
					t.Errorf("%s, %v %v after the end: %v, set %v; want %v", name, typ, c.since, got, set, c.want)
				}
			}
		}
	}
	for name, r := range map[string]Request{
		"paid":                         journey(t, stepOrder(), evDue, evAccepted, evStatus(StatusPaid)),
		"cancelled before it was sent": journey(t, stepOrder(), evWish),
		"expired before it was sent":   journey(t, stepOrder(), Event{Type: Expired, At: stepStart.Add(time.Hour)}),
		"rejected":                     journey(t, stepOrder(), evDue, Event{Type: Refused, Reason: apiRefused}),
	} {
		if _, fx := stepAt(r, Event{Type: Restarted}, r.Finished.Add(time.Minute)); len(fx) != 0 {
			t.Errorf("%s is watched: %v", name, effectWords(fx, true))
		}
	}
}

// TestHistoryKeepsTheEnds: a long life is folded in the middle.
func TestHistoryKeepsTheEnds(t *testing.T) {
	t.Parallel()
	r := stepOrder()
	r.TTL = 24 * time.Hour
	for i := range 40 {
		r = journey(t, r, Event{Type: Due, Mark: fmt.Sprint("mark", i), Search: SearchClear, ListLag: stepLag}, evBusy)
	}
	if len(r.History) != historyCap || r.Folded != 81-historyCap || r.History[0].Event != "Added" || r.History[historyCap-1].Revision != 81 || r.Revision != 81 {
		t.Errorf("%d entries, %d folded, revision %d, from %+v to %+v", len(r.History), r.Folded, r.Revision, r.History[0], r.History[historyCap-1])
	}
	if len(r.Submissions) != 1 || r.Attempts != 40 {
		t.Errorf("%d marks in %d attempts", len(r.Submissions), r.Attempts)
	}
}
