package outbox

import (
	"testing"
	"time"

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
			t.Fatalf("%v\n%s", err, w.story())
		}
	})
}

// TestRefundWorldsReachEveryState guards the worlds themselves.
func TestRefundWorldsReachEveryState(t *testing.T) {
	t.Parallel()
	visits := map[State]int{}
	for seed := range uint64(300) {
		w := newRefundWorld(Step, dice(seed))
		if err := w.live(400); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, w.story())
		}
		for s := range w.visited {
			visits[s]++
		}
	}
	for _, s := range append(States(KindRefund), StateSubmitted) {
		if visits[s] < 3 {
			t.Errorf("%v was reached in %d of 300 worlds", s, visits[s])
		}
	}
}

// TestRefundsHoldTheirPromisesInAnyOrder gives them events that no world would produce.
func TestRefundsHoldTheirPromisesInAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r, tr, at := stepRefund(), trace{}, stepStart
		r.Refund.Full, r.Refund.Ask = rapid.Bool().Draw(t, "full"), rapid.SampledFrom([]string{"", "please"}).Draw(t, "ask")
		if r.Refund.Full {
			r.AmountMinor, r.Refund.Lines = 0, nil
		}
		r.Kind = rapid.SampledFrom([]Kind{KindRefund, KindApproval}).Draw(t, "kind")
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			e := anyEvent(t)
			at = at.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "seconds")) * time.Second)
			at.Known = rapid.Bool().Draw(t, "clock known")
			e.At = at
			after, _, err := checkedStep(Step, &tr, r, e)
			if err != nil {
				t.Fatal(err)
			}
			r = after
		}
	})
}
