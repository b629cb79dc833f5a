package api

import (
	"sync"
	"time"
)

// pendingCalls holds the calls that wait for a reply. It is safe for concurrent use.
type pendingCalls struct {
	mu    sync.Mutex
	next  int
	since map[int]time.Time
}

// add adds a call; answered, which may be called more than once, removes it.
func (p *pendingCalls) add() (begun time.Time, answered func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.since == nil {
		p.since = map[int]time.Time{}
	}
	p.next++
	key := p.next
	begun = time.Now()
	p.since[key] = begun
	return begun, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.since, key)
	}
}

func (p *pendingCalls) oldest() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	var oldest time.Time
	for _, at := range p.since {
		if oldest.IsZero() || at.Before(oldest) {
			oldest = at
		}
	}
	return oldest
}
