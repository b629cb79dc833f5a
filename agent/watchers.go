package agent

import (
	"slices"
	"sync"
)

// watchers are those who want to be called after every change of something. The zero value has none. It may be used by
// several goroutines at once.
type watchers struct {
	mu   sync.Mutex
	list []func()
}

func (w *watchers) add(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, f)
}

// call calls them all, without a lock held.
func (w *watchers) call() {
	w.mu.Lock()
	list := slices.Clone(w.list)
	w.mu.Unlock()
	for _, f := range list {
		f()
	}
}
