package reconcile

import (
	"context"
	"slices"
	"time"

	"tillpost/agent/lookups"
	"tillpost/api"
	"tillpost/outbox"
)

// examined is what is remembered of an order whose references could be read.
type examined struct {
	marks []string
	// references is the digest of the till's own ones, "" where the API does not return them apart.
	references string
}

// inspection is one pass over the candidates of a list, for some jobs.
type inspection struct {
	asked      int
	retryAfter time.Duration
	// unread are candidates whose details could not be read; denied: as details are not ours, or the API can't be reached.
	unread map[uint64]bool
	denied bool
}

// classify reads the details of the candidates of a list that may concern the jobs, and answers them.
func (c *Reconciler) classify(ctx context.Context, l *listing, jobs []Job) {
	var relevant []candidate // mostly few of thousands
	for _, one := range l.candidates {
		if slices.ContainsFunc(jobs, func(j Job) bool { return c.relevant(one, j) }) {
			relevant = append(relevant, one)
		}
	}
	relevant = c.sorted(relevant)
	k := &inspection{unread: map[uint64]bool{}}
	for _, one := range relevant {
		c.examine(ctx, l, one, k)
		for _, m := range c.examined[one.hash].marks {
			jobs = c.matched(m, one, jobs)
		}
	}
	for _, j := range jobs {
		j.Done(c.result(l, k, j, relevant))
	}
}

// result is the result of an inspection for a job whose order was not found.
func (c *Reconciler) result(l *listing, k *inspection, j Job, candidates []candidate) Result {
	f := Result{RetryAfter: k.retryAfter, Begun: l.begunAt, Seen: outbox.Seen{Begun: l.begun, Answered: l.answered}}
	open := false
	for _, one := range candidates {
		open = open || c.relevant(one, j) && (k.unread[one.hash] || j.mayBeOrder(c.examined[one.hash]))
	}
	switch {
	case c.o.Rights.NotOurs(lookups.OwnOrders), open && k.denied && c.o.Rights.NotOurs(lookups.Details):
		f.Search = outbox.SearchForbidden
	case open || l.missed > 0:
	default:
		f.Search = outbox.SearchClear
	}
	return f
}

// mayBeOrder reports whether an order without a mark of ours may be the job's all the same: where a mark went into no reference,
// one whose references are the till's own, or can't be told apart.
func (j Job) mayBeOrder(seen examined) bool {
	return slices.ContainsFunc(j.Request.Submissions, func(s outbox.Submission) bool {
		return !s.Shown && (s.References == "" || seen.references == "" || s.References == seen.references)
	})
}

// examine reads the details of a candidate, unless that was done before, or there were enough for one round.
func (c *Reconciler) examine(ctx context.Context, l *listing, one candidate, k *inspection) {
	if _, known := c.examined[one.hash]; known {
		return
	}
	if k.denied || k.asked == detailsPerRound {
		k.unread[one.hash] = true
		return
	}
	k.asked++
	details, reply := c.o.API.OrderDetails(ctx, one.uuid)
	c.o.Rights.Saw(ctx, lookups.Details, reply)
	l.answered, l.answeredAt = c.o.Clock.Now(), time.Now()
	if reply.Outcome != api.OutcomeAccepted {
		k.unread[one.hash] = true
		k.retryAfter = max(k.retryAfter, reply.RetryAfter)
		k.denied = lookups.Forbids(reply) || lookups.Missing(reply) || reply.Outcome == api.OutcomeUnavailable
		return
	}
	seen := examined{marks: outbox.FindMarks(details.References()), references: lookups.ReferencesOf(details)}
	if !details.ReferencesKnown && len(seen.marks) == 0 {
		k.unread[one.hash] = true // they may come later
		return
	}
	if len(c.examined) > examinedMost {
		clear(c.examined)
	}
	c.examined[one.hash] = seen
}

// matched answers the job that looks for a mark, and returns the other jobs; where none does, the order is an orphan. One that a newer
// copy of the outbox placed for a job's request, by a mark that is not known here, is both.
func (c *Reconciler) matched(mark string, one candidate, jobs []Job) (rest []Job) {
	i := slices.IndexFunc(jobs, func(j Job) bool {
		return j.Request.Bears(mark) || outbox.MarkNames(mark, c.instance, j.Request)
	})
	if i < 0 || !jobs[i].Request.Bears(mark) {
		c.reports.Orphan(mark, one.uuid, lookups.StatusOf(one.status))
	}
	if i < 0 {
		return jobs
	}
	jobs[i].Done(Result{Found: true, OrderUUID: one.uuid, Status: lookups.StatusOf(one.status)})
	return append(jobs[:i:i], jobs[i+1:]...)
}
