package outboxtest

import (
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
	f.wantStored(t, b, sending)
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

func (f *fixture) wantLane(t *testing.T, terminal string, holder, head uint64, queued int) {
	t.Helper()
	l := f.Lane(terminal)
	if l.Holder != holder || l.Head != head || l.Queued != queued {
		t.Errorf("lane %s: holder %d, head %d, %d queued; want %d, %d, %d", terminal, l.Holder, l.Head, l.Queued, holder, head, queued)
	}
}

func testLaneHeld(t *testing.T, f *fixture) {
	added := f.add(t, Order("a", "T1"), Order("b", "T1"), Order("c", "T2"))
	a, b, c := added[0].Request.Seq, added[1].Request, added[2].Request.Seq
	f.apply(t, a, DueEvent(a))
	if _, _, err := f.Apply(context.Background(), b.Seq, DueEvent(b.Seq)); !errors.Is(err, outbox.ErrLaneHeld) {
		t.Fatalf("a second holder: %v", err)
	}
	f.wantStored(t, b.Seq, b)
	f.wantLane(t, "T1", a, b.Seq, 1)
	f.apply(t, c, DueEvent(c)) // another lane is free
	f.apply(t, a, outbox.Event{Type: outbox.Refused, At: At(time.Minute), Reason: &outbox.Reason{Code: "no"}})
	f.apply(t, b.Seq, DueEvent(b.Seq))
	f.wantLane(t, "T1", b.Seq, 0, 0)
}

// testBesideHolder: only what is about to be sent has to have the lane for itself.
func testBesideHolder(t *testing.T, f *fixture) {
	added := f.add(t, Order("a", "T1"), Order("b", "T1"), Order("c", "T1"))
	a, b, c := added[0].Request.Seq, added[1].Request.Seq, added[2].Request.Seq
	f.apply(t, a, DueEvent(a))
	f.apply(t, a, outbox.Event{Type: outbox.Ambiguous, At: At(2 * time.Second)})
	f.apply(t, a, outbox.Event{Type: outbox.DoubtTimeout, Timer: outbox.TimerDoubtHold, At: At(11 * time.Minute)})
	due := DueEvent(b)
	due.At = At(9 * time.Minute)
	f.apply(t, b, due)
	f.wantHolders(t, b)
	reopened, _ := f.apply(t, a, outbox.Event{Type: outbox.Resolved, Resolution: outbox.Adopt, OrderUUID: "ORDR1", By: "Kari", At: At(12 * time.Minute)})
	if reopened.State != outbox.StateAwaitingCustomer {
		t.Fatalf("adopted: %v", reopened.State)
	}
	f.wantHolders(t, a, b)
	f.apply(t, b, outbox.Event{Type: outbox.Unavailable, At: At(12 * time.Minute)})
	f.wantHolders(t, a)
	for _, seq := range []uint64{b, c} {
		due := DueEvent(seq)
		due.At = At(9 * time.Minute)
		if _, _, err := f.Apply(context.Background(), seq, due); !errors.Is(err, outbox.ErrLaneHeld) {
			t.Errorf("%d was sent beside what stands at the terminal: %v", seq, err)
		}
	}
	// What a busy answer may hide is in doubt at the end of its time to live, whoever holds the lane.
	late := outbox.Event{Type: outbox.Expired, At: At(11 * time.Minute)}
	f.apply(t, a, outbox.Event{Type: outbox.StatusSeen, OrderUUID: "ORDR1", Status: outbox.StatusPaid, At: At(13 * time.Minute)})
	f.apply(t, b, due)
	f.apply(t, b, outbox.Event{Type: outbox.Busy, At: At(9 * time.Minute)})
	due = DueEvent(c)
	due.At = At(9 * time.Minute)
	f.apply(t, c, due)
	if doubt, _ := f.apply(t, b, late); doubt.State != outbox.StateInDoubt {
		t.Errorf("after a busy answer: %v", doubt.State)
	}
	f.wantHolders(t, b, c)
}

func (f *fixture) wantHolders(t *testing.T, want ...uint64) {
	t.Helper()
	l := f.Lane("T1")
	if !slices.Equal(l.Holders, want) || l.Holder != want[0] {
		t.Errorf("held by %d, %v; want %v", l.Holder, l.Holders, want)
	}
}
