package reconcile

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tillpost/agent/clock"
	"tillpost/agent/health"
	"tillpost/agent/lookups"
	"tillpost/api"
	"tillpost/internal/notify"
	"tillpost/outbox"
)

const (
	// detailsPerRound bounds how many orders are examined in one round of the search.
	detailsPerRound = 50
	// baselineEvery renews the list of orders that are surely not ours, while nothing is in doubt.
	baselineEvery = time.Hour
	// askAgainSoon is how often a look-up is tried while it is not established whether it is ours.
	askAgainSoon = 30 * time.Second
	// examinedMost bounds what is remembered of orders that were looked into or listed.
	examinedMost = 200_000
)

// Result is the answer to one search.
type Result struct {
	Found     bool               // an order bears a mark
	OrderUUID string             // of that order
	Status    outbox.OrderStatus // and its status in the list
	// Search is what was seen where none was found. SearchNone: the list or an order could not be read, or the list lacks an order
	// of ours; it proves nothing.
	Search     outbox.SearchResult
	RetryAfter time.Duration // the pause that the API asks for, 0 for none
	Seen       outbox.Seen   // Broken is for the receiver to fill in, by Begun
	Begun      time.Time     // when reading the list began, by this process's clock
}

// Job asks for the order that bears one of a request's marks, by calls that began after Since.
type Job struct {
	Request outbox.Request
	Since   outbox.Instant
	Done    func(Result) // is called on the reconciler's goroutine
}

// Options are what a reconciler needs; all of it is required.
type Options struct {
	API      *api.Client
	Store    outbox.Store
	Problems *health.Problems
	Rights   *lookups.Rights
	Lags     *lookups.Lags
	Health   *health.Health
	Clock    clock.Clock
	Log      *slog.Logger
	Rand     func() float64 // the jitter of a pause, in [0,1)
	Path     string         // where the baseline is kept
}

// Reports are what a reconciler calls with what it finds without being asked, on its goroutine; all of it is required.
type Reports struct {
	// Orphan is called with an order that bears a mark for which no job asks.
	Orphan func(mark, orderUUID string, status outbox.OrderStatus)
	// Gained is called with orders that a list shows for the first time: not in the baseline, and held by no request. It reports
	// whether they are kept; what is not comes again with those of the next list.
	Gained func(ctx context.Context, orderUUIDs []string) (kept bool)
	// Surveyed is called once it is known whether the API shows marks of this outbox that it does not know, as far as that
	// could be read.
	Surveyed func()
}

// Reconciler looks for marks in the API's order list and details. One list serves every search that it is young enough for. Its
// methods may be called by several goroutines at once.
type Reconciler struct {
	o        Options
	instance string         // of the outbox, for marks
	sample   *controlSample // orders that a list has to show
	// searchedUntil: until then (Unix ns) the marks of ended requests are looked for.
	searchedUntil atomic.Int64

	mu    sync.Mutex
	jobs  []Job
	begun *measurement // the next one
	wake  notify.Signal

	// baseline is written by Run.
	baseline atomic.Pointer[baseline]

	// Owned by Run.
	reports Reports
	// recent is when a list first showed an order that is not in the baseline, by the monotonic clock of boot.
	recent map[uint64]time.Duration
	boot   string
	// unreported are orders that the list gained, and that could not be kept yet.
	unreported []string
	examined   map[uint64]examined
	last       *listing     // the latest list that was read in full, as long as it may answer another search
	measured   *measurement // under way
	// unsurveyed: no list could be read yet since the start. rest is what the survey left to be examined.
	unsurveyed bool
	rest       []candidate
	nextTry    time.Time // of details that may be ours to read
}

// New makes a reconciler; it asks nothing yet.
func New(o Options) *Reconciler {
	return &Reconciler{
		o: o, instance: o.Store.Identity().Instance, wake: notify.NewSignal(), sample: &controlSample{},
		recent: map[uint64]time.Duration{}, examined: map[uint64]examined{},
	}
}

// Search queues a job, and returns at once.
func (c *Reconciler) Search(j Job) {
	c.NoteSearched(j.Request)
	c.mu.Lock()
	c.jobs = append(c.jobs, j)
	c.mu.Unlock()
	c.wake.Set()
}

