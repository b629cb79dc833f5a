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

// A snapshot is what a damaged outbox is restored from. What came after it is lost then, so there should be a fresh one;
// but each is a copy of the whole file, and a Raspberry Pi's card wears out by writes. With four a day, a shop's outbox of
// 20 MB takes 80 MB a day: decades of a small card's life, and less than the requests themselves write.
const (
	// snapshotFirst is how long after a start the first one is taken, so that the backlog of an outage comes first.
	snapshotFirst = 2 * time.Minute
	snapshotEvery = 6 * time.Hour
	// snapshotQuiet is how often it is put off while something is on its way to the API, a minute each: the file grows
	// by what is committed meanwhile.
	snapshotQuiet = 30
)

// snapshots takes one after the start and then every few hours, unless nothing was committed since.
func (a *Agent) snapshots(ctx context.Context) {
	last := int64(-1)
	for wait := snapshotFirst; sleep(ctx, wait); wait = snapshotEvery {
		if a.store.Stats().Commits == last {
			continue
		}
		for n := 0; n < snapshotQuiet && !a.reconciler.Idle(); n++ {
			if !sleep(ctx, time.Minute) {
				return
			}
		}
		begun, commits := time.Now(), a.store.Stats().Commits
		switch err := a.store.Snapshot(ctx); {
		case err == nil:
			last = commits
			a.log.Info("took a snapshot of the outbox", "took", time.Since(begun).Round(time.Millisecond), "bytes", a.store.Stats().FileSize)
		case ctx.Err() == nil:
			a.log.Warn("could not take a snapshot of the outbox; the last one stands", "err", err)
		}
	}
}

// sleep waits for d, and returns false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
