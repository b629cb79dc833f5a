package outbox

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

type rapidChooser struct{ t *rapid.T }

func (c rapidChooser) choose(what string, n int) int { return rapid.IntRange(0, n-1).Draw(c.t, what) }

type diceChooser struct{ r *rand.Rand }

func (c diceChooser) choose(_ string, n int) int { return c.r.IntN(n) }

func dice(seed uint64) diceChooser { return diceChooser{rand.New(rand.NewPCG(seed, 1))} }

// live runs a world for a number of acts.
func (w *world) live(acts int) error {
	for range acts {
		if err := w.act(); err != nil {
			return err
		}
	}
	return nil
}

// TestStepHoldsItsPromises runs orders through simulated worlds.
func TestStepHoldsItsPromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(Step, rapidChooser{t})
		if err := w.live(rapid.IntRange(1, 120).Draw(t, "acts")); err != nil {
			t.Fatalf("%v\n%s", err, strings.Join(w.log, "\n"))
		}
	})
}

// TestWorldsReachEveryState guards the worlds themselves: promises checked where nobody goes are not checked.
func TestWorldsReachEveryState(t *testing.T) {
	t.Parallel()
	visits := map[State]int{}
	late, further, resubmitted := 0, 0, 0
	for seed := range uint64(500) {
		w := newWorld(Step, dice(seed))
		if err := w.live(150); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, strings.Join(w.log, "\n"))
		}
		for s := range w.visited {
			visits[s]++
		}
		if w.r.Late {
			late++
		}
		if len(w.r.FurtherPaid) > 0 {
			further++
		}
		if len(w.r.Submissions) > 1 {
			resubmitted++
		}
	}
	for _, s := range States(KindOrder) {
		if visits[s] < 5 {
			t.Errorf("%v was reached in %d of 500 worlds", s, visits[s])
		}
	}
	if late < 5 || further < 2 || resubmitted < 5 {
		t.Errorf("late payments %d, further payments %d, resubmitted %d", late, further, resubmitted)
	}
}

func anyEvent(t *rapid.T) Event {
	uuids := rapid.SampledFrom([]string{"", "order1", "order2", "order3"})
	e := Event{
		Type:       EventType(rapid.IntRange(0, len(eventNames)+1).Draw(t, "type")),
		Mark:       rapid.SampledFrom([]string{"mark1", "mark2", "mark3"}).Draw(t, "mark"),
		Search:     SearchResult(rapid.IntRange(0, 2).Draw(t, "search")),
		OrderUUID:  uuids.Draw(t, "order"),
		Status:     OrderStatus(rapid.IntRange(0, 4).Draw(t, "status")),
		Reason:     rapid.SampledFrom([]*Reason{nil, apiRefused, alreadyPd, onRequest}).Draw(t, "reason"),
		RetryAfter: time.Duration(rapid.IntRange(-1, 600).Draw(t, "retry")) * time.Second,
		Resolution: Resolution(rapid.IntRange(0, 4).Draw(t, "resolution")),
		Timer:      Timer(rapid.IntRange(0, 11).Draw(t, "timer")),
		Jitter:     rapid.Float64Range(0, 0.999).Draw(t, "jitter"),
		Policy:     stepPolicy(),
	}
	if e.Type != StatusSeen && e.Type != Found && e.Type != HintRead {
		e.Status = StatusPending
	}
	e.Final = rapid.Bool().Draw(t, "final")
	e.Target = State(rapid.IntRange(0, 17).Draw(t, "target"))
	e.Statement = rapid.SampledFrom([]Statement{{}, statementBlind, statementClear, stepStatement(StatusRefunded, ore42Done), stepStatement(StatusRefundPending, ore42Pending),
		stepStatement(StatusRefundDenied, ore42Pending)}).Draw(t, "books")
	e.Order = OrderSeen{
		Details:     DetailsSeen(rapid.IntRange(0, 4).Draw(t, "details")),
		References:  ReferencesSeen(rapid.IntRange(0, 4).Draw(t, "references")),
		AmountKnown: rapid.Bool().Draw(t, "amount known"), AmountFits: rapid.Bool().Draw(t, "amount fits"), Known: rapid.Bool().Draw(t, "known"),
	}
	e.ListLag = time.Duration(rapid.IntRange(0, 20).Draw(t, "list lag")) * time.Second
	e.StatementLag = time.Duration(rapid.IntRange(0, 20).Draw(t, "books lag")) * time.Second
	e.Ledger = rapid.SampledFrom([]Ledger{{}, {Order: &ledgerOrder}, evAwaitOrder.Ledger, {UnderWay: true}, {Doubtful: true, SpentMinor: 4200, SameAmount: 1},
		{MayRefund: true, MayDeny: true}, {Order: &ledgerOrder, SpentMinor: 9000}}).Draw(t, "ledger")
	e.Policy.BusyMeans = BusyMeans(rapid.IntRange(0, 1).Draw(t, "busy means"))
	if rapid.Bool().Draw(t, "no policy") {
		e.Policy = Policy{}
	}
	return e
}

