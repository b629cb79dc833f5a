package api

import (
	"container/list"
	"sync"
	"time"
)

// pendingCalls holds when the calls that wait for a reply began, the oldest first. It is safe for concurrent use.
type pendingCalls struct {
	mu    sync.Mutex
	since list.List // of time.Time
}

// add adds a call; answered, which may be called more than once, removes it.
func (p *pendingCalls) add() (begun time.Time, answered func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	begun = time.Now()
	call := p.since.PushBack(begun)
	return begun, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.since.Remove(call)
	}
}

func (p *pendingCalls) oldest() (begun time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if call := p.since.Front(); call != nil {
		begun, _ = call.Value.(time.Time)
	}
	return begun
}
