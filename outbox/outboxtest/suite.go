package outboxtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"tillpost/outbox"
	"tillpost/outbox/bolt"
)

// TestStore runs the suite that every store passes, each case on one that factory makes; factory closes it.
func TestStore(t *testing.T, factory func(t testing.TB, o bolt.Options) Store) {
	t.Helper()
	for name, run := range map[string]func(*testing.T, *fixture){
		"a repeat is the same, other content a conflict": testDedupe,
		"duplicates within a batch and across batches":   testConcurrentDuplicates,
		"an order's life":                             testLife,
		"what changes nothing is not committed":       testUnchanged,
		"a lane has one holder":                       testLaneHeld,
		"what is open again stands beside the holder": testBesideHolder,
		"sequences":                                    testSequence,
		"a hint is kept":                               testHint,
		"an order has one owner":                       testOrderTaken,
		"lanes and positions":                          testLanes,
		"a first turn with the acceptance":             testTurn,
		"a first turn with the end before it":          testRelease,
		"a request is moved":                           testMoved,
		"kinds beside the lanes":                       testUnlaned,
		"refunds and their order":                      testRefunds,
		"a refund waits beside its lane":               testParked,
		"refunds of one order from many lanes":         testConcurrentRefunds,
		"a random course with refunds":                 testRefundCourse,
		"reading in order":                             testEach,
		"reading some":                                 testRecords,
		"reading back":                                 testBefore,
		"pruning leaves the id":                        testPrune,
		"unresolved is not pruned and can be reopened": testUnresolved,
		"changes are told in order":                    testCommitted,
		"account":                                      testAccount,
		"blobs":                                        testBlobs,
		"closed":                                       testClosed,
		"a random course":                              testCourse,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fixture{}
			f.Store = factory(t, bolt.Options{Policy: Policy, Committed: func(cs []outbox.Change) {
				f.mu.Lock()
				defer f.mu.Unlock()
				f.committed = append(f.committed, cs...)
			}})
			run(t, f)
		})
	}
}

// fixture is a store under test and the changes that it committed.
type fixture struct {
	Store
	mu        sync.Mutex
	committed []outbox.Change
}

func (f *fixture) changes() []outbox.Change {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.committed)
}

func (f *fixture) add(t *testing.T, rs ...outbox.Request) []outbox.Added {
	t.Helper()
	added, err := f.Add(context.Background(), rs...)
	if err != nil {
		t.Fatalf("Add: %v", err)
	}
	if len(added) != len(rs) {
		t.Fatalf("Add of %d gave %d", len(rs), len(added))
	}
	return added
}

func (f *fixture) apply(t *testing.T, seq uint64, e outbox.Event) (outbox.Request, []outbox.Effect) {
	t.Helper()
	r, fx, err := f.Apply(context.Background(), seq, e)
	if err != nil {
		t.Fatalf("Apply %v to %d: %v", e.Type, seq, err)
	}
	return r, fx
}

// wantStored reads a request, which must be as it is wanted.
func (f *fixture) wantStored(t *testing.T, seq uint64, want outbox.Request) {
	t.Helper()
	got, err := f.Get(seq)
	if err != nil {
		t.Fatal(err)
	}
	Equal(t, got, want)
}

func testDedupe(t *testing.T, f *fixture) {
	first := f.add(t, Order("a", "T1"))[0]
	if first.Verdict != outbox.AddedNew || first.Request.Seq != 1 || first.Request.Revision != 1 {
		t.Fatalf("first: %v, seq %d, revision %d", first.Verdict, first.Request.Seq, first.Request.Revision)
	}
	again := f.add(t, Order("a", "T1"))[0]
	if again.Verdict != outbox.AddedSame {
		t.Errorf("again: %v", again.Verdict)
	}
	Equal(t, again.Request, first.Request)
	for _, r := range []outbox.Request{Order("a", "T1", "other"), Order("a", "T2")} {
		other := f.add(t, r)[0]
		if other.Verdict != outbox.AddedConflict {
			t.Errorf("other content: %v", other.Verdict)
		}
		Equal(t, other.Request, first.Request)
	}
	got, err := f.Lookup("a")
	if err != nil {
		t.Fatal(err)
	}
	Equal(t, got, first.Request)
	if n := len(f.changes()); n != 1 {
		t.Errorf("%d changes were told, want 1", n)
	}
	if _, err := f.Lookup("b"); !errors.Is(err, outbox.ErrNotFound) || errors.Is(err, outbox.ErrPruned) {
		t.Errorf("Lookup of an unknown id: %v", err)
	}
}

