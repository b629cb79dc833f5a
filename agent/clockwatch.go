package agent

import (
	"context"
	"sync/atomic"
	"time"

	"tillpost/agent/clock"
	"tillpost/agent/health"
	"tillpost/internal/notify"
	"tillpost/monitor"
)

const clockEvery = 5 * time.Second

// clockWatch reports what is known of the clock, and calls who waits for it to be known.
type clockWatch struct {
	clock    clock.Clock
	metrics  *monitor.Metrics
	problems *health.Problems

	known    atomic.Bool
	watchers notify.List
}

// watch has f called whenever the clock comes to be known.
func (w *clockWatch) watch(f func()) { w.watchers.Add(f) }

// run looks at the clock every clockEvery until ctx ends.
func (w *clockWatch) run(ctx context.Context) {
	tick := time.Tick(clockEvery)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
			w.look()
			if !w.clock.Now().Known {
				w.problems.Raise(health.ProblemClockUnknown, "", "the clock is not known to be right: nothing expires, and what can't be aged waits; it is set by NTP or by the API's first reply", time.Now())
			}
		}
	}
}

// look notes whether the clock is known by now.
func (w *clockWatch) look() {
	known := w.clock.Now().Known
	w.metrics.ClockSynchronized(known)
	if skew, ok := w.clock.Skew(); ok {
		w.metrics.ClockSkew(skew)
	}
	if was := w.known.Swap(known); known && !was {
		w.problems.Clear(health.ProblemClockUnknown, "")
		w.watchers.Call()
	}
}
