package agent

import (
	"context"
	"time"

	"tillpost/agent/health"
)

// diskEvery is how often the disk is looked at.
const diskEvery = 5 * time.Second

// followDisk raises a problem while there is no room for new requests, though nobody brings any.
func (a *Agent) followDisk(ctx context.Context) {
	for sleep(ctx, diskEvery) {
		if a.store.Room() {
			a.problems.Clear(health.ProblemOutboxFull, "")
		} else {
			a.problems.Raise(health.ProblemOutboxFull, "", health.OutboxFull, time.Now())
		}
	}
}
