package outbox

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// chooser makes the choices of a simulated world: rapid's, which shrink, or plain random ones.
type chooser interface {
	// choose gives a number from 0 up to, not including, n.
	choose(what string, n int) int
}

// apiCall is a call under way: its fate is decided when it starts, and told when it ends.
type apiCall struct {
	entered uint64 // the entry into a state that asked for it
	answer  Event
	search  SearchResult
}

// world is one request, its lane, a clock and an API, all simulated: the API may do and say what the real one may.
type world struct {
	step   stepFunc
	pick   chooser
	now    Instant
	policy Policy
	r      Request
	copy   Request // as the last snapshot has it
	tr     trace

	timers  map[Timer]time.Duration // by time since the first boot
	uptime  time.Duration
	entries uint64
	calls   []apiCall
	turn    bool
	search  SearchResult

	orders     []*apiOrder
	searchable bool
	hides      bool // a busy answer may hide an order
	useless    bool // the API says nothing that helps
	doubtful   bool // the first reply is lost, and what a person then sends again exists twice
	resubmits  int
	submitted  int
	marks      int
	visited    map[State]bool
	log        []string
}

func newWorld(step stepFunc, pick chooser) *world {
	w := &world{
		step: step, pick: pick, now: stepStart, policy: stepPolicy(), r: stepOrder(), turn: true,
		timers: map[Timer]time.Duration{}, visited: map[State]bool{StateQueued: true},
	}
	w.copy = w.r
	w.searchable = w.chance("searchable", 2)
	w.doubtful = w.chance("doubtful", 4)
	if w.chance("busy means doubt", 3) {
		w.policy.BusyMeans = BusyDoubt
	}
	w.hides = w.searchable || w.policy.BusyMeans == BusyDoubt
	if w.chance("resend", 3) {
		w.policy.ResendAfter = time.Duration(1+w.pick.choose("resend after", 90)) * time.Second
	}
	return w
}

func (w *world) chance(what string, oneIn int) bool { return w.pick.choose(what, oneIn) == 0 }

func (w *world) pass(d time.Duration) {
	w.now = w.now.Add(d)
	w.uptime += d
}

// apply gives the machine an event, checks every promise, and does what the effects ask for.
func (w *world) apply(e Event) error {
	e.At, e.Policy = w.now, w.policy
	e.Jitter = float64(w.pick.choose("jitter", 4)) / 4
	before := w.r
	after, fx, err := checkedStep(w.step, &w.tr, before, e)
	w.log = append(w.log, fmt.Sprintf("%8v %v, %v %s → %v: %s", w.uptime, before.State, e.Type, e.OrderUUID, after.State, strings.Join(effectWords(fx, true), ", ")))
	if err != nil {
		return err
	}
	w.r = after
	if w.chance("snapshot", 4) {
		w.copy = after
	}
	if after.State != before.State {
		w.visited[after.State] = true
		clear(w.timers)
		w.entries++
		if e.Type == Resolved && after.State == StateQueued {
			w.resubmits++
		}
	}
	if before.State == StateSending {
		w.search = SearchNone
	}
	for _, f := range fx {
		w.carryOut(f)
	}
	if len(w.orders) > 1+w.resubmits {
		return fmt.Errorf("%d orders exist, and a person allowed %d more than one", len(w.orders), w.resubmits)
	}
	return w.checkMoves()
}

// checkMoves: whatever is not final has something under way that will move it on.
func (w *world) checkMoves() error {
	if !w.r.State.Final() && len(w.timers) == 0 && len(w.calls) == 0 && !w.turn {
		return errors.New("stuck: no timer, no call, no turn")
	}
	return nil
}

func (w *world) carryOut(f Effect) {
	switch f.Type {
	case WakeAt:
		w.timers[f.Timer] = w.uptime + f.After
	case Submit:
		w.start(w.submit(f.Mark), SearchNone)
	case Query:
		w.start(w.query(f.OrderUUID), SearchNone)
	case Search:
		w.start(w.searchFor())
	case SendCancel:
		w.start(w.cancel(f.OrderUUID), SearchNone)
	case SendResend:
		w.start(w.oneOf(Event{Type: Done}, Event{Type: Busy}, Event{Type: Refused, Reason: apiRefused}, evAmbiguous), SearchNone)
	default:
	}
}

func (w *world) start(answer Event, found SearchResult) {
	w.calls = append(w.calls, apiCall{w.entries, answer, found})
}

// answer ends the oldest call. What was asked in an earlier state and says nothing of any order is dropped, as the lane
// does; evidence is always handed in.
func (w *world) answer() error {
	c := w.calls[0]
	w.calls = w.calls[1:]
	e := c.answer
	evidence := e.Type == Accepted || e.Type == Found || e.Type == StatusSeen || e.Type == Refused && e.Reason == alreadyPd
	if c.entered != w.entries && !evidence {
		return nil
	}
	if w.r.State == StateQueued && c.search != SearchNone {
		w.search = c.search
		if c.search == SearchForbidden {
			w.turn = true
			return nil
		}
	}
	return w.apply(e)
}

// nextTimer is the one that rings first, 0 if none is set.
func nextTimer(timers map[Timer]time.Duration) Timer {
	next := Timer(0)
	for t := TimerRetry; t <= TimerWatch; t++ {
		if at, ok := timers[t]; ok && (next == 0 || at < timers[next]) {
			next = t
		}
	}
	return next
}

