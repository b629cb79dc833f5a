package reconcile

import (
	"context"
)

// owns reports whether a request of ours holds an order.
func (c *Reconciler) owns(orderUUID string) bool {
	_, err := c.o.Store.ByOrder(orderUUID)
	return err == nil
}

// reportGained reports what a list shows beyond the baseline.
func (c *Reconciler) reportGained(ctx context.Context, l *listing) {
	if c.baseline == nil {
		return
	}
	var gained []string
	for _, one := range l.candidates {
		if !c.baseline.hasHash(one.hash) {
			gained = append(gained, one.uuid)
		}
	}
	if len(gained) > 0 {
		c.reports.Gained(ctx, gained)
	}
}

// setBaseline replaces the baseline.
func (c *Reconciler) setBaseline(b *baseline) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.baseline = b
}

// GainedSince reports whether an order is not in the baseline, so that the list has gained it since; false while there is none.
func (c *Reconciler) GainedSince(orderUUID string) bool {
	c.mu.Lock()
	b := c.baseline
	c.mu.Unlock()
	return b != nil && !b.hasHash(hashUUID(orderUUID))
}
