package outbox

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"
)

var updateGolden = flag.Bool("update", false, "rewrite golden files and docs/states.md from the code")

// stepFunc is Step, or a broken stand-in for it.
type stepFunc func(Request, Event) (Request, []Effect)

// stepStart is the moment at which the requests of these tests are accepted.
var stepStart = Instant{Wall: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC).UnixMilli(), Known: true, Boot: "boot-1", Mono: time.Hour}

func stepPolicy() Policy {
	return Policy{
		CustomerTimeout: 5 * time.Minute, BusyMeans: BusyNotCreated, DoubtCheck: 150 * time.Second, DoubtHold: 10 * time.Minute,
		PollInterval: 2 * time.Second, BusyBackoffMin: time.Second, BusyBackoffMax: 5 * time.Second,
	}
}

func stepOrder() Request {
	r := NewRequest(Request{
		ID: "till-1", Kind: KindOrder, Terminal: "TRML1", Body: []byte(`{"order":{}}`), AmountMinor: 4200, Currency: "NOK", TTL: 10 * time.Minute,
	}, stepStart)
	r.Seq = 1
	return r
}

// stepLag is how long the API of these tests takes to show what it has told.
const stepLag = time.Second

// justAsked makes answers that an event brings, and does not date itself, ones of this moment.
func justAsked(e Event) Event {
	now := Seen{Begun: e.At, Answered: e.At}
	if e.Search != SearchNone && e.Seen == (Seen{}) {
		e.Seen = now
	}
	if b := &e.Statement; (b.Readable || b.NotOurs || b.StatusRead) && b.Seen == (Seen{}) {
		b.Seen = now
	}
	return e
}

// journey runs events through Step, a second apart unless they bring a time, and gives the request that comes of it.
func journey(t testing.TB, r Request, events ...Event) Request {
	t.Helper()
	at := r.Entered
	for _, e := range events {
		if e.At == (Instant{}) {
			e.At = at.Add(time.Second)
		}
		at = e.At
		if e.Policy == (Policy{}) {
			e.Policy = stepPolicy()
		}
		r, _ = Step(r, justAsked(e))
	}
	return r
}

// caseRequest is a request in a state, with what of its past matters.
type caseRequest struct {
	// when says what is particular about it, "" for the plain way into its state.
	when string
	r    Request
}

// caseEvent is an event with what of its content matters.
type caseEvent struct {
	when string
	e    Event
	// set changes the policy, or the moment, which is a second after the state was entered unless said otherwise.
	set func(*Event, Request)
}

var (
	apiRefused = &Reason{Code: "somethingWentWrong", Message: "Something Went Wrong", HTTPStatus: 417}
	alreadyPd  = &Reason{Code: CodeAlreadyPaid, Message: "Order Status Already Paid", HTTPStatus: 400}
	onRequest  = &Reason{Code: CodeCancelled}

	evDue       = Event{Type: Due, Mark: "mark1", Shown: true}
	evAgain     = Event{Type: Due, Mark: "mark2", Shown: true, Search: SearchClear, ListLag: stepLag}
	evAccepted  = Event{Type: Accepted, OrderUUID: "order1"}
	evBusy      = Event{Type: Busy, ListLag: stepLag, StatementLag: stepLag}
	evRefused   = Event{Type: Refused, Reason: apiRefused}
	evHint      = Event{Type: CallbackSeen, OrderUUID: "order3"}
	evAmbiguous = Event{Type: Ambiguous}
	evWish      = Event{Type: CancelWanted, Reason: onRequest}
	evHold      = Event{Type: DoubtTimeout, Timer: TimerDoubtHold}
	evCheck     = Event{Type: DoubtTimeout, Timer: TimerDoubtCheck}
)

var (
	seenMarked = OrderSeen{Details: DetailsRead, References: ReferencesMarked, AmountKnown: true, AmountFits: true}
	seenOwn    = OrderSeen{Details: DetailsRead, References: ReferencesOwn, AmountKnown: true, AmountFits: true}
	seenOther  = OrderSeen{Details: DetailsRead, References: ReferencesOther, AmountKnown: true, AmountFits: true}
	seenNull   = OrderSeen{Details: DetailsRead, References: ReferencesNull, AmountKnown: true, AmountFits: true}
	seenGone   = OrderSeen{Details: DetailsMissing}
	seenUnread = OrderSeen{Details: DetailsUnread}
)

