package agent

import (
	"context"
	"time"

	"tillpost/agent/health"
	"tillpost/outbox"
)

const (
	pruneEvery = time.Hour
	pruneBatch = 500
)

// prune removes what ended longer ago than the retention, and clears the retained statuses that are still there. Where
// little is kept it looks more often: a short retention is chosen for a small disk, which an hour's worth may fill.
func (a *Agent) prune(ctx context.Context) {
	for sleep(ctx, min(pruneEvery, max(a.cfg.Outbox.Retention/4, time.Second))) {
		for more := true; more; {
			// Without a broker the retained statuses could not be cleared.
			more = a.bus.Connected() && a.pruneSome(ctx) == pruneBatch && ctx.Err() == nil
		}
	}
}

// pruneSome removes at most pruneBatch, and returns how many it removed.
func (a *Agent) pruneSome(ctx context.Context) int {
	now := a.clock.Now()
	gone, err := a.store.Prune(ctx, func(r outbox.Request) bool {
		if r.Finished == nil {
			return false
		}
		age, ok := now.Since(*r.Finished)
		return ok && age > a.cfg.Outbox.Retention
	}, pruneBatch)
	if err != nil && ctx.Err() == nil {
		a.log.Error("old requests could not be pruned", "err", err)
	}
	for _, r := range gone {
		a.publish.Pruned(r)
		a.problems.Clear(health.ProblemLatePayment, r.ID)
		a.problems.Clear(health.ProblemFurtherOrder, r.ID)
	}
	return len(gone)
}
