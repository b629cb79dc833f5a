package lane

import (
	"tillpost/monitor"
	"tillpost/outbox"
)

// Queues returns the queues of all terminals, for the metrics.
func (ls *Lanes) Queues() []monitor.QueueStat {
	now := ls.o.Clock.Now()
	stats := make([]monitor.QueueStat, 0, 8)
	seen := map[string]bool{}
	for _, at := range ls.o.Store.Lanes() {
		seen[at.Terminal] = true
		stats = append(stats, ls.queue(at, now))
	}
	for _, t := range ls.o.Directory.List() {
		if !seen[t.UUID] {
			stats = append(stats, ls.queue(outbox.Lane{Terminal: t.UUID}, now))
		}
	}
	return stats
}

// QueueOf is how the queue of one terminal stands.
func (ls *Lanes) QueueOf(terminal string) monitor.QueueStat {
	return ls.queue(ls.o.Store.Lane(terminal), ls.o.Clock.Now())
}

func (ls *Lanes) queue(at outbox.Lane, now outbox.Instant) monitor.QueueStat {
	q := monitor.QueueStat{Terminal: at.Terminal, Length: at.Queued, Lane: monitor.LaneIdle}
	if at.Head != 0 {
		q.OldestAge, _ = now.Since(at.Oldest)
		q.Lane = monitor.LaneWaiting
	}
	if ls.o.Pauses.Of(at.Terminal) != nil {
		q.Lane = monitor.LanePaused
	}
	if at.Holder != 0 {
		q.Lane = monitor.LaneBusy
	}
	for _, seq := range at.Holders {
		if r, err := ls.o.Store.Get(seq); err == nil && r.State == outbox.StateInDoubt {
			q.Lane = monitor.LaneInDoubt
			q.InDoubt++
		}
	}
	return q
}