// hintSeen is an answer about the order that evHint named.
func hintSeen(o OrderSeen, s OrderStatus) Event {
	return Event{Type: HintRead, OrderUUID: "order3", Order: o, Status: s}
}

func evStatus(s OrderStatus) Event { return Event{Type: StatusSeen, OrderUUID: "order1", Status: s} }

// orderCases lists an order in every state that it can be in, by the ways that matter.
func orderCases(t testing.TB) []caseRequest {
	from := func(events ...Event) Request { return journey(t, stepOrder(), events...) }
	resubmit := Event{Type: Resolved, Resolution: Resubmit, Search: SearchClear, By: "Kari", At: stepStart.Add(4 * time.Minute)}
	late := Event{Type: Expired, At: stepStart.Add(10 * time.Minute)}
	further := Event{Type: Found, OrderUUID: "order2"}
	unmarked := []Event{evDue, evAmbiguous, evHint, hintSeen(seenOwn, StatusPending)}
	repeated := []Event{evDue, evBusy, evAgain}
	with := func(events []Event, more ...Event) Request {
		return from(append(events[:len(events):len(events)], more...)...)
	}
	return append(movableCases(t, stepOrder(), evDue), []caseRequest{
		{"", from()},
		{"after a busy answer", from(evDue, evBusy)},
		{"after a busy answer, cancel wanted", from(evDue, evBusy, evWish)},
		{"after a busy answer, an order named", from(evDue, evBusy, evHint)},
		{"resubmitted", from(evDue, evAmbiguous, resubmit)},
		{"", from(evDue)},
		{"cancel wanted", from(evDue, evWish)},
		{"an order named", from(evDue, evHint)},
		{"after a busy answer", with(repeated)},
		{"", from(evDue, evAmbiguous)},
		{"cancel wanted", from(evDue, evAmbiguous, evWish)},
		{"staff called", from(evDue, evAmbiguous, evCheck)},
		{"an order named", from(evDue, evAmbiguous, evHint)},
		{"refused after a busy answer", with(repeated, evRefused)},
		{"restored, order known", AfterRestore(from(evDue, evAccepted), stepStart.Add(time.Hour))},
		{"", from(evDue, evAccepted)},
		{"a further order known", from(evDue, evAccepted, further)},
		{"an order named", from(evDue, evAccepted, evHint)},
		{"after a busy answer", with(repeated, evAccepted)},
		{"without our mark", with(unmarked)},
		{"", from(evDue, evAccepted, evWish)},
		{"a further order known", from(evDue, evAccepted, further, evWish)},
		{"customer timeout", from(evDue, evAccepted, Event{Type: CustomerTimeout})},
		{"", from(evDue, evAccepted, evStatus(StatusPaid))},
		{"a further order known", from(evDue, evAccepted, further, evStatus(StatusPaid))},
		{"after a busy answer", with(repeated, evAccepted, evStatus(StatusPaid))},
		{"", from(evDue, evAccepted, evStatus(StatusDeclined))},
		{"never sent", from(evWish)},
		{"", from(evDue, evAccepted, evWish, evStatus(StatusCancelled))},
		{"an order named", from(evDue, evAccepted, evHint, evWish, evStatus(StatusCancelled))},
		{"abandoned", from(evDue, evAmbiguous, Event{Type: Resolved, Resolution: Abandon, By: "Kari"})},
		{"", from(evDue, Event{Type: Refused, Reason: apiRefused})},
		{"", from(late)},
		{"after a busy answer", from(evDue, evBusy, Event{Type: Expired, Search: SearchClear, ListLag: stepLag, At: late.At})},
		{"", from(evDue, evAmbiguous, evHold)},
		{"an order named", from(evDue, evAmbiguous, evHint, evHold)},
		{"without our mark", with(unmarked, Event{Type: CustomerTimeout})},
		{"cancel wanted", from(evDue, evAmbiguous, evWish, evHold)},
		{"order known", from(evDue, evAccepted, Event{Type: CustomerTimeout}, evHold)},
	}...)
}

