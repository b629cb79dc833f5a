package soak

import (
	"maps"
	"strings"
	"sync"

	"tillpost/internal/shoptest"
)

// request is what a till asked for, and the statuses that it got.
type request struct {
	id, kind, segment, payload string
	terminal                   string
	amount                     int64  // øre
	target                     string // the request that a refund, a cancel or a resolution is about
	place                      int    // of an order among its terminal's

	// What follows changes, guarded by the mutex of books.
	acked   bool
	told    shoptest.Status
	states  map[string]bool
	staffed bool // a person decided on it
}

// books are what the tills know. All methods may be called at once.
type books struct {
	mu      sync.Mutex
	all     map[string]*request
	order   []*request
	rejects int
}

func newBooks() *books { return &books{all: map[string]*request{}} }

func (b *books) add(r *request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r.states = map[string]bool{}
	b.all[r.id] = r
	b.order = append(b.order, r)
}

func (b *books) acked(r *request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r.acked = true
}

// promised reports whether a till need not ask again.
func (b *books) promised(r *request, ackIsPromise bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return r.told.State != "" || ackIsPromise && r.acked
}

// heard records a message. Tills go by the revision: what is retained may come again.
func (b *books) heard(topic string, payload []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if strings.HasSuffix(topic, "/rejects") {
		b.rejects++
		return
	}
	s, ok := shoptest.ParseStatus(payload)
	if !ok {
		return // its record is pruned
	}
	r := b.all[s.RequestID]
	if r == nil || s.Revision < r.told.Revision {
		return
	}
	r.told = s
	r.states[s.State] = true
}

// now returns the last status of a request.
func (b *books) now(id string) shoptest.Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r := b.all[id]; r != nil {
		return r.told
	}
	return shoptest.Status{}
}

// staffed notes that a person decided on a request.
func (b *books) staffed(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all[id].staffed = true
}

// each returns copies of all requests, in the order in which tills made them.
func (b *books) each(f func(r request)) {
	b.mu.Lock()
	all := make([]request, len(b.order))
	for i, r := range b.order {
		all[i] = *r
		all[i].states = maps.Clone(r.states)
	}
	b.mu.Unlock()
	for _, r := range all {
		f(r)
	}
}

// open lists what is not over: unresolved is, where nobody looks after it.
func (b *books) open(attended bool) (ids []string) {
	b.each(func(r request) {
		if !r.told.Final || attended && r.told.State == "unresolved" {
			ids = append(ids, r.id+" ("+r.told.State+")")
		}
	})
	return ids
}
