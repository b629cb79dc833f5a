package outboxtest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"tillpost/outbox"
)

func testPrune(t *testing.T, f *fixture) {
	for i := range 12 {
		if err := Live(f, i, "T1"); err != nil {
			t.Fatal(err)
		}
	}
	open := f.add(t, Order("open", "T1"))[0].Request
	pruned, err := f.Prune(context.Background(), func(r outbox.Request) bool { return r.Seq%2 == 1 || r.Seq == open.Seq }, 4)
	if err != nil {
		t.Fatal(err)
	}
	var seqs []uint64
	for _, r := range pruned {
		seqs = append(seqs, r.Seq)
	}
	if !slices.Equal(seqs, []uint64{1, 3, 5, 7}) {
		t.Fatalf("pruned %v", seqs)
	}
	gone := pruned[0]
	if _, err := f.Get(gone.Seq); !errors.Is(err, outbox.ErrPruned) || !errors.Is(err, outbox.ErrNotFound) {
		t.Errorf("Get: %v", err)
	}
	if _, err := f.ByOrder(gone.OrderUUID); !errors.Is(err, outbox.ErrNotFound) {
		t.Errorf("ByOrder: %v", err)
	}
	tomb := outbox.Request{Seq: gone.Seq, ID: gone.ID, Kind: gone.Kind, Terminal: gone.Terminal, State: gone.State, Digest: gone.Digest, Revision: gone.Revision}
	got, err := f.Lookup(gone.ID)
	if !errors.Is(err, outbox.ErrPruned) {
		t.Errorf("Lookup: %v", err)
	}
	Equal(t, got, tomb)
	again := f.add(t, Order(gone.ID, "T1"), Order(gone.ID, "T1", "other"))
	if again[0].Verdict != outbox.AddedSame || again[1].Verdict != outbox.AddedConflict {
		t.Errorf("a pruned id again: %v, other content: %v", again[0].Verdict, again[1].Verdict)
	}
	Equal(t, again[0].Request, tomb)
	if _, _, err := f.Apply(context.Background(), gone.Seq, outbox.Event{Type: outbox.CheckWanted}); !errors.Is(err, outbox.ErrPruned) {
		t.Errorf("Apply: %v", err)
	}
	if rest, err := f.Prune(context.Background(), func(outbox.Request) bool { return true }, 100); err != nil || len(rest) != 8 {
		t.Errorf("the rest: %d, %v", len(rest), err)
	}
	if none, err := f.Prune(context.Background(), func(outbox.Request) bool { return true }, 100); err != nil || len(none) != 0 {
		t.Errorf("nothing left: %d, %v", len(none), err)
	}
}

func testUnresolved(t *testing.T, f *fixture) {
	added := f.add(t, Order("a", "T1"), Order("b", "T1"))
	a, b := added[0].Request.Seq, added[1].Request.Seq
	f.apply(t, a, DueEvent(a))
	f.apply(t, a, outbox.Event{Type: outbox.Ambiguous, At: At(2 * time.Second)})
	f.wantLane(t, "T1", a, b, 1)
	r, _ := f.apply(t, a, outbox.Event{Type: outbox.DoubtTimeout, At: At(time.Hour), Timer: outbox.TimerDoubtHold})
	if r.State != outbox.StateUnresolved || len(r.Body) == 0 {
		t.Fatalf("%v, body of %d", r.State, len(r.Body))
	}
	f.wantLane(t, "T1", 0, b, 1)
	if p, err := f.Prune(context.Background(), func(outbox.Request) bool { return true }, 9); err != nil || len(p) != 0 {
		t.Errorf("pruned %d unresolved ones, %v", len(p), err)
	}
	r, _ = f.apply(t, a, outbox.Event{Type: outbox.Resolved, At: At(2 * time.Hour), Resolution: outbox.Resubmit, Search: outbox.SearchClear, Seen: outbox.Seen{Begun: At(2 * time.Hour), Answered: At(2 * time.Hour)}, By: "Kari"})
	if r.State != outbox.StateQueued || len(r.Body) == 0 {
		t.Fatalf("resubmitted: %v, body of %d", r.State, len(r.Body))
	}
	f.wantLane(t, "T1", 0, a, 2) // in its old place
	got, err := f.Get(a)
	if err != nil {
		t.Fatal(err)
	}
	Equal(t, got, r)
}
