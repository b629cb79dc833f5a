package outbox

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func (w *refundWorld) live(acts int) error {
	for range acts {
		if err := w.act(); err != nil {
			return err
		}
	}
	return nil
}

// TestRefundsHoldTheirPromises runs several refunds of one order through simulated worlds.
func TestRefundsHoldTheirPromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newRefundWorld(Step, rapidChooser{t})
		if err := w.live(rapid.IntRange(1, 150).Draw(t, "acts")); err != nil {
			t.Fatalf("%v\n%s", err, strings.Join(w.log, "\n"))
		}
	})
}

// TestRefundWorldsReachEveryState guards the worlds themselves.
func TestRefundWorldsReachEveryState(t *testing.T) {
	t.Parallel()
	visits := map[State]int{}
	for seed := range uint64(800) {
		w := newRefundWorld(Step, dice(seed))
		if err := w.live(200); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, strings.Join(w.log, "\n"))
		}
		for s := range w.visited {
			visits[s]++
		}
	}
	for _, s := range append(States(KindRefund), StateSubmitted) {
		if visits[s] < 5 {
			t.Errorf("%v was reached in %d of 800 worlds", s, visits[s])
		}
	}
}
