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