// fire runs the next timer, or the lane's turn where that comes first.
func (w *world) fire() error {
	if w.turn && w.r.State == StateQueued {
		return w.due()
	}
	w.turn = false
	next := nextTimer(w.timers)
	if next == 0 {
		return nil
	}
	w.pass(max(w.timers[next]-w.uptime, 0))
	delete(w.timers, next)
	switch next {
	case TimerRetry:
		return w.due()
	case TimerExpire:
		return w.apply(Event{Type: Expired})
	case TimerCustomer:
		return w.apply(Event{Type: CustomerTimeout})
	case TimerDoubtCheck, TimerDoubtHold:
		return w.apply(Event{Type: DoubtTimeout, Timer: next})
	case TimerSearch:
		w.start(w.searchFor())
	case TimerCancel:
		w.start(w.cancel(w.r.OrderUUID), SearchNone)
	case TimerWatch:
		w.lookAgain()
	case TimerPoll:
		if w.r.OrderUUID == "" {
			w.start(w.searchFor())
		} else {
			w.start(w.query(w.r.OrderUUID), SearchNone)
		}
	}
	return nil
}

// lookAgain is what a lane does on TimerWatch.
func (w *world) lookAgain() {
	if w.r.Sought() {
		w.start(w.searchFor())
	}
	if w.r.OrderUUID != "" && w.r.State.Final() && w.r.State != StatePaid {
		w.start(w.query(w.r.OrderUUID), SearchNone)
	}
	for _, uuid := range w.r.Further {
		if !slices.Contains(w.r.FurtherPaid, uuid) {
			w.start(w.query(uuid), SearchNone)
		}
	}
}

func (w *world) due() error {
	w.turn = false
	w.marks++
	return w.apply(Event{Type: Due, Mark: fmt.Sprintf("mark%d", w.marks), Shown: w.searchable, Search: w.search})
}

// restart is a crash: calls under way are cut off, timers gone, and the machine may have booted anew.
func (w *world) restart() error {
	w.calls = nil
	clear(w.timers)
	w.search, w.turn = SearchNone, true
	w.pass(time.Duration(1+w.pick.choose("down", 100)) * time.Second)
	if w.chance("reboot", 3) {
		w.now.Boot, w.now.Mono = w.now.Boot+"'", 10*time.Second
		w.now.Known = w.chance("clock known", 2)
	}
	if w.chance("restore", 8) {
		// The disk died, and an older copy of the outbox was put in its place.
		w.r = AfterRestore(w.copy, w.now)
		w.tr = trace{doubted: w.r.State == StateInDoubt || w.r.State == StateUnresolved, created: w.r.OrderUUID != ""}
		w.entries++
	}
	return w.apply(Event{Type: Restarted})
}

// act lets anything happen that can happen.
func (w *world) act() error {
	w.pass(time.Duration(w.pick.choose("seconds", 20)) * time.Second)
	switch w.pick.choose("act", 20) {
	case 0, 1, 2, 3, 4, 5:
		if len(w.calls) > 0 {
			return w.answer()
		}
		return w.fire()
	case 6, 7, 8, 9:
		return w.fire()
	case 10, 11:
		w.customer()
	case 12:
		return w.apply(evWish)
	case 13:
		return w.apply(w.oneOf(Event{Type: ResendWanted}, Event{Type: CheckWanted}))
	case 14:
		return w.restart()
	case 15, 16:
		return w.resolve()
	case 17:
		return w.hint()
	case 18:
		return w.reconcile()
	default:
		w.now.Known = !w.now.Known || w.chance("clock stays", 2)
	}
	return nil
}

func (w *world) customer() {
	if len(w.orders) == 0 {
		return
	}
	o := w.orders[w.pick.choose("order", len(w.orders))]
	// Even an order that ended unpaid may turn out paid, as the two may cross; but not often.
	if o.status == StatusPending || o.status != StatusPaid && w.chance("crossed", 4) {
		o.status = OrderStatus(w.pick.choose("status", 4))
	}
}

func (w *world) resolve() error {
	e := Event{Type: Resolved, By: "Kari", Resolution: []Resolution{Adopt, Resubmit, Resubmit, Resubmit, Abandon}[w.pick.choose("resolution", 5)]}
	switch {
	case e.Resolution == Adopt && len(w.orders) > 0:
		named := w.orders[w.pick.choose("order", len(w.orders))]
		if e.OrderUUID = named.uuid; w.chance("its status was asked for", 2) {
			e.Status = named.status
		}
	case e.Resolution == Resubmit && w.searchable:
		e.Search = SearchClear
	case e.Resolution == Resubmit:
		e.Search = SearchForbidden
	}
	return w.apply(e)
}

// hint is a callback: it bears our mark, but the order that it names may be invented.
func (w *world) hint() error {
	if w.r.Mark() == "" || w.r.State == StateSending {
		return nil
	}
	uuid := "invented"
	for _, o := range w.orders {
		if w.chance("hints at", 2) {
			uuid = o.uuid
		}
	}
	return w.apply(Event{Type: CallbackSeen, OrderUUID: uuid})
}

// reconcile is the watch over all marks, beside what a request itself asks for.
func (w *world) reconcile() error {
	for _, o := range w.orders {
		if w.searchable && w.r.Bears(o.mark) && w.chance("seen", 2) {
			return w.apply(Event{Type: Found, OrderUUID: o.uuid, Status: o.status})
		}
	}
	return nil
}
