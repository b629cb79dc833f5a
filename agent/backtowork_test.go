package agent_test

import (
	"fmt"
	"testing"
	"time"

	"tillpost/api/simulator"
)

// What waits goes on soon after an outage: after a tenth of how long it lasted, from a second to fifteen.
func TestBackToWork(t *testing.T) {
	for outage, most := range map[time.Duration]time.Duration{
		15 * time.Second: 2 * time.Second, time.Minute: 7 * time.Second, time.Hour: 16 * time.Second,
	} {
		t.Run(fmt.Sprint(outage), func(t *testing.T) {
			inWorld(t, "order_ttl = \"2h\"\n", func(w *world) {
				w.sale(oslo, "before")
				w.down(true)
				time.Sleep(outage / 2)
				w.order(oslo, "waits")
				time.Sleep(outage - outage/2)
				creates := w.creates()
				w.down(false)
				back := time.Now()
				w.eventuallyOrFail(func() bool { return w.creates() > creates })
				if took := time.Since(back); took > most {
					t.Errorf("the first order left after %v, want %v at most", took, most)
				} else {
					t.Logf("the first order left after %v", took)
				}
			})
		})
	}
}

// TestAfterAnOutageTheListIsMeasuredLater: what a thousand shops need not ask in the same seconds waits, and a list that is asked
// late, and shows the order, says nothing of its lag.
func TestAfterAnOutageTheListIsMeasuredLater(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sale(oslo, "measured")
		time.Sleep(time.Minute)
		lists := w.sim.Count(simulator.OpOrderStatuses)
		w.sale(oslo, "usual")
		if n := w.sim.Count(simulator.OpOrderStatuses); n != lists+1 {
			t.Errorf("%d lists for an order on a usual day, want 1", n-lists)
		}
		atOnce := 0
		for i := range 3 { // by lot it may be at once, all the same
			id := fmt.Sprint("waits-", i)
			w.down(true)
			w.order(oslo, id)
			time.Sleep(20 * time.Second)
			w.down(false)
			w.until(20*time.Second, oslo, id, "awaiting_customer")
			lists = w.sim.Count(simulator.OpOrderStatuses)
			time.Sleep(50 * time.Millisecond)
			if w.sim.Count(simulator.OpOrderStatuses) != lists {
				atOnce++
				continue
			}
			time.Sleep(31 * time.Second)
			if n := w.sim.Count(simulator.OpOrderStatuses); n == lists {
				t.Error("the list is not asked any more")
			}
		}
		if atOnce == 3 {
			t.Error("the list is asked at once after each outage")
		}
	})
}
