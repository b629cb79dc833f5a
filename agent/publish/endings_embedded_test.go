package publish

import (
	"slices"
	"testing"
	"time"

	"tillpost/agent/clock"
	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

// What was cleared is brought to no new reader of the broker within, whether it is held in memory or read from the outbox;
// what is open stays.
func TestClearedStatusesAreNotRead(t *testing.T) {
	t.Parallel()
	for _, room := range []int{0, recentStatuses} {
		w := newReaderWorld(t, room, func(o bolt.Options) outbox.Store { return outboxtest.Open(t, o) })
		w.p.connected = true
		if err := outboxtest.Live(w.store, 1, "T1"); err != nil {
			t.Fatal(err)
		}
		w.add(outboxtest.Order("open", "T1"))
		w.publish()
		ended, open := w.p.o.Topics.Status("T1", outboxtest.ID(1)), w.p.o.Topics.Status("T1", "open")
		if got := topicsOf(w.replay("T1", "")); !slices.Contains(got, ended) || !slices.Contains(got, open) {
			t.Fatalf("before: %v", got)
		}
		w.p.endings.retention = time.Nanosecond
		w.p.endings.clock = laterClock{}
		if _, err := w.p.clearDue(); err != nil {
			t.Fatal(err)
		}
		w.publish()
		if got := topicsOf(w.replay("T1", "")); !slices.Equal(got, []string{open}) {
			t.Errorf("after: %v", got)
		}
		if got := w.replay("T1", outboxtest.ID(1)); len(got) > 0 {
			t.Errorf("asked for by name: %v", got)
		}
		if s := w.p.SettledThrough(); s.Accepted != 1 || s.Commits == 0 {
			t.Errorf("cleared through %+v", s)
		}
	}
}

// laterClock is an hour ahead of the tests' own instants.
type laterClock struct{ clock.Clock }

func (laterClock) Now() outbox.Instant { return outboxtest.At(time.Hour) }
