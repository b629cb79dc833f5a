package reconcile

import (
	"slices"
	"time"

	"tillpost/agent/health"
	"tillpost/outbox"
)

const (
	// watchedFor is how long an unresolved request is looked for.
	watchedFor = 24 * time.Hour
	// soughtFor is longer than the longest pause between two searches for the marks of one request.
	soughtFor = 11 * time.Minute
)

// Sought notes that an old submission of a request is looked for again and again: a list that is taken as a baseline
// meanwhile would have every order of the API looked into for it.
func (c *Reconciler) Sought(r outbox.Request) {
	if r.Kind == outbox.KindOrder && r.NeedsSearch() && r.State.Final() {
		c.soughtUntil.Store(time.Now().Add(soughtFor).UnixNano())
	}
}

// Idle reports whether nothing is on its way, in doubt, or looked for after a doubt, at any terminal: then a list may be taken
// for a baseline.
func (c *Reconciler) Idle() bool {
	if time.Now().UnixNano() < c.soughtUntil.Load() {
		return false
	}
	for _, p := range c.problems.List() {
		if p.Code == health.ProblemUnresolved && time.Since(p.Since) < watchedFor {
			return false
		}
	}
	return !slices.ContainsFunc(c.store.Lanes(), func(at outbox.Lane) bool {
		return slices.ContainsFunc(at.Holders, func(seq uint64) bool {
			r, err := c.store.Get(seq)
			return err != nil || r.State == outbox.StateSending || r.State == outbox.StateInDoubt
		})
	})
}
