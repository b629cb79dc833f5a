package reconcile

import (
	"context"
	"time"

	"tillpost/agent/lookups"
	"tillpost/api"
)

// measure is one measurement of how long the list lags behind the API's own word of an order.
type measure struct {
	uuid string
	word time.Time // when the API told of it
	next time.Time // when the list is to be asked for next
	wait time.Duration
}

const (
	// promptWord is how soon a reply comes that is measured from. What is slower came who knows how long after what it tells:
	// it is measured from the call's begin, and after lateWord not at all.
	promptWord = time.Second
	lateWord   = 5 * time.Second

	measureFirst = 500 * time.Millisecond
	measureMost  = 30 * time.Second
	// measureInFull is how many orders a list may hold that is read in full to measure its lag; a longer one is asked for
	// what is still sent.
	measureInFull = 2000
)

// WordOf is when the API told of what it has taken, in a call that began at begun, for measuring by it how long its look-ups lag; zero where that would mislead.
func WordOf(begun time.Time) time.Time {
	now := time.Now()
	switch took := now.Sub(begun); {
	case took <= promptWord:
		return now
	case took <= lateWord:
		return begun
	}
	return time.Time{}
}

// Told notes an order that the API has just taken, and has the list's lag measured by it, from the API's word on; zero where that
// is not to be measured.
func (c *Reconciler) Told(uuid string, word time.Time) {
	c.evidence.told(uuid)
	now := time.Now()
	if word.IsZero() || !c.lags.Begin(now) {
		return
	}
	c.mu.Lock()
	c.measures = append(c.measures, measure{uuid: uuid, word: word, next: now, wait: measureFirst})
	c.mu.Unlock()
	c.nudge()
}

// Seen notes an order of ours whose status the API told: a list has to show it.
func (c *Reconciler) Seen(orderUUID string) {
	if c.owns(orderUUID) {
		c.evidence.told(orderUUID)
	}
}

// Recall notes an order of ours of which the API told so long ago, before this process.
func (c *Reconciler) Recall(orderUUID string, ago time.Duration) { c.evidence.recall(orderUUID, ago) }

// nextLook is when something is to be done that nobody asks for.
func (c *Reconciler) nextLook() time.Duration {
	next := time.Hour
	if c.measured != nil {
		next = max(time.Until(c.measured.next), 0)
	}
	if len(c.rest) > 0 {
		next = min(next, restPace)
	}
	if c.untried() != "" {
		next = min(next, max(time.Until(c.nextTry), 0))
	}
	return next
}

// measure goes on with the measurement that is under way, or begins the next.
func (c *Reconciler) measure(ctx context.Context) {
	if c.measured == nil {
		c.mu.Lock()
		if len(c.measures) > 0 {
			first := c.measures[0]
			c.measured, c.measures = &first, c.measures[1:]
		}
		c.mu.Unlock()
	}
	m := c.measured
	if m == nil || time.Now().Before(m.next) {
		return
	}
	listed := c.asks(ctx, m)
	switch {
	case c.measured == nil: // the list has shown it
		return
	case !listed, !c.rights.Searchable(), time.Since(m.word) > lookups.LagGivesUp:
		c.measured = nil
		c.lags.End()
		return
	}
	c.lags.Lacking(m.word)
	m.next = time.Now().Add(m.wait)
	m.wait = min(2*m.wait, measureMost)
}

// asks asks for the list once; false where it could not be read, which says nothing of its lag.
func (c *Reconciler) asks(ctx context.Context, m *measure) bool {
	if c.baseline == nil || len(c.baseline.hashes) <= measureInFull {
		l, _ := c.readList(ctx, nil)
		return l != nil
	}
	shown := false
	reply := c.api.OrderStatuses(ctx, "SENT", func(o api.OrderStatus) error {
		shown = shown || o.UUID == m.uuid
		return nil
	})
	if shown && reply.Outcome == api.OutcomeAccepted {
		c.measuredNow(ctx)
		return true
	}
	// An order that has ended is not among what is still sent, however long the list lags.
	status, own := c.api.PaymentStatus(ctx, m.uuid)
	return reply.Outcome == api.OutcomeAccepted && own.Outcome == api.OutcomeAccepted && status.State == api.PaymentPending
}

// measuredNow ends the measurement: the list has shown the order.
func (c *Reconciler) measuredNow(ctx context.Context) {
	c.lags.ListShowed(ctx, time.Since(c.measured.word))
	c.measured = nil
	c.lags.End()
	c.tryDetails(ctx)
}
