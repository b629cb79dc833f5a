package reconcile

import (
	"context"
	"slices"
	"time"
)

const (
	// surveyMost and surveyPatience bound what is examined at a start before sending begins; restMost what is examined after
	// that, one each restPace.
	surveyMost     = 20
	surveyPatience = 10 * time.Second
	restMost       = 500
	restPace       = 2 * time.Second
)

// survey looks, at a start, for orders that bear a mark of this outbox which it does not know: then it is an older copy
// than the one that made them. Nothing that can't be read holds the start up; it is read as soon as it can be. survey returns
// in how long the baseline is to be renewed.
func (c *Reconciler) survey(ctx context.Context) time.Duration {
	defer c.reports.Surveyed()
	if c.o.Store.Recovery().Created {
		return 0 // no order can bear a mark of an outbox that was made just now
	}
	c.unsurveyed = true
	within, cancel := context.WithTimeout(ctx, surveyPatience)
	defer cancel()
	l, _ := c.readList(within, nil)
	if l == nil {
		return askAgainSoon
	}
	c.surveyList(within, l)
	return c.renewAfter(l)
}

// renewAfter makes a list the baseline, unless some of what it shows has yet to be examined, and returns when to do so next.
func (c *Reconciler) renewAfter(l *listing) time.Duration {
	switch {
	case len(c.rest) > 0:
		return time.Minute
	case c.Idle():
		c.keepAsBaseline(l)
	}
	return baselineEvery
}

// surveyList examines the first candidates of a list, and leaves the others for later.
func (c *Reconciler) surveyList(ctx context.Context, l *listing) {
	if !c.unsurveyed {
		return
	}
	c.unsurveyed = false
	list := c.sorted(slices.Clone(l.candidates))
	k := &inspection{unread: map[uint64]bool{}}
	for _, one := range list[:min(len(list), surveyMost)] {
		if ctx.Err() != nil {
			break
		}
		c.findOrphans(ctx, l, one, k)
	}
	for _, one := range list {
		if _, known := c.examined[one.hash]; !known && len(c.rest) < restMost {
			c.rest = append(c.rest, one)
		}
	}
}

// findOrphans examines one order, and reports its marks as those of an orphan.
func (c *Reconciler) findOrphans(ctx context.Context, l *listing, one candidate, k *inspection) {
	c.examine(ctx, l, one, k)
	for _, mark := range c.examined[one.hash].marks {
		c.matched(mark, one, nil)
	}
}

// examineRest examines one of the orders that the survey left.
func (c *Reconciler) examineRest(ctx context.Context) {
	if len(c.rest) == 0 {
		return
	}
	one := c.rest[0]
	c.rest = c.rest[1:]
	if !c.owns(one.uuid) {
		c.findOrphans(ctx, &listing{}, one, &inspection{unread: map[uint64]bool{}})
	}
}
