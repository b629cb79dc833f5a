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
func (w *List) Add(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, f)
}

// Call calls them all, without a lock held.
func (w *List) Call() {
	w.mu.Lock()
	list := slices.Clone(w.list)
	w.mu.Unlock()
	for _, f := range list {
		f()
	}
}
