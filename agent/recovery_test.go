package agent_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tillpost/api/simulator"
)

// A snapshot is taken after the start, and later only if something was committed.
func TestSnapshotsAreTaken(t *testing.T) {
	inWorld(t, "", func(w *world) {
		taken := func() int { return strings.Count(w.log.String(), "took a snapshot") }
		w.order(oslo, "o")
		w.until(10*time.Second, oslo, "o", "paid")
		time.Sleep(90 * time.Second)
		if taken() != 0 {
			t.Error("a snapshot was taken in the first minutes")
		}
		time.Sleep(time.Minute)
		if info, err := os.Stat(w.outbox() + ".snapshot"); taken() != 1 || err != nil || info.Size() == 0 {
			t.Errorf("%d snapshots after the start, %v", taken(), err)
		}
		time.Sleep(25 * time.Hour)
		before := taken()
		w.order(oslo, "o2")
		time.Sleep(7 * time.Hour)
		if after := taken(); after != before+1 || before > 2 {
			t.Errorf("%d snapshots, then %d", before, after)
		}
	})
}

// A new, empty outbox is logged.
func TestANewOutboxIsTold(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.restart()
		if n := strings.Count(w.log.String(), "a new, empty outbox was made"); n != 1 {
			t.Errorf("told %d times in two starts", n)
		}
	})
}

// A damaged outbox is restored from its snapshot: nobody is charged again, all that was open comes to an end that staff
// can act on, and the till hears of it in words.
func TestRestoredOutboxIsTold(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.order(oslo, "paid")
		w.until(10*time.Second, oslo, "paid", "paid")
		if err := w.sim.SetNextCustomers(oslo, simulator.WalkAway()); err != nil {
			t.Fatal(err)
		}
		w.order(oslo, "at-customer")
		w.until(10*time.Second, oslo, "at-customer", "awaiting_customer")
		for i := range 3 {
			w.order(oslo, fmt.Sprintf("queued-%d", i))
		}
		time.Sleep(130 * time.Second) // a snapshot is taken
		w.stop()
		creates := w.creates()
		w.zeroHead()
		w.start()
		w.untilProblem("outboxRestored")
		w.untilProblem("outboxRolledBack")
		text := w.problemWords("outboxRestored")
		for _, part := range []string{"restored from its last snapshot", "is damaged", w.outbox() + ".damaged-1", "4 requests are in doubt", "Front Payment"} {
			if !strings.Contains(text, part) {
				t.Errorf("%q lacks %q", text, part)
			}
		}
		w.order(bergen, "new")
		w.untilWaiting(5*time.Second, bergen, "new", "outboxRolledBack")
		for i := range 3 {
			w.until(20*time.Minute, oslo, fmt.Sprintf("queued-%d", i), "unresolved")
		}
		if got := w.creates(); got != creates {
			t.Errorf("%d creates after the restore", got-creates)
		}
		w.restart()
		w.untilProblem("outboxRestored")
		w.stop()
		if got := w.accept(); !slices.Equal(got, []string{"outboxRestored", "outboxRolledBack"}) {
			t.Errorf("accepted %v", got)
		}
		w.start()
		w.order(bergen, "after")
		w.until(20*time.Second, bergen, "after", "paid")
		if _, problems := w.agentState(); slices.Contains(problems, "outboxRestored") || slices.Contains(problems, "outboxRolledBack") {
			t.Errorf("accepted, and still %v", problems)
		}
	})
}

// zeroHead overwrites the outbox's first pages: damage that does not crash who looks at it in this process.
func (w *world) zeroHead() {
	w.Helper()
	f, err := os.OpenFile(w.outbox(), os.O_WRONLY, 0)
	if err == nil {
		_, err = f.Write(make([]byte, 8192))
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		w.Fatal(err)
	}
}
