package reconcile

import (
	"context"
	"time"

	"tillpost/agent/health"
	"tillpost/agent/lookups"
	"tillpost/api"
)

// measurement is one measurement of how long the list takes to show an order that the API has accepted.
type measurement struct {
	uuid string
	from time.Time // when the API answered that it accepted it
	next time.Time // when the list is to be asked for next
	wait time.Duration
	late bool // the list has not been asked yet, and is asked late: where it shows the order, that says nothing of its lag
}

const (
	// promptReply is how soon a reply comes that is measured from. A slower one came who knows how long after what it
	// reports: it is measured from the call's begin, and after lateReply not at all.
	promptReply = time.Second
	lateReply   = 5 * time.Second

	measureFirst = 500 * time.Millisecond
	measureMost  = 30 * time.Second
	// measureInFull is how many orders a list may hold that is read in full to measure its lag; a longer one is asked for
	// what is still sent.
	measureInFull = 2000
)

// MeasureFrom returns from when to measure how long the look-ups lag behind a call that began at begun and was answered just now;
// zero where that would mislead.
func MeasureFrom(begun time.Time) time.Time {
	now := time.Now()
	switch took := now.Sub(begun); {
	case took <= promptReply:
		return now
	case took <= lateReply:
		return begun
	}
	return time.Time{}
}

// NoteAccepted notes an order that the API has just accepted, and has the list's lag measured by it, from what MeasureFrom
// returned; zero: it is not measured.
func (c *Reconciler) NoteAccepted(uuid string, from time.Time) {
	now := time.Now()
	c.sample.add(uuid, now)
	if from.IsZero() || !c.o.Lags.BeginMeasurement(now) {
		return
	}
	m := &measurement{uuid: uuid, from: from, next: now, wait: measureFirst}
	if c.o.Lags.ListMeasured() && c.o.Health.FailedSince(now.Add(-health.CalmAfter)) {
		m.next, m.late = now.Add(time.Duration(c.o.Rand()*float64(health.CalmAfter))), true
	}
	c.mu.Lock()
	c.begun = m
	c.mu.Unlock()
	c.wake.Set()
}

// NoteSeen notes an order whose status the API has returned: if it is ours, a list has to show it.
func (c *Reconciler) NoteSeen(orderUUID string) {
	if c.owns(orderUUID) {
		c.sample.add(orderUUID, time.Now())
	}
}

// NotePast notes an order of ours for which the API answered so long ago, before this process; a negative ago is ignored.
func (c *Reconciler) NotePast(orderUUID string, ago time.Duration) {
	if ago >= 0 {
		c.sample.add(orderUUID, time.Now().Add(-ago))
	}
}

// untilNextWork returns how long it is until something is to be done that nobody asks for.
func (c *Reconciler) untilNextWork() time.Duration {
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
	if c.last != nil {
		next = min(next, listLasts)
	}
	return next
}

// measure goes on with the measurement that is under way, or begins the next.
func (c *Reconciler) measure(ctx context.Context) {
	if c.measured == nil {
		c.mu.Lock()
		c.measured, c.begun = c.begun, nil
		c.mu.Unlock()
	}
	m := c.measured
	if m == nil || time.Now().Before(m.next) {
		return
	}
	listed := c.listOnce(ctx, m)
	switch {
	case c.measured == nil: // the list has shown it
		return
	case !listed, !c.o.Rights.Searchable(), time.Since(m.from) > lookups.LagGivesUp:
		c.measured = nil
		c.o.Lags.EndMeasurement()
		return
	}
	c.o.Lags.NoteMissing(m.from)
	m.late = false
	m.next = time.Now().Add(m.wait)
	m.wait = min(2*m.wait, measureMost)
}

// listOnce asks for the list once, and reports whether it could be read; where not, that says nothing of its lag.
func (c *Reconciler) listOnce(ctx context.Context, m *measurement) bool {
	if b := c.baseline.Load(); b == nil || len(b.hashes) <= measureInFull {
		l, _ := c.readList(ctx, nil)
		return l != nil
	}
	shown := false
	reply := c.o.API.OrderStatuses(ctx, "SENT", func(o api.OrderStatus) error {
		shown = shown || o.UUID == m.uuid
		return nil
	})
	if shown && reply.Outcome == api.OutcomeAccepted {
		c.finishMeasurement(ctx)
		return true
	}
	// An order that has ended is not among what is still sent, however long the list lags.
	status, own := c.o.API.PaymentStatus(ctx, m.uuid)
	return reply.Outcome == api.OutcomeAccepted && own.Outcome == api.OutcomeAccepted && status.State == api.PaymentPending
}

// finishMeasurement ends the measurement under way: the list has shown the order.
func (c *Reconciler) finishMeasurement(ctx context.Context) {
	if !c.measured.late {
		c.o.Lags.ListShowed(ctx, time.Since(c.measured.from))
	}
	c.measured = nil
	c.o.Lags.EndMeasurement()
	c.tryDetails(ctx)
}
