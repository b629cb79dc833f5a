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
	// choose returns a number from 0 up to, not including, n.
	choose(what string, n int) int
}

// apiCall is a call under way: its fate is decided when it starts, and told when it ends.
type apiCall struct {
	question Effect
	entered  uint64 // the entry into a state that asked for it
	again    bool   // a later state asks the same, so it is asked once more after this
	begun    Instant
	uptime   time.Duration
	answer   Event
	// hint is an order that a callback names before the answer comes.
	hint string
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
	// search is what the last search showed, however old: the machine has to see to its age. seenAt is when it began.
	search SearchResult
	seen   Seen
	seenAt time.Duration
	failed time.Duration // when a call failed last

	orders     []*apiOrder
	strangers  []*apiOrder // other tills' orders
	searchable bool
	shown      bool          // our mark goes into a reference
	callbacks  bool          // an order that a busy answer hides is named by a callback at once
	lag        time.Duration // how long an order may be missing from the list, or from its details
	measured   bool
	hides      bool // a busy answer may hide an order
	useless    bool // the API says nothing that helps
	restored   bool
	doubtful   bool // the first reply is lost, and what a person then sends again exists twice
	resubmits  int
	moves      uint64
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
	w.shown = !w.chance("both references are the till's", 4)
	w.callbacks = w.chance("callbacks", 2)
	w.lag = []time.Duration{0, time.Second, 10 * time.Second, 149 * time.Second}[w.pick.choose("lag", 4)]
	w.measured = w.lag > 0 && w.chance("lag measured", 2)
	w.doubtful = w.chance("doubtful", 4)
	if w.chance("busy means doubt", 3) {
		w.policy.BusyMeans = BusyDoubt
	}
	w.mayHide()
	if w.chance("resend", 3) {
		w.policy.ResendAfter = time.Duration(1+w.pick.choose("resend after", 90)) * time.Second
	}
	return w
}

// findable: a search finds what bears our mark.
func (w *world) findable() bool { return w.searchable && w.shown }

// mayHide: a busy answer may hide an order where the order can be found, or the operator does not take the API's word.
func (w *world) mayHide() { w.hides = w.findable() || w.policy.BusyMeans == BusyDoubt }

func (w *world) chance(what string, oneIn int) bool { return w.pick.choose(what, oneIn) == 0 }

func (w *world) pass(d time.Duration) {
	w.now = w.now.Add(d)
	w.uptime += d
}

// apply gives the machine an event, checks every promise, and does what the effects ask for.
func (w *world) apply(e Event) error {
	e.At, e.Policy = w.now, w.policy
	if w.measured {
		e.ListLag = w.lag
	}
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
	if after.Terminal != before.Terminal {
		clear(w.timers)
		w.entries++
		w.turn = true // in the other lane
	}
	if after.State != before.State {
		w.visited[after.State] = true
		clear(w.timers)
		w.entries++
		if e.Type == Resolved && after.State == StateQueued {
			w.resubmits++
		}
	}
	for _, f := range fx {
		if err := w.carryOut(f); err != nil {
			return err
		}
	}
	if (after.State == StateExpired || after.State == StateRejected) && before.State != after.State && len(w.orders) > 0 &&
		w.resubmits == 0 && !w.restored {
		return fmt.Errorf("told %v, and an order of ours exists", after.State)
	}
	if len(w.orders) > 1+w.resubmits {
		return fmt.Errorf("%d orders exist, and a person allowed %d more than one", len(w.orders), w.resubmits)
	}
	return w.checkMoves()
}

// checkMoves: whatever is not final has something under way that will move it on, and so has whatever may turn out paid, and
// each order that a callback named.
func (w *world) checkMoves() error {
	since, _ := w.now.Since(Instant{})
	if w.r.Finished != nil {
		since, _ = w.now.Since(*w.r.Finished)
	}
	open := !w.r.State.Final() || w.r.Watched() && since < watchLooselyFor
	if open && len(w.timers) == 0 && len(w.calls) == 0 && !w.turn {
		return errors.New("stuck: no timer, no call, no turn")
	}
	for _, h := range w.r.Hints {
		asked := slices.ContainsFunc(w.calls, func(c apiCall) bool { return c.question.Type == Judge && c.question.OrderUUID == h.OrderUUID })
		if _, rings := w.timers[TimerHint]; !asked && !rings && w.r.State != StateSending && !w.turn {
			return fmt.Errorf("nobody looks at the order %s that a callback named", h.OrderUUID)
		}
	}
	return nil
}

// restart is a crash: calls under way are cut off, timers gone, and the machine may have booted anew.
func (w *world) restart() error {
	w.calls = nil
	clear(w.timers)
	w.search, w.seen, w.turn = SearchNone, Seen{}, true
	w.pass(time.Duration(1+w.pick.choose("down", 100)) * time.Second)
	if w.chance("reboot", 3) {
		w.now.Boot, w.now.Mono = w.now.Boot+"'", 10*time.Second
		w.now.Known = w.chance("clock known", 2)
	}
	if w.chance("restore", 8) {
		// The disk died, and an older copy of the outbox was put in its place.
		w.r, w.restored = AfterRestore(w.copy, w.now), true
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
		w.customer(w.orders)
		w.customer(w.strangers)
	case 12:
		return w.apply(evWish)
	case 13:
		return w.apply(w.oneOf(Event{Type: ResendWanted}, Event{Type: CheckWanted}, w.move("TRML1"), w.move("TRML2")))
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

func (w *world) customer(orders []*apiOrder) {
	if len(orders) == 0 {
		return
	}
	o := orders[w.pick.choose("order", len(orders))]
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
	case e.Resolution == Resubmit && w.findable():
		e.Search = SearchClear
	case e.Resolution == Resubmit:
		e.Search = SearchForbidden
	}
	e.Seen = Seen{Begun: w.now, Answered: w.now}
	return w.apply(e)
}

// move is a person's word that it is to wait at a terminal.
func (w *world) move(to string) Event {
	w.moves++
	return Event{Type: Moved, To: to, Number: 100 + w.moves, By: "Kari"}
}

// hint is a callback: it bears our mark, but the order that it names may be another till's, or invented.
func (w *world) hint() error {
	if w.r.Mark() == "" {
		return nil
	}
	uuid := "invented"
	switch {
	case len(w.orders) > 0 && w.chance("hints at ours", 2):
		uuid = w.orders[w.pick.choose("order", len(w.orders))].uuid
	case w.chance("hints at another till's", 2):
		uuid = w.stranger().uuid
	}
	return w.apply(Event{Type: CallbackSeen, OrderUUID: uuid})
}

// reconcile is the watch over all marks, beside what a request itself asks for.
func (w *world) reconcile() error {
	for _, o := range w.orders {
		if w.findable() && w.r.Bears(o.mark) && w.uptime >= o.listed && w.uptime >= o.referenced && w.chance("seen", 2) {
			return w.apply(Event{Type: Found, OrderUUID: o.uuid, Status: o.status})
		}
	}
	return nil
}