// orderEvents lists every event, by the contents that matter.
func orderEvents() []caseEvent {
	policy := func(f func(*Policy)) func(*Event, Request) {
		return func(e *Event, _ Request) { f(&e.Policy) }
	}
	at := func(f func(Request) Instant) func(*Event, Request) {
		return func(e *Event, r Request) { e.At = f(r) }
	}
	dueWith := func(s SearchResult) Event {
		return Event{Type: Due, Mark: "mark9", Shown: true, Search: s, ListLag: stepLag}
	}
	seen := func(begun, answered time.Duration, broken bool) func(*Event, Request) {
		return func(e *Event, r Request) {
			e.At = r.Entered.Add(time.Minute)
			e.Seen = Seen{Begun: r.Entered.Add(begun), Answered: r.Entered.Add(answered), Broken: broken}
		}
	}
	tooOld := at(func(r Request) Instant { return r.TTLFrom.Add(r.TTL) })
	noClock := func(e *Event, r Request) { e.At = r.TTLFrom.Add(r.TTL); e.At.Known = false }
	other := func(t EventType, s OrderStatus) Event { return Event{Type: t, OrderUUID: "order2", Status: s} }
	all := []caseEvent{
		{"not searched", dueWith(SearchNone), nil},
		{"search was clear", dueWith(SearchClear), nil},
		{"search not allowed", dueWith(SearchForbidden), nil},
		{"search not allowed, busy means doubt", dueWith(SearchForbidden), policy(func(p *Policy) { p.BusyMeans = BusyDoubt })},
		{"search was clear, six seconds ago", dueWith(SearchClear), seen(53*time.Second, 54*time.Second, false)},
		{"search was clear, but a call has failed since", dueWith(SearchClear), seen(59*time.Second, time.Minute, true)},
		{"search was clear, begun before the lag was over", dueWith(SearchClear), seen(stepLag-time.Millisecond, time.Minute, false)},
		{"search was clear, begun when the lag was over", dueWith(SearchClear), seen(stepLag, time.Minute, false)},
		{"search was clear, lag not measured", Event{Type: Due, Mark: "mark9", Shown: true, Search: SearchClear}, nil},
		{"too old", dueWith(SearchClear), tooOld},
		{"too old, not searched", dueWith(SearchNone), tooOld},
		{"too old by a clock that may be wrong", dueWith(SearchClear), noClock},
		{"other boot, clock unknown", dueWith(SearchClear), otherBoot},
		{"", evAccepted, nil},
		{"another order", Event{Type: Accepted, OrderUUID: "order2"}, nil},
		{"without a uuid", Event{Type: Accepted}, nil},
		{"", Event{Type: Done}, nil},
		{"", evBusy, nil},
		{"", Event{Type: Unavailable}, nil},
		{"after 40 s", Event{Type: RateLimited, RetryAfter: 40 * time.Second}, nil},
		{"", Event{Type: Unauthorized}, nil},
		{"", Event{Type: Refused, Reason: apiRefused}, nil},
		{"already paid", Event{Type: Refused, Reason: alreadyPd, OrderUUID: "order1"}, nil},
		{"already paid, another order", Event{Type: Refused, Reason: alreadyPd, OrderUUID: "order2"}, nil},
		{"", evAmbiguous, nil},
	}
	for _, s := range []OrderStatus{StatusPending, StatusPaid, StatusDeclined, StatusCancelled} {
		all = append(all, caseEvent{s.String(), evStatus(s), nil})
	}
	all = append(all,
		caseEvent{"pending, time to resend", evStatus(StatusPending), func(e *Event, r Request) {
			e.Policy.ResendAfter, e.At = time.Minute, r.Entered.Add(time.Minute)
		}},
		caseEvent{"another order, pending", other(StatusSeen, StatusPending), nil},
		caseEvent{"another order, paid", other(StatusSeen, StatusPaid), nil},
	)
	for _, s := range []OrderStatus{StatusPending, StatusPaid, StatusDeclined, StatusCancelled} {
		all = append(all, caseEvent{s.String(), Event{Type: Found, OrderUUID: "order1", Status: s}, nil},
			caseEvent{"another order, " + s.String(), other(Found, s), nil})
	}
	for _, res := range []Resolution{Adopt, Resubmit, Abandon} {
		e := Event{Type: Resolved, Resolution: res, By: "Kari", Search: SearchClear}
		if res == Adopt {
			e.OrderUUID = "order1"
		}
		all = append(all, caseEvent{res.String(), e, at(func(r Request) Instant { return r.Entered.Add(5 * time.Minute) })})
	}
	for _, s := range []OrderStatus{StatusPaid, StatusDeclined, StatusCancelled} {
		e := Event{Type: Resolved, Resolution: Adopt, By: "Kari", OrderUUID: "order1", Status: s}
		all = append(all, caseEvent{"adopt, " + s.String(), e, at(func(r Request) Instant { return r.Entered.Add(5 * time.Minute) })})
	}
	all = append(append(all, hintEvents()...), moveEvents()...)
	return append(all,
		caseEvent{"resubmit too early", Event{Type: Resolved, Resolution: Resubmit, By: "Kari", Search: SearchClear}, at(func(r Request) Instant {
			if n := len(r.Submissions); n > 0 {
				return r.Submissions[n-1].At.Add(149 * time.Second)
			}
			return r.Entered
		})},
		caseEvent{"resubmit, not searched", Event{Type: Resolved, Resolution: Resubmit, By: "Kari"}, at(func(r Request) Instant { return r.Entered.Add(5 * time.Minute) })},
		caseEvent{"", Event{Type: NotFound}, nil},
		caseEvent{"search was clear", Event{Type: NotFound, Search: SearchClear, ListLag: stepLag}, nil},
		caseEvent{"search was clear, lag not measured", Event{Type: NotFound, Search: SearchClear}, nil},
		caseEvent{"search not allowed", Event{Type: NotFound, Search: SearchForbidden, ListLag: stepLag}, nil},
		caseEvent{"search not allowed, busy means doubt", Event{Type: NotFound, Search: SearchForbidden, ListLag: stepLag}, policy(func(p *Policy) { p.BusyMeans = BusyDoubt })},
		caseEvent{"", Event{Type: CallbackSeen, OrderUUID: "order1"}, nil},
		caseEvent{"another order", Event{Type: CallbackSeen, OrderUUID: "order2"}, nil},
		caseEvent{"a third order", evHint, nil},
		caseEvent{"no order", Event{Type: CallbackSeen}, nil},
		caseEvent{"", evWish, nil},
		caseEvent{"", Event{Type: ResendWanted}, nil},
		caseEvent{"", Event{Type: CheckWanted}, nil},
		caseEvent{"too early", Event{Type: Expired}, nil},
		caseEvent{"", Event{Type: Expired}, tooOld},
		caseEvent{"search was clear", Event{Type: Expired, Search: SearchClear, ListLag: stepLag}, func(e *Event, r Request) {
			tooOld(e, r)
			e.Seen = Seen{Begun: r.Entered.Add(stepLag), Answered: r.Entered.Add(stepLag), Broken: true}
		}},
		caseEvent{"search was clear, begun before the lag was over", Event{Type: Expired, Search: SearchClear, ListLag: 2 * stepLag}, func(e *Event, r Request) {
			tooOld(e, r)
			e.Seen = Seen{Begun: r.Entered.Add(stepLag), Answered: e.At}
		}},
		caseEvent{"search not allowed", Event{Type: Expired, Search: SearchForbidden, ListLag: stepLag}, tooOld},
		caseEvent{"search not allowed, busy means doubt", Event{Type: Expired, Search: SearchForbidden, ListLag: stepLag}, func(e *Event, r Request) {
			tooOld(e, r)
			e.Policy.BusyMeans = BusyDoubt
		}},
		caseEvent{"by a clock that may be wrong", Event{Type: Expired}, noClock},
		caseEvent{"other boot, clock unknown", Event{Type: Expired}, otherBoot},
		caseEvent{"", Event{Type: CustomerTimeout}, nil},
		caseEvent{"check", evCheck, nil},
		caseEvent{"hold", evHold, nil},
		caseEvent{"", Event{Type: Restarted}, nil},
		caseEvent{"", Event{Type: StatementSeen}, nil},
		caseEvent{"", Event{Type: TargetSeen, Target: StatePaid}, nil},
		caseEvent{"no customer timeout", Event{Type: Restarted}, policy(func(p *Policy) { p.CustomerTimeout = 0 })},
		caseEvent{"other boot, clock unknown", Event{Type: Restarted}, otherBoot},
	)
}

