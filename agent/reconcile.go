package agent

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"tillpost/api"
	"tillpost/outbox"
)

const (
	// detailsPerRound bounds how many orders one round of the search looks into.
	detailsPerRound = 50
	// baselineEvery renews the list of orders that are surely not ours, while nothing is in doubt.
	baselineEvery = time.Hour
	// askAgainEvery is how often an operation that the API forbade is asked for again.
	askAgainEvery = 10 * time.Minute
	// examinedMost bounds what is remembered of orders that were looked into.
	examinedMost = 20_000
)

// verdict is what a search came to.
type verdict uint8

const (
	// searchIncomplete: the list or an order could not be read, or the list lacks an order of ours; it proves nothing.
	searchIncomplete verdict = iota
	// searchClear: list and details answered in full, without the marks.
	searchClear
	// searchFound: an order bears a mark.
	searchFound
	// searchForbidden: the API does not let us search, its list does not show our orders, or no reference holds the mark.
	searchForbidden
)

// findings is the answer to one search.
type findings struct {
	verdict    verdict
	orderUUID  string
	status     api.PaymentState
	retryAfter time.Duration
}

// searchJob asks for the order that bears one of a request's marks.
type searchJob struct {
	request outbox.Request
	done    func(findings)
}

// reconciler looks for marks in the API's order list and details. One round serves every search that waited for it; a
// round answers only those that asked before it began.
type reconciler struct {
	api   *api.Client
	owned func(orderUUID string) bool // some request of ours holds it
	// evidence is orders that a list has to show.
	evidence *evidence
	// stray is told of an order that bears a mark of a request that asked for no search.
	stray func(mark, orderUUID string, status api.PaymentState)
	// gained is told of orders that the list has and had not, and that no request holds.
	gained func(ctx context.Context, orders []api.OrderStatus)
	clock  Clock
	quiet  func() bool // nothing is sent or in doubt, so a baseline may be taken
	log    *slog.Logger
	path   string // where the baseline is kept; "": nowhere

	mu   sync.Mutex
	jobs []searchJob
	wake chan struct{}

	// Owned by run; the baseline is written under mu, for who reads it from elsewhere.
	baseline  *baseline
	examined  map[uint64][]string
	forbidden time.Time // until then, searching is not asked for
	// How often in a row list and details were not there, and the list lacked orders of ours.
	noList, noDetails, lacking int
}

func newReconciler(client *api.Client, log *slog.Logger) *reconciler {
	return &reconciler{api: client, log: log, wake: make(chan struct{}, 1), examined: map[uint64][]string{}, evidence: &evidence{}}
}

// search queues a job; done is called on the reconciler's goroutine, or at once where no search could find the mark.
func (c *reconciler) search(j searchJob) {
	if len(j.request.Submissions) == 0 || !j.request.MarksShown() {
		j.done(findings{verdict: searchForbidden})
		return
	}
	c.mu.Lock()
	c.jobs = append(c.jobs, j)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *reconciler) run(ctx context.Context) {
	if c.path != "" {
		kept, err := loadBaseline(c.path)
		if err != nil {
			c.log.Warn("a search may take longer", "file", c.path, "err", err)
		}
		c.mu.Lock()
		c.baseline = kept
		c.mu.Unlock()
	}
	renew := time.NewTimer(0)
	defer renew.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-renew.C:
			renew.Reset(c.renew(ctx))
		case <-c.wake:
			c.mu.Lock()
			jobs := c.jobs
			c.jobs = nil
			c.mu.Unlock()
			if len(jobs) > 0 { // else the last round has answered them
				c.round(ctx, jobs)
			}
		}
	}
}

// renew takes a new baseline if nothing is on its way, and asks again for what was forbidden.
func (c *reconciler) renew(ctx context.Context) time.Duration {
	if !c.quiet() {
		return time.Minute
	}
	fresh := &baseline{}
	var gained []api.OrderStatus
	reply := c.api.OrderStatuses(ctx, "", func(o api.OrderStatus) error {
		fresh.add(o.UUID)
		if c.baseline != nil && !c.baseline.has(o.UUID) && !c.owned(o.UUID) {
			gained = append(gained, o)
		}
		return nil
	})
	switch {
	case reply.Outcome == api.OutcomeAccepted:
		c.forbidden = time.Time{}
		c.gained(ctx, gained)
		if c.quiet() {
			c.renewed(fresh)
		}
		return baselineEvery
	case unavailable(&c.noList, reply, missing(reply) || reply.Outcome == api.OutcomeNotFound):
		// Not confirmed for terminal orders: we work without it, and ask again.
		c.forbidden = time.Now().Add(askAgainEvery)
		return askAgainEvery
	case c.noList > 0:
		return missingAgain
	default:
		return time.Minute
	}
}

// renewed takes a list that was read in full by now: what is submitted from now on is not in it. What was submitted
// while it was read may be, so its moment is the end of the reading, not the beginning.
func (c *reconciler) renewed(fresh *baseline) {
	fresh.at = c.clock.Now()
	fresh.sort()
	known := c.baseline != nil && slices.Equal(c.baseline.hashes, fresh.hashes)
	c.mu.Lock()
	c.baseline = fresh
	c.mu.Unlock()
	clear(c.examined)
	if known || c.path == "" {
		return
	}
	if err := fresh.save(c.path); err != nil {
		c.log.Warn("the list of known orders could not be kept; a search after a crash may take longer", "err", err)
	}
}

