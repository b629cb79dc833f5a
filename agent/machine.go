package agent

import (
	"context"
	"time"

	"tillpost/agent/health"
)

// machineEvery is how often the machine's clock and disk are looked at.
const machineEvery = 5 * time.Second

// followMachine raises a problem while the clock is not known, or there is no room for new requests, though nobody brings any.
func (a *Agent) followMachine(ctx context.Context) {
	for sleep(ctx, machineEvery) {
		a.lookAtClock()
		if !a.clock.Now().Known {
			a.problems.Raise(health.ProblemClockUnknown, "", "the clock is not known to be right: nothing expires, and what can't be aged waits; it is set by NTP or by the API's first reply", time.Now())
		}
		if a.store.Room() {
			a.problems.Clear(health.ProblemOutboxFull, "")
		} else {
			a.problems.Raise(health.ProblemOutboxFull, "", health.OutboxFull, time.Now())
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
