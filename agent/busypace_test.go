package agent_test

import (
	"strings"
	"testing"
	"time"
)

// Several busy terminals share half of the calls that the API allows: each is tried less often than one alone is.
func TestBusyTerminalsShareTheRate(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.stop()
		w.cfg = strings.Replace(w.cfg, "requests_per_minute = 100000", "requests_per_minute = 60", 1)
		w.start()
		for _, terminal := range []string{oslo, bergen} {
			w.sale(terminal, "before-"+terminal) // so that the list's lag is known
		}
		tries := func(d time.Duration) int {
			before := w.creates()
			time.Sleep(d)
			return w.creates() - before
		}
		busy := func(terminal, id string) {
			if err := w.sim.SetBusyFor(terminal, time.Hour); err != nil {
				t.Fatal(err)
			}
			w.order(terminal, id)
			w.untilWaiting(5*time.Second, terminal, id, "terminalIsBusy")
		}
		busy(oslo, "one")
		time.Sleep(time.Minute)
		alone := tries(time.Minute)
		busy(bergen, "two")
		time.Sleep(time.Minute)
		// Twice three calls a try, of 30 a minute: 12 seconds apart, while one alone takes 2.5 to 5.
		if both := tries(time.Minute); both > 12 || both < 8 || alone < 12 {
			t.Errorf("%d tries a minute at one busy terminal, %d at two", alone, both)
		}
	})
}
