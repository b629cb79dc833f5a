package agent

import (
	"context"
	"sync/atomic"
	"time"

	"tillpost/monitor"
)

const clockEvery = 5 * time.Second

// clockWatch tells what is known of the clock, and calls who waits for it to be known.
type clockWatch struct {
	clock    Clock
	metrics  *monitor.Metrics
	problems *problems

	known    atomic.Bool
	watchers watchers
}

// watch has f called whenever the clock comes to be known.
func (w *clockWatch) watch(f func()) { w.watchers.add(f) }

// run looks until ctx ends.
func (w *clockWatch) run(ctx context.Context) {
	tick := time.NewTicker(clockEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			w.look()
			if !w.clock.Now().Known {
				w.problems.raise(ProblemClockUnknown, "", "the clock is not known to be right: nothing expires, and what can't be aged waits; it is set by NTP or by the API's first reply", time.Now())
			}
		}
	}
}

// look looks whether the clock is known by now.
func (w *clockWatch) look() {
	known := w.clock.Now().Known
	w.metrics.ClockSynchronized(known)
	if skew, ok := w.clock.Skew(); ok {
		w.metrics.ClockSkew(skew)
	}
	if was := w.known.Swap(known); known && !was {
		w.problems.clear(ProblemClockUnknown, "")
		w.watchers.call()
	}
}
