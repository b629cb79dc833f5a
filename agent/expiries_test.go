package agent_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/outbox"
)

// slow is an outbox on a slow card: each write takes its time, though those that come together share it.
type slow struct{ outbox.Store }

func (s slow) Apply(ctx context.Context, seq uint64, e outbox.Event) (outbox.Request, []outbox.Effect, error) {
	time.Sleep(20 * time.Millisecond)
	return s.Store.Apply(ctx, seq, e)
}

// TestAWholeQueueExpiresWithinASecond: what was accepted in one moment ends in one, and not one commit after the other.
func TestAWholeQueueExpiresWithinASecond(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.restartOn(func(s outbox.Store) outbox.Store { return slow{s} })
		if err := w.sim.SetNextCustomers(oslo, simulator.WalkAway()); err != nil {
			t.Fatal(err)
		}
		w.order(oslo, "here")
		w.until(5*time.Second, oslo, "here", "awaiting_customer")
		const queued = 600
		for i := range queued {
			w.send(oslo, "orders", fmt.Sprintf(`{"requestId":"q%d","ttlSeconds":60,"order":%s}`, i, exampleOrder(time.Now().Format("02 Jan, 2006"))))
		}
		w.until(time.Second, oslo, fmt.Sprint("q", queued-1), "queued")
		time.Sleep(60*time.Second - 500*time.Millisecond)
		w.until(0, oslo, "q0", "queued")
		time.Sleep(1500 * time.Millisecond)
		for i := range queued {
			w.until(0, oslo, fmt.Sprint("q", i), "expired")
		}
		w.until(0, oslo, "here", "awaiting_customer")
	})
}

// A till with an unset clock says the year 1 or 1970: that is a time like any other, and long past.
func TestPublishedByAnUnsetClock(t *testing.T) {
	inWorld(t, "", func(w *world) {
		for i, at := range []string{"0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.001Z"} {
			id := fmt.Sprint("o", i)
			w.send(oslo, "orders", fmt.Sprintf(`{"requestId":%q,"publishedAt":%q,"order":%s}`, id, at, exampleOrder(time.Now().Format("02 Jan, 2006"))))
			w.until(time.Second, oslo, id, "expired")
		}
		if n := len(w.sim.Orders()); n != 0 {
			t.Errorf("%d orders came to exist", n)
		}
	})
}
