package outboxtest

import (
	"context"
	"testing"

	"tillpost/outbox"
)

// due is a first turn, as a lane makes it, and counts how often it is asked for.
func due(asked *int) func(outbox.Request) (outbox.Event, bool) {
	return func(r outbox.Request) (outbox.Event, bool) {
		*asked++
		return outbox.Event{Type: outbox.Due, At: At(1), Lane: r.Terminal, Mark: outbox.NewMark(r.Seq, [outbox.MarkEntropy]byte{1}), Shown: true}, true
	}
}

// A request that comes to stand first in a free lane may make its first turn in the commit that accepts it; one that does not
// waits as any other.
func testTurn(t *testing.T, f *fixture) {
	ctx := context.Background()
	asked := 0
	refused := func(outbox.Request) (outbox.Event, bool) { return outbox.Event{}, false }
	meaningless := func(outbox.Request) (outbox.Event, bool) {
		return outbox.Event{Type: outbox.CustomerTimeout, At: At(1)}, true
	}
	accept := func(as ...outbox.Arrival) []outbox.Added {
		t.Helper()
		added, err := f.Accept(ctx, as...)
		if err != nil {
			t.Fatal(err)
		}
		return added
	}
	want := func(a outbox.Added, s outbox.State, revision uint64, effects bool) {
		t.Helper()
		if a.Request.State != s || a.Request.Revision != revision || (len(a.Effects) > 0) != effects {
			t.Errorf("%s is %v, revision %d, effects %v", a.Request.ID, a.Request.State, a.Request.Revision, a.Effects)
		}
		if got, err := f.Get(a.Request.Seq); err != nil || got.State != s || got.Revision != revision {
			t.Errorf("%s is stored as %v, revision %d (%v)", a.Request.ID, got.State, got.Revision, err)
		}
	}
	added := accept(
		outbox.Arrival{Request: Order("first", "T1"), Turn: due(&asked)},
		outbox.Arrival{Request: Order("second", "T1"), Turn: due(&asked)}, // its lane is held by now
		outbox.Arrival{Request: Order("other", "T2"), Turn: refused},
		outbox.Arrival{Request: Order("behind", "T2"), Turn: due(&asked)},
		outbox.Arrival{Request: Order("odd", "T3"), Turn: meaningless},
		outbox.Arrival{Request: Order("plain", "T4")},
	)
	want(added[0], outbox.StateSending, 2, true)
	if !has(added[0].Effects, outbox.Submit) || len(added[0].Request.Submissions) != 1 {
		t.Errorf("a first turn asked for %v, and noted %v", added[0].Effects, added[0].Request.Submissions)
	}
	for _, a := range added[1:] {
		want(a, outbox.StateQueued, 1, false)
	}
	if asked != 1 {
		t.Errorf("%d turns were asked for, want the one that could be made", asked)
	}
	f.wantLane(t, "T1", added[0].Request.Seq, added[1].Request.Seq, 1)
	f.wantLane(t, "T2", 0, added[2].Request.Seq, 2)
	again := accept(outbox.Arrival{Request: Order("first", "T1"), Turn: due(&asked)})
	if again[0].Verdict != outbox.AddedSame || asked != 1 {
		t.Errorf("a repeat is %v, and %d turns were asked for", again[0].Verdict, asked)
	}
	later := accept(outbox.Arrival{Request: Order("later", "T4"), Turn: due(&asked)}) // behind what waits
	want(later[0], outbox.StateQueued, 1, false)
	var course []outbox.State
	for _, c := range f.changes() {
		if c.Request.ID == "first" {
			course = append(course, c.Previous, c.Request.State)
		}
	}
	if len(course) != 4 || course[0] != 0 || course[1] != outbox.StateQueued || course[2] != outbox.StateQueued || course[3] != outbox.StateSending {
		t.Errorf("told as %v, want accepted and then sending", course)
	}
}

