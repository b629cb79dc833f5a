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

// progress is the probe of Agent.Progress that was not answered yet.
type progress struct {
	mu sync.Mutex
	// commit is closed when the committer has answered the probe under way; nil while none is.
	commit chan struct{}
}

// Progress returns nil as soon as the outbox's committer has answered and each lane has done something since it was
// asked. Otherwise it returns, when ctx ends, an error that names what hangs. A disk that fails or is full is no lack of
// progress: that is a problem of its own, and no restart cures it. One call runs at a time; while Run works.
func (a *Agent) Progress(ctx context.Context) error {
	a.progress.mu.Lock()
	defer a.progress.mu.Unlock()
	var hung []string
	a.lanes.Ask()
	select { // what was answered in time counts, whatever ctx says
	case <-a.probeCommit():
		a.progress.commit = nil
	case <-ctx.Done():
		select {
		case <-a.progress.commit:
			a.progress.commit = nil
		default:
			hung = append(hung, "the outbox does not commit")
		}
	}
	for _, terminal := range a.lanes.Hung(ctx) {
		hung = append(hung, fmt.Sprintf("the lane of %s does nothing", terminal))
	}
	if len(hung) == 0 {
		return nil
	}
	slices.Sort(hung)
	return errors.New(strings.Join(hung, ", "))
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

// started calls Options.Started.
func (a *Agent) started() {
	if a.opts.Started != nil {
		a.opts.Started()
	}
}