func testConcurrentDuplicates(t *testing.T, f *fixture) {
	added := f.add(t, Order("x", "T1"), Order("y", "T1"), Order("x", "T1"), Order("x", "T1", "other"))
	want := []outbox.Verdict{outbox.AddedNew, outbox.AddedNew, outbox.AddedSame, outbox.AddedConflict}
	for i, a := range added {
		if a.Verdict != want[i] {
			t.Errorf("place %d: %v, want %v", i, a.Verdict, want[i])
		}
	}
	if added[2].Request.Seq != added[0].Request.Seq {
		t.Errorf("the duplicate has sequence %d, the first %d", added[2].Request.Seq, added[0].Request.Seq)
	}
	var mu sync.Mutex
	fresh := map[string]int{}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 20 {
				id := fmt.Sprintf("id-%d", (i+w)%20)
				a, err := f.Add(context.Background(), Order(id, "T2"))
				if err != nil {
					t.Error(err)
					return
				}
				if a[0].Verdict == outbox.AddedNew {
					mu.Lock()
					fresh[id]++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	for i := range 20 {
		if n := fresh[fmt.Sprintf("id-%d", i)]; n != 1 {
			t.Errorf("id-%d was new %d times", i, n)
		}
	}
	f.wantLane(t, "T2", 0, f.Lane("T2").Head, 20)
}

func testLife(t *testing.T, f *fixture) {
	seq := f.add(t, Order("a", "T1"))[0].Request.Seq
	f.wantLane(t, "T1", 0, seq, 1)
	r, fx := f.apply(t, seq, DueEvent(seq))
	if r.State != outbox.StateSending || !has(fx, outbox.Submit) || len(r.Body) == 0 {
		t.Fatalf("Due: %v, %v, body of %d", r.State, fx, len(r.Body))
	}
	f.wantLane(t, "T1", seq, 0, 0)
	r, _ = f.apply(t, seq, outbox.Event{Type: outbox.Accepted, At: At(2 * time.Second), OrderUUID: "ORDR1"})
	if r.State != outbox.StateAwaitingCustomer {
		t.Fatalf("Accepted: %v", r.State)
	}
	got, err := f.ByOrder("ORDR1")
	if err != nil {
		t.Fatal(err)
	}
	Equal(t, got, r)
	if n := f.Stats().Open; n != 1 {
		t.Errorf("%d open, want 1", n)
	}
	r, _ = f.apply(t, seq, outbox.Event{Type: outbox.StatusSeen, At: At(3 * time.Second), OrderUUID: "ORDR1", Status: outbox.StatusPaid})
	if r.State != outbox.StatePaid || len(r.Body) != 0 || r.Finished == nil {
		t.Fatalf("paid: %v, body of %d, finished %v", r.State, len(r.Body), r.Finished)
	}
	f.wantStored(t, seq, r)
	f.wantLane(t, "T1", 0, 0, 0)
	if n := f.Stats().Open; n != 0 {
		t.Errorf("%d open, want 0", n)
	}
	if _, err := f.ByOrder("ORDR2"); !errors.Is(err, outbox.ErrNotFound) {
		t.Errorf("ByOrder of an unknown one: %v", err)
	}
}

func has(fx []outbox.Effect, t outbox.EffectType) bool {
	return slices.ContainsFunc(fx, func(e outbox.Effect) bool { return e.Type == t })
}

func testUnchanged(t *testing.T, f *fixture) {
	seq := f.add(t, Order("a", "T1"))[0].Request.Seq
	before := f.Stats().Commits
	r, fx := f.apply(t, seq, outbox.Event{Type: outbox.CheckWanted, At: At(time.Second)})
	if r.Revision != 1 || !has(fx, outbox.Publish) {
		t.Errorf("CheckWanted: revision %d, effects %v", r.Revision, fx)
	}
	f.add(t, Order("a", "T1"))
	if n := f.Stats().Commits; n != before {
		t.Errorf("%d commits for nothing", n-before)
	}
	if n := len(f.changes()); n != 1 {
		t.Errorf("%d changes were told, want 1", n)
	}
	if _, _, err := f.Apply(context.Background(), 77, outbox.Event{Type: outbox.CheckWanted}); !errors.Is(err, outbox.ErrNotFound) {
		t.Errorf("Apply to nothing: %v", err)
	}
	if added := f.add(t); len(added) != 0 {
		t.Errorf("Add of nothing: %v", added)
	}
}

// testSequence: the highest acceptance number, whatever became of the request.
func testSequence(t *testing.T, f *fixture) {
	for want := range uint64(3) {
		if seq, err := f.Sequence(); err != nil || seq != want {
			t.Errorf("%d, %v; want %d", seq, err, want)
		}
		f.add(t, Order(fmt.Sprint("id-", want), "T1"))
	}
}

// testHint: what a callback named is stored with its request, and owned by nobody until it is judged.
func testHint(t *testing.T, f *fixture) {
	added := f.add(t, Order("a", "T1"), Order("b", "T2"))
	a, b := added[0].Request.Seq, added[1].Request.Seq
	for _, seq := range []uint64{a, b} {
		f.apply(t, seq, DueEvent(seq))
		f.apply(t, seq, outbox.Event{Type: outbox.Ambiguous, At: At(2 * time.Second)})
		f.apply(t, seq, outbox.Event{Type: outbox.CallbackSeen, OrderUUID: "ORDR1", At: At(3 * time.Second)})
		r, err := f.Get(seq)
		if err != nil || len(r.Hints) != 1 || r.Hints[0] != (outbox.Hint{OrderUUID: "ORDR1", At: At(3 * time.Second)}) {
			t.Errorf("%+v, %v", r.Hints, err)
		}
	}
	if _, err := f.ByOrder("ORDR1"); !errors.Is(err, outbox.ErrNotFound) {
		t.Errorf("an order that is not judged has an owner: %v", err)
	}
	judged := outbox.Event{Type: outbox.HintRead, OrderUUID: "ORDR1", At: At(4 * time.Second), Order: outbox.OrderSeen{Details: outbox.DetailsNotOurs, Known: true}}
	r, _ := f.apply(t, a, judged)
	if r.State != outbox.StateAwaitingCustomer || !r.Unmarked || len(r.Hints) != 0 {
		t.Errorf("%v, unmarked %v, %+v", r.State, r.Unmarked, r.Hints)
	}
	if _, _, err := f.Apply(context.Background(), b, judged); !errors.Is(err, outbox.ErrOrderTaken) {
		t.Errorf("a second owner: %v", err)
	}
}

func testCommitted(t *testing.T, f *fixture) {
	if err := Live(f, 1, "T1"); err != nil {
		t.Fatal(err)
	}
	want := []outbox.State{0, outbox.StateQueued, outbox.StateSending, outbox.StateAwaitingCustomer, outbox.StatePaid}
	cs := f.changes()
	if len(cs) != 4 {
		t.Fatalf("%d changes were told", len(cs))
	}
	for i, c := range cs {
		if c.Previous != want[i] || c.Request.State != want[i+1] || c.Request.Revision != uint64(i+1) {
			t.Errorf("change %d: from %v to %v, revision %d", i, c.Previous, c.Request.State, c.Request.Revision)
		}
		if (i > 0) != has(c.Effects, outbox.Publish) {
			t.Errorf("change %d has effects %v", i, c.Effects)
		}
	}
}

func testClosed(t *testing.T, f *fixture) {
	seq := f.add(t, Order("a", "T1"))[0].Request.Seq
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	_, addErr := f.Add(context.Background(), Order("b", "T1"))
	_, _, applyErr := f.Apply(context.Background(), seq, DueEvent(seq))
	_, getErr := f.Get(seq)
	_, someErr := f.Records([]uint64{seq})
	_, lookErr := f.Lookup("a")
	eachErr := f.Each(func(outbox.Request) bool { return true })
	for name, err := range map[string]error{"Add": addErr, "Apply": applyErr, "Get": getErr, "Records": someErr, "Lookup": lookErr, "Each": eachErr} {
		if !errors.Is(err, outbox.ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
}