// anyAge dates the answers that an event brings.
func anyAge(t *rapid.T, e *Event) {
	for _, s := range []*Seen{&e.Seen, &e.Statement.Seen} {
		age := func(what string) Instant {
			i := e.At.Add(-time.Duration(rapid.SampledFrom([]int{0, 1, 5, 6, 60, 300}).Draw(t, what)) * time.Second)
			if i.Mono < 0 {
				i.Mono = 0
			}
			return i
		}
		if rapid.IntRange(0, 5).Draw(t, "dated") > 0 {
			*s = Seen{Begun: age("begun"), Answered: age("answered"), Broken: rapid.IntRange(0, 5).Draw(t, "broken") == 0}
		}
	}
}

// TestStepHoldsItsPromisesInAnyOrder gives it events that no world would produce.
func TestStepHoldsItsPromisesInAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r, tr, at := stepOrder(), trace{}, stepStart
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			e := anyEvent(t)
			at = at.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "seconds")) * time.Second)
			at.Known = rapid.Bool().Draw(t, "clock known")
			if rapid.IntRange(0, 9).Draw(t, "reboot") == 0 {
				at.Boot, at.Mono = at.Boot+"'", 0
			}
			e.At = at
			anyAge(t, &e)
			after, _, err := checkedStep(Step, &tr, r, e)
			if err != nil {
				t.Fatal(err)
			}
			r = after
		}
	})
}

// TestStepIsTotal gives it requests that no journey leads to: it must neither panic nor write to them.
func TestStepIsTotal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := stepOrder()
		r.Kind = Kind(rapid.IntRange(0, 8).Draw(t, "kind"))
		r.State = State(rapid.IntRange(0, 18).Draw(t, "state"))
		r.OrderUUID = rapid.SampledFrom([]string{"", "order1"}).Draw(t, "own")
		r.Further = rapid.SampledFrom([][]string{nil, {"order2"}}).Draw(t, "further")
		r.Refund = rapid.SampledFrom([]*Refund{nil, {}, {Full: true}, {Approving: true, Ask: "please"}, {Before: &Statement{Readable: true}}, {Moved: true, Before: &Statement{StatusRead: true, Status: StatusRefundDenied}}}).Draw(t, "refund")
		r.Parked = rapid.Bool().Draw(t, "parked")
		r.Target = rapid.SampledFrom([]string{"", "till-1"}).Draw(t, "target")
		r.Hints = rapid.SampledFrom([][]Hint{nil, {{OrderUUID: "order3", At: stepStart}}, {{OrderUUID: "order1", At: stepStart, Missing: stepStart}}}).Draw(t, "hints")
		r.Unmarked, r.Repeated, r.RefusedBusy = rapid.Bool().Draw(t, "unmarked"), rapid.Bool().Draw(t, "repeated"), rapid.Bool().Draw(t, "refused busy")
		r.BusyAt = rapid.SampledFrom([]Instant{{}, stepStart, stepStart.Add(time.Hour)}).Draw(t, "busy at")
		r.Submissions = rapid.SampledFrom([][]Submission{nil, {{Mark: "mark1", Shown: true, At: stepStart}}}).Draw(t, "submissions")
		r.Busy = rapid.IntRange(0, 100).Draw(t, "busy")
		r.Fresh = rapid.Bool().Draw(t, "fresh")
		r.CancelWanted = rapid.Bool().Draw(t, "wish")
		r.TTL = time.Duration(rapid.Int64().Draw(t, "ttl"))
		r.PublishedAt = rapid.Int64().Draw(t, "published")
		r.History = rapid.SampledFrom([][]Entry{nil, r.History}).Draw(t, "history")
		e := anyEvent(t)
		e.At = stepStart.Add(time.Minute)
		anyAge(t, &e)
		was := deepCopy(r)
		a, fxa := Step(r, e)
		b, fxb := Step(r, e)
		if !reflect.DeepEqual(was, r) || !reflect.DeepEqual(a, b) || !reflect.DeepEqual(fxa, fxb) {
			t.Fatalf("not pure: %v, %v", r.State, e.Type)
		}
	})
}