// Run answers jobs and keeps the baseline, until ctx ends. It is called once.
func (c *Reconciler) Run(ctx context.Context, r Reports) {
	c.reports = r
	kept, err := loadBaseline(c.o.Path)
	if err != nil {
		c.o.Log.Warn("a search may take longer", "file", c.o.Path, "err", err)
	}
	c.baseline.Store(kept)
	renew := time.NewTimer(c.survey(ctx))
	defer renew.Stop()
	again := time.NewTimer(time.Hour)
	defer again.Stop()
	for {
		again.Reset(c.untilNextWork())
		select {
		case <-ctx.Done():
			return
		case <-renew.C:
			renew.Reset(c.renew(ctx))
		case <-again.C:
			if !c.last.young() {
				c.last = nil
			}
			c.examineRest(ctx)
			c.tryDetails(ctx)
		case <-c.wake:
		}
		c.mu.Lock()
		jobs := c.jobs
		c.jobs = nil
		c.mu.Unlock()
		if len(jobs) > 0 {
			c.serve(ctx, jobs)
		}
		c.measure(ctx)
	}
}

// serve answers jobs by the latest list where it is young enough for them, and by a new one where it is not.
func (c *Reconciler) serve(ctx context.Context, jobs []Job) {
	var served, rest []Job
	for _, j := range jobs {
		if c.last.serves(j, c) {
			served = append(served, j)
		} else {
			rest = append(rest, j)
		}
	}
	if len(served) > 0 {
		c.classify(ctx, c.last, served)
	}
	if len(rest) > 0 {
		c.round(ctx, rest)
	}
}

// round reads the list once and answers jobs by it.
func (c *Reconciler) round(ctx context.Context, jobs []Job) {
	l, reply := c.readList(ctx, jobs)
	if l == nil {
		f := Result{RetryAfter: reply.RetryAfter}
		if c.o.Rights.NotOurs(lookups.List) && (lookups.Forbids(reply) || lookups.Missing(reply)) {
			now := c.o.Clock.Now()
			f = Result{Search: outbox.SearchForbidden, Seen: outbox.Seen{Begun: now, Answered: now}, Begun: time.Now()}
		}
		for _, j := range jobs {
			j.Done(f)
		}
		return
	}
	c.classify(ctx, l, jobs)
}

// renew takes a new baseline if nothing is on its way, and asks again for what is not ours.
func (c *Reconciler) renew(ctx context.Context) time.Duration {
	if !c.Idle() || len(c.rest) > 0 {
		return time.Minute
	}
	l, _ := c.readList(ctx, nil)
	switch {
	case l != nil:
		c.surveyList(ctx, l)
		again := c.renewAfter(l)
		if c.o.Rights.Unknown(lookups.OwnOrders) && l.missed > 0 {
			return askAgainSoon
		}
		return again
	case c.o.Rights.NotOurs(lookups.List):
		return lookups.AskAgainEvery // not confirmed for terminal orders: we work without it, and ask again
	case c.o.Rights.Unknown(lookups.List):
		return askAgainSoon
	default:
		return time.Minute
	}
}

// tryDetails asks for the details of an order of ours while it is not known whether those are ours to read: to establish
// that takes minutes, which the first refund need not wait for then.
func (c *Reconciler) tryDetails(ctx context.Context) {
	uuid := c.untried()
	if uuid == "" || time.Now().Before(c.nextTry) {
		return
	}
	c.nextTry = time.Now().Add(askAgainSoon)
	details, reply := c.o.API.OrderDetails(ctx, uuid)
	c.o.Rights.SawDetails(ctx, details, reply)
}

// untried is an order of ours by whose details it can be found out whether they are ours to read, "" where that is known.
func (c *Reconciler) untried() string {
	if !c.o.Rights.Unknown(lookups.Details) {
		return ""
	}
	return c.sample.latest()
}

// keepAsBaseline makes a list that was read in full the baseline: what is submitted from now on is not in it. What was submitted
// while it was read may be, so its moment is the end of the reading, not the beginning.
func (c *Reconciler) keepAsBaseline(l *listing) {
	fresh := &baseline{at: l.ended, hashes: l.hashes}
	fresh.sort()
	was := c.baseline.Swap(fresh)
	clear(c.recent)
	clear(c.examined)
	c.last = nil // its candidates are of the former baseline
	if was != nil && slices.Equal(was.hashes, fresh.hashes) {
		return
	}
	if err := fresh.save(c.o.Path); err != nil {
		c.o.Log.Warn("the list of known orders could not be kept; a search after a crash may take longer", "err", err)
	}
}