// hintEvents lists what may be seen of an order that a callback named.
func hintEvents() []caseEvent {
	amount := func(known, fits bool) OrderSeen {
		o := seenOwn
		o.AmountKnown, o.AmountFits = known, fits
		return o
	}
	all := []caseEvent{
		{"never named", Event{Type: HintRead, OrderUUID: "order9", Order: seenMarked}, nil},
		{"our references, amount not told", hintSeen(amount(false, false), StatusPaid), nil},
		{"our references, another amount", hintSeen(amount(true, false), StatusPaid), nil},
		{"references of another", hintSeen(seenOther, StatusPaid), nil},
		{"no references yet", hintSeen(seenNull, StatusPaid), nil},
		{"unread", hintSeen(seenUnread, StatusPaid), nil},
		{"details not ours, status unknown", hintSeen(OrderSeen{Details: DetailsNotOurs}, StatusPending), nil},
		{"details not ours, status known", hintSeen(OrderSeen{Details: DetailsNotOurs, Known: true}, StatusPaid), nil},
		{"not there", hintSeen(seenGone, StatusPending), nil},
	}
	for _, s := range []OrderStatus{StatusPending, StatusPaid, StatusCancelled} {
		all = append(all, caseEvent{"our mark, " + s.String(), hintSeen(seenMarked, s), nil},
			caseEvent{"our references and amount, " + s.String(), hintSeen(seenOwn, s), nil})
	}
	return all
}

