package reconcile

import (
	"cmp"
	"context"
	"slices"
	"time"

	"tillpost/agent/lookups"
	"tillpost/api"
	"tillpost/outbox"
)

// listing is a list of all orders that was read in full.
type listing struct {
	begun, ended outbox.Instant
	begunAt      time.Time // by this process's clock
	// answered is when the last call made for it was answered: that for the list, or for the details of a candidate.
	answered   outbox.Instant
	answeredAt time.Time
	candidates []candidate
	// whole: the candidates are all orders that no request holds, whatever the baseline says.
	whole  bool
	hashes []uint64 // of all orders
	missed int      // orders of ours that it had to show, and did not
}

// candidate is an order that may be one of ours.
type candidate struct {
	uuid   string
	hash   uint64
	status api.PaymentState
}

// readList reads the list of all orders, and notes all that it shows beside; nil with the reply where it could not be read in full.
func (c *Reconciler) readList(ctx context.Context, jobs []Job) (*listing, api.Reply) {
	l := &listing{begun: c.o.Clock.Now(), begunAt: time.Now(), whole: !c.baselineHolds(jobs)}
	b := c.baseline.Load()
	c.last = nil // before another of that size is read
	missed := c.sample.expected(c.o.Lags.List())
	expected := len(missed)
	shown := map[string]bool{}
	ours, measured := false, false
	reply := c.o.API.OrderStatuses(ctx, "", func(o api.OrderStatus) error {
		h := hashUUID(o.UUID)
		l.hashes = append(l.hashes, h)
		if missed[o.UUID] {
			delete(missed, o.UUID)
			shown[o.UUID] = true
		}
		measured = measured || c.measured != nil && c.measured.uuid == o.UUID
		switch {
		case !l.whole && b.hasHash(h):
		case c.owns(o.UUID):
			ours = true
		default:
			l.candidates = append(l.candidates, candidate{o.UUID, h, o.State()})
		}
		return nil
	})
	c.o.Rights.Saw(ctx, lookups.List, reply)
	if reply.Outcome != api.OutcomeAccepted {
		return nil, reply
	}
	l.ended, l.missed = c.o.Clock.Now(), len(missed)
	l.answered, l.answeredAt = l.ended, time.Now()
	c.sample.markShown(shown)
	switch {
	case len(shown) > 0 || ours || measured:
		c.o.Rights.Note(ctx, lookups.OwnOrders, lookups.Granted)
	case expected > 0:
		c.o.Rights.Note(ctx, lookups.OwnOrders, lookups.Denied)
	}
	if measured {
		c.finishMeasurement(ctx)
	}
	if len(c.recent) > examinedMost {
		clear(c.recent) // then they count as first shown by this list, and are looked into once more
	}
	c.boot = l.ended.Boot
	for _, one := range l.candidates {
		if _, known := c.recent[one.hash]; known {
			continue
		}
		c.recent[one.hash] = l.ended.Mono
		if b != nil && !b.hasHash(one.hash) {
			c.unreported = append(c.unreported, one.uuid)
		}
	}
	if len(c.unreported) > 0 && c.reports.Gained(ctx, c.unreported) {
		c.unreported = nil
	}
	c.last = l
	return l, reply
}

// baselineHolds reports whether the baseline was complete before any submission of the jobs.
func (c *Reconciler) baselineHolds(jobs []Job) bool {
	b := c.baseline.Load()
	return b != nil && !slices.ContainsFunc(jobs, func(j Job) bool { return !b.before(j.first()) })
}

// first returns when the request's first submission began; zero where it has none, which no list is before.
func (j Job) first() outbox.Instant {
	if len(j.Request.Submissions) == 0 {
		return outbox.Instant{}
	}
	return j.Request.Submissions[0].At
}

// serves reports whether a job may be answered by a list that was read for others: it began after what the job is about, and is
// not old.
func (l *listing) serves(j Job, c *Reconciler) bool {
	if !l.young() || !l.whole && !c.baseline.Load().before(j.first()) {
		return false
	}
	return (outbox.Seen{Begun: l.begun}).After(j.Since, 0)
}

// young reports whether there is a list, and it may answer another search.
func (l *listing) young() bool { return l != nil && time.Since(l.answeredAt) <= listLasts }

// listLasts is how old a list may be that answers another search.
const listLasts = 2 * time.Second

// relevant reports whether a candidate may be what a job looks for: no list from before the first submission showed it. All lists
// are of this process's life, so that a submission of an earlier boot was before them, whatever the clocks said then and now.
func (c *Reconciler) relevant(one candidate, j Job) bool {
	first := j.first()
	return c.boot != first.Boot || c.recent[one.hash] >= first.Mono
}

// sorted returns candidates, which it reorders, in the order in which they are examined: those that the earliest list showed
// first, and of each list from both ends by turns, as nothing says which end is the newest.
func (c *Reconciler) sorted(all []candidate) []candidate {
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Compare(c.recent[a.hash], c.recent[b.hash])
	})
	out := make([]candidate, 0, len(all))
	for len(all) > 0 {
		n := 1
		for n < len(all) && c.recent[all[n].hash] == c.recent[all[0].hash] {
			n++
		}
		group := all[:n]
		all = all[n:]
		for i, j := 0, n-1; i <= j; i, j = i+1, j-1 {
			out = append(out, group[j])
			if i < j {
				out = append(out, group[i])
			}
		}
	}
	return out
}
