package outbox

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// refundActor is one refund or approval with its lane.
type refundActor struct {
	r       Request
	copy    Request // as the last snapshot has it
	tr      trace
	timers  map[Timer]time.Duration
	calls   []apiCall
	entries uint64
	turn    bool
	// books is the last statement, however old: the machine has to see to its age. statementAt is when it began.
	books       Statement
	statementAt time.Duration

	// resubmits counts a person's allowances to send again; byHand: a person decided something.
	resubmits int
	byHand    bool
	misled    bool // ended by the status that another till's refund brought
}

// refundWorld is one order of 100.00 that several tills pay back from terminals of their own.
type refundWorld struct {
	step     stepFunc
	ledger   func(of *refundActor, all []*refundActor) Ledger
	pick     chooser
	now      Instant
	uptime   time.Duration
	policy   Policy
	actors   []*refundActor
	api      refundAPI
	failed   time.Duration // when a call failed last
	measured bool          // how long the statement lags
	busier   bool          // terminals are busy more often
	strange  bool          // another till pays the order back too
	staff    bool          // people decide on doubts
	byHand   bool
	restored bool
	visited  map[State]bool
	log      []worldLine
}

// worldLine is one step of a world; put into words only where a test has failed.
type worldLine struct {
	at     time.Duration
	before Request
	e      Event
	after  Request
	fx     []Effect
}

func (w *refundWorld) story() string {
	var b strings.Builder
	for _, l := range w.log {
		fmt.Fprintf(&b, "%8v %s %v, %v %v → %v: %s\n", l.at, l.before.ID, l.before.State, l.e.Type, l.e.Status, l.after.State, strings.Join(effectWords(l.fx, true), ", "))
	}
	return b.String()
}

// honestLedger is what the Store makes of the other requests.
func honestLedger(of *refundActor, all []*refundActor) Ledger {
	l := Ledger{Order: &ledgerOrder}
	for _, a := range all {
		if a != of {
			l.Count(a.r, of.r)
		}
	}
	return l
}

func newRefundWorld(step stepFunc, pick chooser) *refundWorld {
	w := &refundWorld{step: step, ledger: honestLedger, pick: pick, now: stepStart, policy: stepPolicy(), visited: map[State]bool{}}
	w.api.details = w.chance("details", 2)
	w.api.statuses = !w.chance("no refund status", 5)
	if w.chance("busy means doubt", 3) {
		w.policy.BusyMeans = BusyDoubt
	}
	w.api.hides = w.api.details || w.policy.BusyMeans == BusyDoubt
	w.api.lasting = w.chance("status of what ended last", 3)
	w.api.keeps = w.chance("history keeps what was turned down", 2)
	w.api.lag = []time.Duration{0, time.Second, 10 * time.Second, 149 * time.Second}[w.pick.choose("lag", 4)]
	w.measured = w.api.lag > 0 && w.chance("lag measured", 2)
	w.busier = w.chance("busier", 3)
	w.strange, w.staff = w.chance("another till", 3), w.chance("staff", 2)
	for i := range 2 + w.pick.choose("refunds", 2) {
		w.actors = append(w.actors, w.newActor(uint64(i+1)))
	}
	return w
}

func (w *refundWorld) newActor(seq uint64) *refundActor {
	r := Request{
		ID: fmt.Sprintf("till-%d", seq), Kind: KindRefund, Terminal: fmt.Sprintf("TRML%d", seq), Body: []byte(`{}`), TTL: 24 * time.Hour,
		OrderUUID: "order1", Refund: &Refund{}, AmountMinor: []int64{4200, 5900}[w.pick.choose("ore", 2)],
	}
	switch w.pick.choose("kind", 7) {
	case 0:
		r.Refund.Full, r.AmountMinor = true, 0
	case 1, 4, 5:
		r.Refund.Ask = "please"
	case 2:
		r.Refund.Reversal = true
	case 3:
		r.Kind = KindApproval
	}
	if r.AmountMinor > 0 {
		r.Refund.Lines = []RefundLine{{ID: 12, Minor: r.AmountMinor}}
		if w.chance("other product", 2) {
			r.Refund.Lines = []RefundLine{{ID: 12, Minor: 2000}, {ID: 13, Minor: r.AmountMinor - 2000}}
		}
	}
	if w.chance("by the order's requestId", 3) {
		r.OrderUUID, r.Target = "", "till-0"
	}
	if w.chance("short-lived", 4) {
		r.TTL = 2 * time.Minute
	}
	r = NewRequest(r, w.now)
	r.Seq = seq
	return &refundActor{r: r, copy: r, turn: true, timers: map[Timer]time.Duration{TimerExpire: w.uptime + r.TTL}}
}

