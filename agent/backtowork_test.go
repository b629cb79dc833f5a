package agent_test

import (
	"fmt"
	"testing"
	"time"
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
