package mqtttest

import (
	"sync"

	"tillpost/mqtt"
)

// queue holds what a watcher has not read yet, without a bound: a client that waits for a slow reader would miss its
// keepalive, and a test that loses a message waits for it in vain.
type queue struct {
	mu      sync.Mutex
	waiting []mqtt.Message
	wake    chan struct{}
	closed  chan struct{}
	once    sync.Once
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1), closed: make(chan struct{})} }

func (q *queue) add(m mqtt.Message) {
	q.mu.Lock()
	q.waiting = append(q.waiting, m)
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *queue) close() { q.once.Do(func() { close(q.closed) }) }

// pump sends what was added to a channel, in order, until the queue is closed.
func (q *queue) pump(to chan<- mqtt.Message) {
	for {
		q.mu.Lock()
		ready := q.waiting
		q.waiting = nil
		q.mu.Unlock()
		for _, m := range ready {
			select {
			case to <- m:
			case <-q.closed:
				return
			}
		}
		if len(ready) > 0 {
			continue
		}
		select {
		case <-q.wake:
		case <-q.closed:
			return
		}
	}
}