func (w *refundWorld) chance(what string, oneIn int) bool { return w.pick.choose(what, oneIn) == 0 }

func (w *refundWorld) pass(d time.Duration) {
	w.now = w.now.Add(d)
	w.uptime += d
}

// apply runs an event on a request, checks every promise, and does what the effects ask for.
func (w *refundWorld) apply(a *refundActor, e Event) error {
	e.At, e.Policy, e.Ledger = w.now, w.policy, w.ledger(a, w.actors)
	if w.measured {
		e.StatementLag = w.api.lag
	}
	before := a.r
	after, fx, err := checkedStep(w.step, &a.tr, before, e)
	w.log = append(w.log, worldLine{w.uptime, before, e, after, fx})
	if err != nil {
		return err
	}
	a.r = after
	if after.State != before.State || after.Terminal != before.Terminal {
		w.visited[after.State] = true
		clear(a.timers)
		a.entries++
		a.turn = a.turn || after.State == before.State
	}
	if e.Type == Resolved && countFx(fx, Ignored, "") == 0 {
		a.byHand, w.byHand = true, true
		if after.State == StateQueued {
			a.resubmits++
		}
	}
	for _, f := range fx {
		w.carryOut(a, f)
	}
	since := time.Duration(0)
	if a.r.Finished != nil {
		since, _ = w.now.Since(*a.r.Finished)
	}
	open := !a.r.State.Final() || a.r.Watched() && since < watchLooselyFor
	if open && len(a.timers) == 0 && len(a.calls) == 0 && !a.turn {
		return errors.New("stuck: no timer, no call, no turn")
	}
	return w.check(a, before)
}

func (w *refundWorld) carryOut(a *refundActor, f Effect) {
	switch f.Type {
	case WakeAt:
		a.timers[f.Timer] = w.uptime + f.After
	case Submit, SendCancel:
		w.ask(a, f)
	case Query, Search: // both read the statement
		w.ask(a, Effect{Type: Search})
	default:
	}
}

// ask starts a call, unless one with the same question is under way. If that one serves an earlier state, the question is
// asked once more after it.
func (w *refundWorld) ask(a *refundActor, f Effect) {
	same := func(c apiCall) bool { return c.question.Type == f.Type }
	if i := slices.IndexFunc(a.calls, same); i >= 0 && f.Type != Submit {
		a.calls[i].again = a.calls[i].again || a.calls[i].entered != a.entries
		return
	}
	c := apiCall{question: f, entered: a.entries, begun: w.now, uptime: w.uptime}
	switch f.Type {
	case Submit:
		c.answer = w.submit(a)
	case SendCancel:
		c.answer = w.cancel()
	default:
		c.answer = w.readStatement()
	}
	a.calls = append(a.calls, c)
}

// answer ends the oldest call; what was asked in an earlier state is dropped, unless it is the submission's. What the statement
// showed is kept for the next turn all the same.
func (w *refundWorld) answer(a *refundActor) error {
	c := a.calls[0]
	a.calls = a.calls[1:]
	e := c.answer
	switch e.Type {
	case Unavailable, RateLimited, Unauthorized, Ambiguous:
		w.failed = w.uptime
	case StatementSeen:
		e.Statement.Seen = Seen{Begun: c.begun, Answered: w.now, Broken: w.failed > c.uptime}
		a.books, a.statementAt = e.Statement, c.uptime
	}
	var err error
	if c.entered == a.entries {
		err = w.apply(a, e)
	}
	if c.again {
		w.ask(a, c.question)
	}
	if at, set := a.timers[TimerRetry]; err == nil && set && at <= w.uptime && !w.chance("the lane is slow", 4) {
		delete(a.timers, TimerRetry)
		err = w.due(a)
	}
	return err
}

// fire runs a request's next timer, or its turn where that comes first.
func (w *refundWorld) fire(a *refundActor) error {
	if a.turn && a.r.State == StateQueued {
		return w.due(a)
	}
	a.turn = false
	next := nextTimer(a.timers)
	if next == 0 {
		return nil
	}
	w.pass(max(a.timers[next]-w.uptime, 0))
	delete(a.timers, next)
	switch next {
	case TimerRetry:
		return w.due(a)
	case TimerExpire:
		return w.apply(a, a.withStatement(w, Event{Type: Expired}))
	case TimerCustomer:
		return w.apply(a, Event{Type: CustomerTimeout})
	case TimerDoubtCheck, TimerDoubtHold:
		return w.apply(a, Event{Type: DoubtTimeout, Timer: next})
	case TimerPoll:
		w.carryOut(a, Effect{Type: Query})
	case TimerSearch, TimerWatch:
		w.carryOut(a, Effect{Type: Search})
	case TimerCancel:
		w.carryOut(a, Effect{Type: SendCancel})
	}
	return nil
}

