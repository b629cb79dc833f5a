package reconcile

import (
	"slices"
	"time"

	"tillpost/agent/health"
	"tillpost/outbox"
)

const (
	// watchedFor is how long the order of an unresolved request is looked for.
	watchedFor = 24 * time.Hour
	// searchPauseMost is longer than the longest pause between two searches for the marks of one request.
	searchPauseMost = 11 * time.Minute
)

// NoteSearched notes that an old submission of a request is searched for again and again: after a list that is made the baseline
// meanwhile, every order of the API would be looked into for it.
func (c *Reconciler) NoteSearched(r outbox.Request) {
	if r.Kind == outbox.KindOrder && r.NeedsSearch() && r.State.Final() {
		c.searchedUntil.Store(time.Now().Add(searchPauseMost).UnixNano())
	}
}

// Idle reports whether nothing is on its way, in doubt, or searched for after a doubt, at any terminal: then a list may be made
// the baseline.
func (c *Reconciler) Idle() bool {
	if time.Now().UnixNano() < c.searchedUntil.Load() {
		return false
	}
	for _, p := range c.o.Problems.List() {
		if p.Code == health.ProblemUnresolved && time.Since(p.Since) < watchedFor {
			return false
		}
	}
	return !slices.ContainsFunc(c.o.Store.Lanes(), func(at outbox.Lane) bool {
		return slices.ContainsFunc(at.Holders, func(seq uint64) bool {
			r, err := c.o.Store.Get(seq)
			return err != nil || r.State == outbox.StateSending || r.State == outbox.StateInDoubt
		})
	})
}
