package outboxtest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"tillpost/outbox"
)

func ids(list []outbox.Request) []string {
	names := make([]string, len(list))
	for i, r := range list {
		names[i] = r.ID
	}
	return names
}

func testMoved(t *testing.T, f *fixture) {
	ctx := context.Background()
	added := f.add(t, Order("a", "T1"), Order("b", "T1"), Order("c", "T1"), Order("d", "T2"), Order("e", "T2"))
	a, b := added[0].Request, added[1].Request
	to := func(terminal string) outbox.Event {
		return outbox.Event{Type: outbox.Moved, At: At(time.Minute), To: terminal, By: "Kari"}
	}
	queues := func(what string, want ...string) {
		t.Helper()
		for i, terminal := range []string{"T1", "T2", "T3"} {
			queue, open := f.Positions(terminal, 99), []outbox.Request(nil)
			err := f.EachOpen(ctx, terminal, func(r outbox.Request) bool { open = append(open, r); return true })
			if got := strings.Join(ids(queue), ""); err != nil || got != want[i] || strings.Join(ids(open), "") != got {
				t.Fatalf("%s: queue of %s: %q, open %q, %v; want %q", what, terminal, got, ids(open), err, want[i])
			}
			l := f.Lane(terminal)
			if l.Queued != len(queue) || len(queue) > 0 && l.Head != queue[0].Seq || len(queue) == 0 && l.Head != 0 {
				t.Fatalf("%s: lane %+v, queue %q", what, l, ids(queue))
			}
		}
	}
	queues("before", "abc", "de", "")
	r, _ := f.apply(t, a.Seq, to("T2")) // the head, to the end of another queue
	if r.Terminal != "T2" || r.Revision != 2 || r.Arrival() != "T1" {
		t.Errorf("moved: at %s, revision %d, arrived at %s", r.Terminal, r.Revision, r.Arrival())
	}
	queues("moved", "bc", "dea", "")
	cs := f.changes()
	if c := cs[len(cs)-1]; c.From != "T1" || c.Position != 3 || !c.Behind || c.Previous != outbox.StateQueued {
		t.Errorf("told: from %q, position %d, behind %v, previous %v", c.From, c.Position, c.Behind, c.Previous)
	}
	f.add(t, Order("f", "T2"))
	queues("one more came", "bc", "deaf", "")
	f.apply(t, added[4].Request.Seq, to("T1"))
	f.apply(t, a.Seq, to("T3"))
	queues("moved again", "bce", "df", "a")
	f.apply(t, a.Seq, to("T1"))
	queues("and back", "bcea", "df", "")
	if _, _, err := f.Apply(ctx, a.Seq, outbox.Event{Type: outbox.CancelWanted, At: At(time.Minute), Lane: "T3"}); !errors.Is(err, outbox.ErrMoved) {
		t.Errorf("an event of the lane that it left: %v", err)
	}
	f.wantSameAt(t, "a", "T1", "T3")
	f.apply(t, b.Seq, DueEvent(b.Seq))
	if r, fx := f.apply(t, b.Seq, to("T2")); r.Terminal != "T1" || !has(fx, outbox.Ignored) {
		t.Errorf("what is being sent was moved to %s: %v", r.Terminal, fx)
	}
	e := outbox.Event{Type: outbox.Unavailable, At: At(2 * time.Minute)}
	f.apply(t, b.Seq, e) // not a byte left
	queues("back in its place", "bcea", "df", "")
	if r, _ := f.apply(t, b.Seq, to("T2")); r.Terminal != "T2" {
		t.Error("what never left could not be moved")
	}
	queues("the head moved", "cea", "dfb", "")
	f.apply(t, a.Seq, outbox.Event{Type: outbox.CancelWanted, At: At(time.Minute)})
	if n, err := f.Prune(ctx, func(outbox.Request) bool { return true }, 9); err != nil || len(n) != 1 {
		t.Fatalf("pruned %d, %v", len(n), err)
	}
	f.wantSameAt(t, "a", "T1", "T3") // pruned
	queues("the last ended", "ce", "dfb", "")
}

// wantSameAt: a moved request that is published again is the same where it came first, and another one elsewhere.
func (f *fixture) wantSameAt(t *testing.T, id, came, other string) {
	t.Helper()
	again := f.add(t, Order(id, came), Order(id, other))
	if again[0].Verdict != outbox.AddedSame || again[0].Request.Arrival() != came || again[1].Verdict != outbox.AddedConflict {
		t.Errorf("published again where it came: %v, elsewhere: %v", again[0].Verdict, again[1].Verdict)
	}
}
