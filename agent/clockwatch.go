package agent

import (
	"context"
	"time"

	"tillpost/agent/health"
)

const clockEvery = 5 * time.Second

// followClock looks at the clock every clockEvery until ctx ends.
func (a *Agent) followClock(ctx context.Context) {
	for sleep(ctx, clockEvery) {
		a.lookAtClock()
		if !a.clock.Now().Known {
			a.problems.Raise(health.ProblemClockUnknown, "", "the clock is not known to be right: nothing expires, and what can't be aged waits; it is set by NTP or by the API's first reply", time.Now())
		}
	}
}

// lookAtClock reports what is known of the clock, and wakes the lanes when it comes to be known.
func (a *Agent) lookAtClock() {
	known := a.clock.Now().Known
	a.metrics.ClockSynchronized(known)
	if skew, ok := a.clock.Skew(); ok {
		a.metrics.ClockSkew(skew)
	}
	if was := a.clockKnown.Swap(known); known && !was {
		a.problems.Clear(health.ProblemClockUnknown, "")
		a.lanes.WakeAll()
	}
}
