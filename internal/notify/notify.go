// Package notify calls functions after a change, and wakes goroutines.
package notify

import (
	"slices"
	"sync"
)

// List is the functions to be called after every change of something. The zero value is empty. It may be used by several
// goroutines at once.
type List struct {
	mu   sync.Mutex
	list []func()
}

// Add has f called from now on.
func (l *List) Add(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, f)
}

// Call calls all of them, in the order in which they were added, without a lock held.
func (l *List) Call() {
	l.mu.Lock()
	list := slices.Clone(l.list)
	l.mu.Unlock()
	for _, f := range list {
		f()
	}
}

// Signal wakes the one goroutine that receives from it, once however often it is set meanwhile.
type Signal chan struct{}

// NewSignal returns a signal that is not set.
func NewSignal() Signal { return make(Signal, 1) }

// Set wakes the receiver, now or when it next waits. It never blocks.
func (s Signal) Set() {
	select {
	case s <- struct{}{}:
	default:
	}
}
