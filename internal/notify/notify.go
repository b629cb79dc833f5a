// Package notify calls those who want to know of a change.
package notify

import (
	"slices"
	"sync"
)

// List is those who want to be called after every change of something. The zero value has none. It may be used by
// several goroutines at once.
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

// Call calls them all, without a lock held.
func (l *List) Call() {
	l.mu.Lock()
	list := slices.Clone(l.list)
	l.mu.Unlock()
	for _, f := range list {
		f()
	}
}
