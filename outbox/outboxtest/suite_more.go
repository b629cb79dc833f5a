package outboxtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"tillpost/outbox"
)

func testOrderTaken(t *testing.T, f *fixture) {
	added := f.add(t, Order("a", "T1"), Order("b", "T2"))
	a, b := added[0].Request.Seq, added[1].Request.Seq
	f.apply(t, a, DueEvent(a))
	sending, _ := f.apply(t, b, DueEvent(b))
	accepted := outbox.Event{Type: outbox.Accepted, At: At(2 * time.Second), OrderUUID: "ORDR1"}
	f.apply(t, a, accepted)
	if _, _, err := f.Apply(context.Background(), b, accepted); !errors.Is(err, outbox.ErrOrderTaken) {
		t.Fatalf("a second owner: %v", err)
	}
	got, err := f.Get(b)
	if err != nil {
		t.Fatal(err)
	}
	Equal(t, got, sending)
	// An order found beyond the request's own is owned too.
	f.apply(t, a, outbox.Event{Type: outbox.Found, At: At(3 * time.Second), OrderUUID: "ORDR2", Status: outbox.StatusPending})
	if r, err := f.ByOrder("ORDR2"); err != nil || r.Seq != a {
		t.Errorf("ByOrder of a further one: %d, %v", r.Seq, err)
	}
	accepted.OrderUUID = "ORDR2"
	if _, _, err := f.Apply(context.Background(), b, accepted); !errors.Is(err, outbox.ErrOrderTaken) {
		t.Fatalf("a second owner of a further order: %v", err)
	}
}

func testLanes(t *testing.T, f *fixture) {
	var seqs []uint64
	for i := range 5 {
		r := Order(fmt.Sprintf("id-%d", i), "T1")
		r.Accepted = At(time.Duration(i) * time.Minute)
		seqs = append(seqs, f.add(t, r)[0].Request.Seq)
	}
	f.wantLane(t, "T1", 0, seqs[0], 5)
	f.wantLane(t, "never seen", 0, 0, 0)
	cancel := outbox.Event{Type: outbox.CancelWanted, At: At(time.Hour)}
	f.apply(t, seqs[2], cancel) // from the middle
	f.wantLane(t, "T1", 0, seqs[0], 4)
	f.apply(t, seqs[0], cancel) // the head
	f.wantLane(t, "T1", 0, seqs[1], 3)
	if l := f.Lane("T1"); l.Oldest != At(time.Minute) {
		t.Errorf("the oldest was accepted at %+v", l.Oldest)
	}
	f.apply(t, seqs[1], DueEvent(seqs[1]))
	f.wantLane(t, "T1", seqs[1], seqs[3], 2)
	// Busy: back in its place.
	f.apply(t, seqs[1], outbox.Event{Type: outbox.Busy, At: At(2 * time.Second)})
	f.wantLane(t, "T1", 0, seqs[1], 3)
	var order []uint64
	for _, r := range f.Positions("T1", 2) {
		order = append(order, r.Seq)
	}
	if !slices.Equal(order, []uint64{seqs[1], seqs[3]}) {
		t.Errorf("the first two are %v", order)
	}
	if n := len(f.Positions("T1", 100)); n != 3 {
		t.Errorf("%d positions, want 3", n)
	}
	var places []int
	for _, c := range f.changes() {
		places = append(places, c.Position)
	}
	if !slices.Equal(places, []int{1, 2, 3, 4, 5, 0, 0, 0, 1}) {
		t.Errorf("positions were told as %v", places)
	}
	f.add(t, Order("z", "T0"))
	var names []string
	for _, l := range f.Lanes() {
		names = append(names, l.Terminal)
	}
	if !slices.Equal(names, []string{"T0", "T1"}) {
		t.Errorf("lanes: %v", names)
	}
}

func testUnlaned(t *testing.T, f *fixture) {
	added := f.add(t, Request(outbox.KindCancel, "c", "T1"), Order("a", "T1"))
	f.wantLane(t, "T1", 0, added[1].Request.Seq, 1)
	if n := f.Stats().Open; n != 2 {
		t.Errorf("%d open, want 2", n)
	}
	if c := f.changes()[0]; c.Position != 0 {
		t.Errorf("a cancel has position %d", c.Position)
	}
	n := 0
	err := f.EachOpen(context.Background(), "T1", func(outbox.Request) bool { n++; return true })
	if err != nil || n != 2 {
		t.Errorf("EachOpen: %d, %v", n, err)
	}
}