func forbids(r api.Reply) bool {
	return r.Outcome == api.OutcomeRefused && r.HTTPStatus == 403
}

// missing tells of an operation that is not there at all: not confirmed for terminal orders, it may be anybody's 404.
func missing(r api.Reply) bool {
	return errors.Is(r.Err, api.ErrNoOperation)
}

// missingMost is how often in a row an operation has to be missing before it is believed: any proxy on the way has a
// 404 of its own, and without the search a busy terminal's word would be taken.
const (
	missingMost  = 3
	missingAgain = 5 * time.Second
)

// unavailable tells that an operation is not ours to use, counting the replies in a row that say it is not there.
func unavailable(times *int, r api.Reply, gone bool) bool {
	if forbids(r) {
		return true
	}
	if !gone {
		*times = 0
		return false
	}
	*times++
	return *times >= missingMost
}

// candidate is an order that may be one of ours.
type candidate struct {
	uuid   string
	status api.PaymentState
}

// round reads the list once and looks into the orders that no request holds and no earlier list showed.
func (c *reconciler) round(ctx context.Context, jobs []searchJob) {
	if time.Now().Before(c.forbidden) {
		answer(jobs, findings{verdict: searchForbidden})
		return
	}
	usable := c.baselineHolds(jobs)
	var found []candidate
	var gained []api.OrderStatus
	missed := c.evidence.expected()
	reply := c.api.OrderStatuses(ctx, "", func(o api.OrderStatus) error {
		delete(missed, o.UUID)
		if !(usable && c.baseline.has(o.UUID)) && !c.owned(o.UUID) {
			found = append(found, candidate{o.UUID, o.State()})
			if c.baseline != nil && !c.baseline.has(o.UUID) {
				gained = append(gained, o)
			}
		}
		return nil
	})
	if forbids(reply) {
		c.forbidden = time.Now().Add(askAgainEvery)
		answer(jobs, findings{verdict: searchForbidden})
		return
	}
	if reply.Outcome != api.OutcomeAccepted {
		answer(jobs, findings{retryAfter: reply.RetryAfter})
		return
	}
	c.gained(ctx, gained)
	rest, retryAfter, banned := c.examine(ctx, found, &jobs)
	switch {
	case banned:
		c.forbidden = time.Now().Add(askAgainEvery)
		answer(jobs, findings{verdict: searchForbidden})
	case rest:
		answer(jobs, findings{retryAfter: retryAfter})
	case len(missed) > 0:
		answer(jobs, findings{verdict: c.lacks(len(missed))})
	default:
		c.lacking = 0
		answer(jobs, findings{verdict: searchClear})
	}
}

// lacks judges a list that answered in full and does not show orders of ours that the API has spoken of: it may lag behind.
// Where it stays so, it is not one to find our orders in, and what the operator says of busy terminals counts.
func (c *reconciler) lacks(orders int) verdict {
	if c.lacking++; c.lacking < missingMost {
		return searchIncomplete
	}
	if c.lacking == missingMost {
		c.log.Warn("the API's list does not show orders of ours; it can't tell what became of an order in doubt", "missing", orders)
	}
	return searchForbidden
}

// baselineHolds tells whether the baseline was complete before any submission that is looked for.
func (c *reconciler) baselineHolds(jobs []searchJob) bool {
	if c.baseline == nil {
		return false
	}
	for _, j := range jobs {
		if !c.baseline.before(j.request.Submissions[0].At) {
			return false
		}
	}
	return true
}

// examine looks into candidates, newest in the list first, and answers the jobs whose mark it finds. rest tells that
// some candidate could not be looked into; banned, that details are not ours to read.
func (c *reconciler) examine(ctx context.Context, found []candidate, jobs *[]searchJob) (rest bool, retryAfter time.Duration, banned bool) {
	if len(c.examined) > examinedMost {
		clear(c.examined)
	}
	asked := 0
	for i := len(found) - 1; i >= 0; i-- {
		one := found[i]
		marks, known := c.examined[hashUUID(one.uuid)]
		if !known {
			if asked == detailsPerRound {
				return true, 0, false
			}
			asked++
			details, reply := c.api.OrderDetails(ctx, one.uuid)
			switch {
			case unavailable(&c.noDetails, reply, missing(reply)):
				return true, 0, true
			case reply.Outcome != api.OutcomeAccepted:
				rest, retryAfter = true, max(retryAfter, reply.RetryAfter)
				continue
			}
			marks = outbox.FindMarks(details.References())
			c.examined[hashUUID(one.uuid)] = marks
		}
		for _, m := range marks {
			c.matched(m, one, jobs)
		}
	}
	return rest, retryAfter, false
}

// matched answers the job that looks for a mark, or tells of a stray order.
func (c *reconciler) matched(mark string, one candidate, jobs *[]searchJob) {
	for i, j := range *jobs {
		if j.request.Bears(mark) {
			j.done(findings{verdict: searchFound, orderUUID: one.uuid, status: one.status})
			*jobs = append((*jobs)[:i:i], (*jobs)[i+1:]...)
			return
		}
	}
	c.stray(mark, one.uuid, one.status)
}

func answer(jobs []searchJob, f findings) {
	for _, j := range jobs {
		j.done(f)
	}
}
