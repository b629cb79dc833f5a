package fence

import (
	"sync"

	"tillpost/outbox"
)

// atOpen remembers at which revision this outbox had a request when the process began, while the broker was not read yet. A copy
// that is older than what the broker retains may catch up by itself meanwhile, by what the API tells it.
type atOpen struct {
	mu        sync.Mutex
	revisions map[string]uint64 // by requestId, of what has changed since; nil when nothing is remembered
}

// remember begins with an empty map, and ends with nil.
func (a *atOpen) remember(revisions map[string]uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.revisions = revisions
}

// revision returns the one that a request had then; now is what it has.
func (a *atOpen) revision(id string, now uint64) uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	if then, changed := a.revisions[id]; changed {
		return then
	}
	return now
}

// Committed is called with every durable change.
func (f *Fence) Committed(c outbox.Change) {
	a := &f.atOpen
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, known := a.revisions[c.Request.ID]; a.revisions != nil && !known && c.Previous != 0 {
		a.revisions[c.Request.ID] = c.Request.Revision - 1
	}
}
