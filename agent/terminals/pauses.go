package terminals

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"tillpost/agent/blob"
	"tillpost/mqtt/message"
	"tillpost/outbox"
)

// pausedBlob is the name under which the pauses are kept.
const pausedBlob = "paused"

// Pauses knows which terminals a person has paused. A lane starts nothing from its queue then; what is at the terminal, and
// what is cancelled, expires or is settled, goes on. It may be used by several goroutines at once.
type Pauses struct {
	store outbox.Store

	changing sync.Mutex // held from the reading of what stands to its replacement
	mu       sync.Mutex
	states   map[string]PauseState // by terminal
}

// PauseState is what a person last had a terminal do, who that was, and when: to pause, or to go on.
type PauseState struct {
	message.Paused
	Resumed bool `json:"resumed,omitempty"`
}

// NewPauses begins with what a former process kept. To start what a person has stopped is worse than not to start, so what
// can't be read is an error.
func NewPauses(store outbox.Store) (*Pauses, error) {
	states, err := blob.Read[map[string]PauseState](store, pausedBlob)
	if err != nil {
		return nil, fmt.Errorf("which terminals are paused can't be read from the outbox: %w", err)
	}
	return &Pauses{store: store, states: states}, nil
}

// Of returns who has paused a terminal and since when, nil if nobody has.
func (p *Pauses) Of(terminal string) *message.Paused {
	p.mu.Lock()
	defer p.mu.Unlock()
	state, said := p.states[terminal]
	if !said || state.Resumed {
		return nil
	}
	return &state.Paused
}

// Set has a terminal pause or go on, and returns once that is on disk. Where it does so already, the state of before stands.
func (p *Pauses) Set(ctx context.Context, terminal string, state PauseState) error {
	p.changing.Lock()
	defer p.changing.Unlock()
	if paused := p.Of(terminal) != nil; paused == !state.Resumed {
		return nil
	}
	p.mu.Lock()
	states := map[string]PauseState{}
	maps.Copy(states, p.states)
	p.mu.Unlock()
	states[terminal] = state
	if err := blob.Write(ctx, p.store, pausedBlob, states); err != nil {
		return err
	}
	p.mu.Lock()
	p.states = states
	p.mu.Unlock()
	return nil
}
