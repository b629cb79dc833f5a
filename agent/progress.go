package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// probeBlob is the name of a value that never exists: to remove it goes through the committer, and writes nothing.
const probeBlob = "progress"

// progress is what Agent.Progress has asked and not heard of yet.
type progress struct {
	mu sync.Mutex
	// commit is closed when the committer has answered the probe under way; nil while none is.
	commit chan struct{}
	// lanes are the questions under way.
	lanes map[*lane]question
}

// question is one to a lane.
type question struct {
	answered chan struct{}
	beats    uint64 // the lane's before it was asked
}

// Progress returns nil as soon as the outbox's committer has answered and each lane has done something since it was
// asked. Otherwise it returns, when ctx ends, an error that names what hangs. A disk that fails or is full is no lack of
// progress: that is told as a problem, and no restart cures it. One call at a time; while Run works.
func (a *Agent) Progress(ctx context.Context) error {
	a.progress.mu.Lock()
	defer a.progress.mu.Unlock()
	var hung []string
	a.askLanes()
	if !answeredWithin(ctx, a.probeCommit()) {
		hung = append(hung, "the outbox does not commit")
	} else {
		a.progress.commit = nil
	}
	for l, q := range a.progress.lanes {
		// What it was asked may stand behind a write that is tried again and again: it lives as long as it tries.
		if answeredWithin(ctx, q.answered) {
			delete(a.progress.lanes, l)
		} else if now := l.beats.Load(); now != q.beats {
			a.progress.lanes[l] = question{q.answered, now}
		} else {
			hung = append(hung, fmt.Sprintf("the lane of %s does nothing", l.terminal))
		}
	}
	if len(hung) == 0 {
		return nil
	}
	slices.Sort(hung)
	return errors.New(strings.Join(hung, ", "))
}

// answeredWithin reports whether a question is answered before ctx ends. One that was answered in time counts, whatever ctx says.
func answeredWithin(ctx context.Context, answered <-chan struct{}) bool {
	select {
	case <-answered:
		return true
	default:
	}
	select {
	case <-answered:
		return true
	case <-ctx.Done():
		return false
	}
}

func (a *Agent) probeCommit() <-chan struct{} {
	if a.progress.commit == nil {
		answered := make(chan struct{})
		a.progress.commit = answered
		go func() {
			defer close(answered)
			// An error is an answer too.
			_ = a.store.PutBlob(context.Background(), probeBlob, nil)
		}()
	}
	return a.progress.commit
}

func (a *Agent) askLanes() {
	if a.progress.lanes == nil {
		a.progress.lanes = map[*lane]question{}
	}
	a.lanes.each(func(l *lane) {
		if _, asked := a.progress.lanes[l]; asked {
			return
		}
		q := question{make(chan struct{}), l.beats.Load()}
		a.progress.lanes[l] = q
		l.do(func() { close(q.answered) })
	})
}

// started tells who wants to know that the lanes run.
func (a *Agent) started() {
	if a.opts.Started != nil {
		a.opts.Started()
	}
}