func testEach(t *testing.T, f *fixture) {
	const n = 150 // more than one chunk
	for i := range n {
		seq := f.add(t, Order(fmt.Sprintf("id-%d", i), fmt.Sprintf("T%d", i%2)))[0].Request.Seq
		if i%3 == 0 {
			f.apply(t, seq, outbox.Event{Type: outbox.CancelWanted, At: At(time.Second)})
		}
	}
	for _, down := range []bool{false, true} {
		var got []uint64
		if err := f.Each(down, func(r outbox.Request) bool { got = append(got, r.Seq); return true }); err != nil {
			t.Fatal(err)
		}
		if down {
			slices.Reverse(got)
		}
		if len(got) != n || !slices.IsSorted(got) {
			t.Errorf("Each(%v): %d in this order: %v", down, len(got), got)
		}
	}
	open := func(terminal string) (seqs []uint64) {
		err := f.EachOpen(context.Background(), terminal, func(r outbox.Request) bool {
			if r.State.Final() {
				t.Errorf("EachOpen showed %d, %v", r.Seq, r.State)
			}
			if _, err := f.Get(r.Seq); err != nil { // the store may be called from within
				t.Error(err)
			}
			seqs = append(seqs, r.Seq)
			return true
		})
		if err != nil {
			t.Error(err)
		}
		return seqs
	}
	if all := open(""); len(all) != 100 || !slices.IsSorted(all) {
		t.Errorf("open: %d, %v", len(all), all)
	}
	if one := open("T1"); len(one) != 50 || !slices.IsSorted(one) {
		t.Errorf("open of one terminal: %d, %v", len(one), one)
	}
	if none := open("T"); len(none) != 0 {
		t.Errorf("a terminal whose name begins another's: %v", none)
	}
	seen := 0
	_ = f.Each(true, func(outbox.Request) bool { seen++; return seen < 3 })
	if seen != 3 {
		t.Errorf("Each went on to %d after false", seen)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := f.EachOpen(ctx, "", func(outbox.Request) bool { return true }); !errors.Is(err, context.Canceled) {
		t.Errorf("EachOpen with an ended context: %v", err)
	}
}

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

func testAccount(t *testing.T, f *fixture) {
	ctx := context.Background()
	if a, ok := f.Account(); ok {
		t.Errorf("a new store belongs to %v", a)
	}
	mine, other := outbox.Account{BaseURL: "https://a", Organization: "O1"}, outbox.Account{BaseURL: "https://b", Organization: "O1"}
	for _, a := range []outbox.Account{{BaseURL: "https://a"}, mine, mine} { // the organisation may become known later
		if err := f.BindAccount(ctx, a); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range []outbox.Account{other, {BaseURL: "https://a", Organization: "O2"}} {
		if err := f.BindAccount(ctx, a); !errors.Is(err, outbox.ErrWrongAccount) {
			t.Errorf("bind to %v: %v", a, err)
		}
	}
	if a, ok := f.Account(); !ok || a != mine {
		t.Errorf("it belongs to %v, %v", a, ok)
	}
	if err := f.RebindAccount(ctx, other); err != nil {
		t.Fatal(err)
	}
	if a, ok := f.Account(); !ok || a != other {
		t.Errorf("it belongs to %v, %v", a, ok)
	}
}

func testBlobs(t *testing.T, f *fixture) {
	ctx := context.Background()
	if _, err := f.GetBlob("list"); !errors.Is(err, outbox.ErrNotFound) {
		t.Errorf("none yet: %v", err)
	}
	for _, v := range [][]byte{[]byte("one"), bytes.Repeat([]byte("two"), 5000)} {
		if err := f.PutBlob(ctx, "list", v); err != nil {
			t.Fatal(err)
		}
		if got, err := f.GetBlob("list"); err != nil || !bytes.Equal(got, v) {
			t.Errorf("got %d bytes, %v", len(got), err)
		}
	}
	if err := f.PutBlob(ctx, "list", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := f.GetBlob("list"); !errors.Is(err, outbox.ErrNotFound) {
		t.Errorf("removed: %v", err)
	}
	if err := f.PutBlob(ctx, "", []byte("x")); err == nil {
		t.Error("a value without a name is taken")
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
	eachErr := f.Each(false, func(outbox.Request) bool { return true })
	for name, err := range map[string]error{"Add": addErr, "Apply": applyErr, "Get": getErr, "Records": someErr, "Lookup": lookErr, "Each": eachErr} {
		if !errors.Is(err, outbox.ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
}