// caseOutcome is one cell of the table of states and events.
type caseOutcome struct {
	from  caseRequest
	event caseEvent
	after Request
	fx    []Effect
}

// runCases runs each event on each request.
func runCases(requests []caseRequest, events []caseEvent) []caseOutcome {
	var all []caseOutcome
	for _, c := range requests {
		for _, v := range events {
			v.e.Policy, v.e.At = stepPolicy(), c.r.Entered.Add(time.Second)
			if v.set != nil {
				v.set(&v.e, c.r)
			}
			after, fx := Step(c.r, justAsked(v.e))
			all = append(all, caseOutcome{c, v, after, fx})
		}
	}
	return all
}

func withWhen(name, when string) string {
	if when == "" {
		return name
	}
	return name + " (" + when + ")"
}

// String is a line of the golden file.
func (o caseOutcome) String() string {
	next := "stays"
	if o.after.State != o.from.r.State {
		next = o.after.State.String()
		if why := o.after.Reason; why != nil {
			next += "[" + why.Code + "]"
		}
		if w := o.after.Waiting; w != nil {
			next += "[waiting " + w.Code + "]"
		}
		if o.after.Late {
			next += "[late]"
		}
	}
	revision := "  "
	if d := o.after.Revision - o.from.r.Revision; d != 0 {
		revision = fmt.Sprintf("+%d", d)
	}
	return fmt.Sprintf("%-51s %-52s → %-36s %s  %s", withWhen(o.from.r.State.String(), o.from.when),
		withWhen(o.event.e.Type.String(), o.event.when), next, revision, strings.Join(effectWords(o.fx, true), ", "))
}

// effectWords puts effects into words, with or without their particulars.
func effectWords(fx []Effect, particulars bool) []string {
	words := make([]string, 0, len(fx))
	for _, f := range fx {
		var about []string
		switch f.Type {
		case WakeAt:
			about = append(about, f.Timer.String())
			if particulars {
				about = append(about, f.After.String())
			}
			if f.Answering && particulars {
				about = append(about, "while the API answers")
			}
		case Alarm, Ignored:
			about = append(about, f.Code)
		case Publish:
			if f.Waiting != nil {
				about = append(about, "waiting", f.Waiting.Code)
			}
		default:
			if particulars {
				about = append(about, strings.Join(strings.Fields(f.Mark+" "+f.OrderUUID+" "+f.Target), " "))
			}
		}
		words = append(words, withWhen(f.Type.String(), strings.Join(about, " ")))
	}
	return words
}