func (w *refundWorld) due(a *refundActor) error {
	a.turn = false
	if a.r.State != StateQueued {
		return nil
	}
	return w.apply(a, a.withStatement(w, Event{Type: Due, Mark: fmt.Sprintf("mark-%s-%d", a.r.ID, len(a.r.Submissions))}))
}

// withStatement gives an event what the last look showed.
func (a *refundActor) withStatement(w *refundWorld, e Event) Event {
	e.Statement = a.books
	e.Statement.Seen.Broken = e.Statement.Seen.Broken || w.failed > a.statementAt
	return e
}

// restart is a crash of everything; now and then an older copy takes the outbox's place.
func (w *refundWorld) restart() error {
	restore := w.chance("restore", 6)
	w.restored = w.restored || restore
	w.pass(time.Duration(1+w.pick.choose("down", 100)) * time.Second)
	if w.chance("reboot", 3) {
		w.now.Boot, w.now.Mono = w.now.Boot+"'", 10*time.Second
	}
	for _, a := range w.actors {
		a.calls, a.turn, a.books = nil, true, Statement{}
		clear(a.timers)
		a.entries++
		if restore {
			a.r = AfterRestore(a.copy, w.now)
			a.tr = trace{restored: true, doubted: a.r.State == StateInDoubt || a.r.State == StateUnresolved}
		}
	}
	for _, a := range w.actors {
		if err := w.apply(a, Event{Type: Restarted}); err != nil {
			return err
		}
	}
	return nil
}

// act lets anything happen that can happen.
func (w *refundWorld) act() error {
	w.pass(time.Duration(w.pick.choose("seconds", 20)) * time.Second)
	a := w.actors[w.pick.choose("who", len(w.actors))]
	switch w.pick.choose("act", 20) {
	case 0, 1, 2, 3, 4, 5, 6:
		if len(a.calls) > 0 {
			return w.answer(a)
		}
		return w.fire(a)
	case 7, 8, 9:
		return w.fire(a)
	case 10, 11, 12:
		w.decide()
	case 13:
		return w.apply(a, evWish)
	case 14:
		moved := Event{Type: Moved, To: fmt.Sprintf("TRML%d", w.pick.choose("to", 9)), Number: 100 + uint64(len(w.log)), By: "Kari"}
		return w.apply(a, w.oneOf(Event{Type: CheckWanted}, Event{Type: CallbackSeen, OrderUUID: "order1"}, moved))
	case 15:
		return w.restart()
	case 16:
		if w.staff {
			return w.resolve(a)
		}
	case 17:
		if w.strange {
			w.finish(w.enter(nil, []int64{1000, 4200}[w.pick.choose("ore", 2)], false), w.end())
		}
	case 18:
		for _, b := range w.actors {
			b.copy = b.r
		}
	default:
		if a.r.State.Final() && len(w.actors) < 6 { // the next customer
			w.actors = append(w.actors, w.newActor(uint64(len(w.actors)+1)))
		}
	}
	return nil
}

func (w *refundWorld) end() OrderStatus {
	return []OrderStatus{StatusRefunded, StatusRefunded, StatusRefundDenied}[w.pick.choose("end", 3)]
}

// decide ends a refund at the API: the customer, or the approver, has decided.
func (w *refundWorld) decide() {
	if len(w.api.refunds) == 0 {
		return
	}
	if r := w.api.refunds[w.pick.choose("which", len(w.api.refunds))]; r.status == StatusRefundPending && !w.api.useless {
		w.finish(r, w.end())
	}
}

func (w *refundWorld) resolve(a *refundActor) error {
	e := Event{Type: Resolved, By: "Kari", Search: SearchClear, Resolution: []Resolution{Adopt, Resubmit, Resubmit, Abandon}[w.pick.choose("resolution", 4)]}
	if e.Statement = w.api.statement(w.uptime); e.Statement.NotOurs {
		e.Search = SearchForbidden
	}
	e.Statement.Seen = Seen{Begun: w.now, Answered: w.now}
	if e.Resolution == Adopt {
		e.OrderUUID = "order1"
	}
	return w.apply(a, e)
}
