package lane

import (
	"context"
	"sync"
)

// questions are those to lanes that are not answered yet.
type questions struct {
	mu   sync.Mutex
	open map[*lane]question
}

type question struct {
	answered chan struct{}
	beats    uint64 // the lane's before it was asked
}

// Ask asks every lane that owes no answer whether it works.
func (ls *Lanes) Ask() {
	ls.asked.mu.Lock()
	defer ls.asked.mu.Unlock()
	ls.each(func(l *lane) {
		if _, asked := ls.asked.open[l]; asked {
			return
		}
		q := question{make(chan struct{}), l.beats.Load()}
		ls.asked.open[l] = q
		l.do(func() { close(q.answered) })
	})
}

// Hung returns, when ctx ends or all have answered, the terminals whose lanes have done nothing since they were asked.
func (ls *Lanes) Hung(ctx context.Context) (terminals []string) {
	ls.asked.mu.Lock()
	defer ls.asked.mu.Unlock()
	for l, q := range ls.asked.open {
		select {
		case <-q.answered:
		case <-ctx.Done():
		}
		select {
		case <-q.answered: // in time, whatever ctx says
			delete(ls.asked.open, l)
			continue
		default:
		}
		// What it was asked may stand behind a write that is tried again and again: it lives as long as it tries.
		if now := l.beats.Load(); now != q.beats {
			ls.asked.open[l] = question{q.answered, now}
		} else {
			terminals = append(terminals, l.terminal)
		}
	}
	return terminals
}
