package bolt_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

// Queues that are left from the front, the middle and the end, by requests that expire and move, are what they are in a model,
// and after a death.
func TestPlacesAreThoseOfTheModel(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	o := bolt.Options{Policy: outboxtest.Policy}
	s, model := outboxtest.Open(t, o), outboxtest.NewMem(o)
	rnd := rand.New(rand.NewPCG(20261201, 4))
	var open []uint64
	both := func(seq uint64, e outbox.Event) outbox.Request {
		t.Helper()
		r, _, err := s.Apply(ctx, seq, e)
		want, _, other := model.Apply(ctx, seq, e)
		if err != nil || other != nil || r.State != want.State {
			t.Fatalf("%v of %d: %v, %v; want %v, %v", e.Type, seq, r.State, err, want.State, other)
		}
		return r
	}
	add := func(r outbox.Request) uint64 {
		t.Helper()
		added, err := s.Add(ctx, r)
		if _, other := model.Add(ctx, r); err != nil || other != nil {
			t.Fatal(err, other)
		}
		return added[0].Request.Seq
	}
	for i := range 2 { // so that queues are left from behind what stays
		seq := add(outboxtest.Order(fmt.Sprint("stays-", i), fmt.Sprintf("T%d", i)))
		both(seq, outboxtest.DueEvent(seq))
	}
	for n := range 1500 {
		switch roll := rnd.IntN(10); {
		case roll < 4 || len(open) < 40:
			r := outboxtest.Order(outboxtest.ID(n), fmt.Sprintf("T%d", rnd.IntN(2)))
			if rnd.IntN(8) == 0 {
				r = outboxtest.Request(outbox.KindCancel, outboxtest.ID(n), r.Terminal)
				r.Target = outboxtest.ID(0)
			}
			open = append(open, add(r))
		case roll == 4:
			r, err := s.Get(open[rnd.IntN(len(open))])
			if err != nil {
				t.Fatal(err)
			}
			both(r.Seq, outbox.Event{Type: outbox.Moved, At: outboxtest.At(time.Minute), To: fmt.Sprintf("T%d", rnd.IntN(2)), By: "Kari"})
		default:
			i := []int{0, rnd.IntN(len(open)), len(open) - 1}[rnd.IntN(3)]
			if r := both(open[i], outbox.Event{Type: outbox.Expired, At: outboxtest.At(time.Hour)}); r.State.Final() {
				open = slices.Delete(open, i, i+1)
			}
		}
		if n%50 > 0 {
			continue
		}
		if rnd.IntN(10) == 0 {
			s = outboxtest.OpenAt(t, leftBy(t, s), o)
		}
		for _, terminal := range []string{"T0", "T1"} {
			if got, want := queued(t, s, terminal), queued(t, model, terminal); !slices.Equal(got, want) {
				t.Fatalf("step %d: at %s are %v, want %v", n, terminal, got, want)
			}
		}
	}
	if len(open) > 400 {
		t.Errorf("%d are open: too few have left", len(open))
	}
}

// Whatever has left, behind one that stays and then with it, takes no memory for good.
func TestPlacesAreGivenUp(t *testing.T) {
	t.Parallel()
	s := outboxtest.Open(t, bolt.Options{Policy: outboxtest.Policy})
	var seqs []uint64
	for i := range 300 {
		added, err := s.Add(context.Background(), outboxtest.Order(outboxtest.ID(i), "T1"))
		if err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, added[0].Request.Seq)
	}
	apply := func(seq uint64, e outbox.Event) {
		t.Helper()
		if _, _, err := s.Apply(context.Background(), seq, e); err != nil {
			t.Fatal(err)
		}
	}
	for _, seq := range seqs {
		apply(seq, outbox.Event{Type: outbox.Moved, At: outboxtest.At(time.Minute), To: "T2", By: "Kari"})
	}
	if n := bolt.Places(s, "T1"); n != 0 {
		t.Errorf("%d places are kept of requests that have moved", n)
	}
	apply(seqs[0], outboxtest.DueEvent(seqs[0]))
	for _, seq := range seqs[1:290] {
		apply(seq, outbox.Event{Type: outbox.Expired, At: outboxtest.At(time.Hour)})
	}
	if n := bolt.Places(s, "T2"); n > 50 {
		t.Errorf("%d places are kept for 11 requests", n)
	}
	for _, seq := range seqs[291:] {
		apply(seq, outbox.Event{Type: outbox.Expired, At: outboxtest.At(time.Hour)})
	}
	apply(seqs[0], outbox.Event{Type: outbox.Refused, At: outboxtest.At(time.Hour), Reason: &outbox.Reason{Code: "refused"}})
	apply(seqs[290], outbox.Event{Type: outbox.Expired, At: outboxtest.At(time.Hour)})
	if n := bolt.Places(s, "T2"); n != 0 {
		t.Errorf("%d places are kept for nothing", n)
	}
}

// What is open again after its end comes before what has come since.
func TestWhatIsOpenAgainHasItsPlace(t *testing.T) {
	t.Parallel()
	s := outboxtest.Open(t, bolt.Options{Policy: outboxtest.Policy})
	before := outboxtest.Request(outbox.KindCancel, "before", "T1")
	before.Target = outboxtest.ID(0)
	if _, err := s.Add(context.Background(), before); err != nil { // so that the first order leaves from behind another
		t.Fatal(err)
	}
	var seqs []uint64
	for i := range 5 {
		added, err := s.Add(context.Background(), outboxtest.Order(outboxtest.ID(i), "T1"))
		if err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, added[0].Request.Seq)
	}
	apply := func(want outbox.State, e outbox.Event) {
		t.Helper()
		e.At = outboxtest.At(time.Hour)
		if r, _, err := s.Apply(context.Background(), seqs[0], e); err != nil || r.State != want {
			t.Fatalf("%v: it is %v, %v; want %v", e.Type, r.State, err, want)
		}
	}
	due := outboxtest.DueEvent(seqs[0])
	due.At = outboxtest.At(1)
	if _, _, err := s.Apply(context.Background(), seqs[0], due); err != nil {
		t.Fatal(err)
	}
	apply(outbox.StateInDoubt, outbox.Event{Type: outbox.Ambiguous})
	apply(outbox.StateUnresolved, outbox.Event{Type: outbox.DoubtTimeout, Timer: outbox.TimerDoubtHold})
	if got := queued(t, s, "T1"); !slices.Equal(got[1:5], seqs[1:]) {
		t.Errorf("open are %v, want %v", got, seqs[1:])
	}
	apply(outbox.StateAwaitingCustomer, outbox.Event{Type: outbox.Resolved, Resolution: outbox.Adopt, By: "Kari", OrderUUID: outboxtest.OrderUUID(1)})
	for range 2 {
		if got := queued(t, s, "T1"); !slices.Equal(got[1:6], seqs) {
			t.Errorf("open are %v, want %v", got, seqs)
		}
		s = outboxtest.Reopen(t, s, bolt.Options{Policy: outboxtest.Policy})
	}
}

// queued lists what is open at a terminal, and then what waits there.
func queued(t *testing.T, s outbox.Store, terminal string) (seqs []uint64) {
	t.Helper()
	note := func(r outbox.Request) bool { seqs = append(seqs, r.Seq); return true }
	if err := s.EachOpen(context.Background(), terminal, note); err != nil {
		t.Fatal(err)
	}
	for _, r := range s.Positions(terminal, 1000) {
		note(r)
	}
	l := s.Lane(terminal)
	return append(seqs, l.Head, l.Holder, uint64(l.Queued))
}