// An event that ends what holds a lane may make the first turn of what waits next, in the same commit.
func testRelease(t *testing.T, f *fixture) {
	ctx := context.Background()
	asked := 0
	paid := func(n int) outbox.Event {
		return outbox.Event{Type: outbox.StatusSeen, At: At(2), OrderUUID: OrderUUID(n), Status: outbox.StatusPaid}
	}
	release := func(seq uint64, e outbox.Event, turn func(outbox.Request) (outbox.Event, bool)) outbox.Added {
		t.Helper()
		r, _, next, err := f.Release(ctx, seq, e, turn)
		if err != nil || r.Seq != seq {
			t.Fatalf("%v: %v of %d, %v", e.Type, r.State, r.Seq, err)
		}
		return next
	}
	var seqs []uint64
	for _, id := range []string{"first", "second", "third", "fourth"} {
		seqs = append(seqs, f.add(t, Order(id, "T1"))[0].Request.Seq)
	}
	// What ends nothing starts nothing, and what starts nothing is asked for nothing.
	for _, e := range []outbox.Event{DueEvent(seqs[0]), {Type: outbox.Accepted, At: At(1), OrderUUID: OrderUUID(1)}} {
		if next := release(seqs[0], e, due(&asked)); next.Request.Seq != 0 || asked != 0 {
			t.Errorf("%v in a lane that is held started %d", e.Type, next.Request.Seq)
		}
	}
	before := len(f.changes())
	next := release(seqs[0], paid(1), due(&asked))
	if next.Request.ID != "second" || next.Request.State != outbox.StateSending || !has(next.Effects, outbox.Submit) || asked != 1 {
		t.Errorf("the next is %s, %v, effects %v, asked for %d times", next.Request.ID, next.Request.State, next.Effects, asked)
	}
	if got, err := f.Get(seqs[1]); err != nil || got.State != outbox.StateSending || len(got.Submissions) != 1 {
		t.Errorf("it is stored as %v with %v (%v)", got.State, got.Submissions, err)
	}
	f.wantLane(t, "T1", seqs[1], seqs[2], 2)
	var told []string
	for _, c := range f.changes()[before:] {
		told = append(told, c.Request.ID+" "+c.Request.State.String())
	}
	if len(told) != 2 || told[0] != "first paid" || told[1] != "second sending" {
		t.Errorf("told as %v, want the end and then the start", told)
	}
	// One that may not start waits, as does what is behind it; the end stands.
	f.apply(t, seqs[1], outbox.Event{Type: outbox.Accepted, At: At(1), OrderUUID: OrderUUID(2)})
	for _, turn := range []func(outbox.Request) (outbox.Event, bool){
		func(outbox.Request) (outbox.Event, bool) { return outbox.Event{}, false },
		func(outbox.Request) (outbox.Event, bool) {
			return outbox.Event{Type: outbox.CustomerTimeout, At: At(1)}, true // it means nothing here
		},
	} {
		if next := release(seqs[1], paid(2), turn); next.Request.Seq != 0 {
			t.Errorf("%d started that may not", next.Request.Seq)
		}
		f.wantLane(t, "T1", 0, seqs[2], 2)
	}
	// Even an event that changes nothing leaves a free lane; an empty one has nothing to start.
	if next := release(seqs[0], paid(1), due(&asked)); next.Request.Seq != seqs[2] || asked != 2 {
		t.Errorf("the next of a free lane is %d", next.Request.Seq)
	}
	alone := f.add(t, Order("alone", "T2"))[0].Request.Seq
	f.apply(t, alone, DueEvent(alone))
	f.apply(t, alone, outbox.Event{Type: outbox.Accepted, At: At(1), OrderUUID: OrderUUID(9)})
	if next := release(alone, paid(9), due(&asked)); next.Request.Seq != 0 || asked != 2 {
		t.Errorf("%d started in an empty lane", next.Request.Seq)
	}
}
