package publish

import (
	"context"
	"time"
)

// answerFlushes wakes those who wait until everything is with the broker.
func (p *Publisher) answerFlushes(w *window) {
	p.mu.Lock()
	flushes := p.flushes
	p.flushes = nil
	p.mu.Unlock()
	if len(flushes) == 0 {
		return
	}
	if w.drain() != nil {
		w.lost = true
	}
	for _, done := range flushes {
		close(done)
	}
}

// Last publishes v as the last message of this process, retained, and waits until it and everything before is with the broker,
// or ctx ends.
func (p *Publisher) Last(ctx context.Context, topic string, v any) {
	p.enqueue(p.message(topic, true, v))
	done := make(chan struct{})
	p.mu.Lock()
	if !p.connected {
		p.mu.Unlock()
		return
	}
	p.flushes = append(p.flushes, done)
	clear(p.stale)
	p.mu.Unlock()
	p.wake.Set()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// Flush waits until everything that is queued is with the broker, but no longer than most.
func (p *Publisher) Flush(most time.Duration) {
	done := make(chan struct{})
	p.mu.Lock()
	p.flushes = append(p.flushes, done)
	p.mu.Unlock()
	p.wake.Set()
	select {
	case <-done:
	case <-time.After(most):
	}
}
