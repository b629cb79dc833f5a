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

// pausedBlob is where it is kept on disk what people last had terminals do: to pause, or to go on.
const pausedBlob = "paused"

// Pauses knows which terminals a person has paused. A lane starts nothing from its queue then; what is at the terminal, and
// what is cancelled, expires or is settled, goes on.
type Pauses struct {
	store outbox.Store

	changing sync.Mutex // held from the reading of what stands to its replacement
	mu       sync.Mutex
	states   map[string]PauseState // by terminal
}

// PauseState is what a person said last of a terminal.
type PauseState struct {
	message.Paused
	Resumed bool `json:"resumed,omitempty"`
}

// NewPauses begins with what a former process kept. To start what a person has stopped is worse than not to start, so what
// can't be read is an error.
func NewPauses(store outbox.Store) (*Pauses, error) {
	words, err := blob.Read[map[string]PauseState](store, pausedBlob)
	if err != nil {
		return nil, fmt.Errorf("which terminals are paused can't be read from the outbox: %w", err)
	}
	return &Pauses{store: store, states: words}, nil
}

// Of tells who has paused a terminal, nil if nobody has.
func (p *Pauses) Of(terminal string) *message.Paused {
	p.mu.Lock()
	defer p.mu.Unlock()
	word, said := p.states[terminal]
	if !said || word.Resumed {
		return nil
	}
	return &word.Paused
}

// Set has a terminal pause or go on, and returns once that is on disk. Where it does so already the word of before stands.
func (p *Pauses) Set(ctx context.Context, terminal string, word PauseState) error {
	p.changing.Lock()
	defer p.changing.Unlock()
	if paused := p.Of(terminal) != nil; paused == !word.Resumed {
		return nil
	}
	p.mu.Lock()
	words := maps.Clone(p.states)
	p.mu.Unlock()
	if words == nil {
		words = map[string]PauseState{}
	}
	words[terminal] = word
	if err := blob.Write(ctx, p.store, pausedBlob, words); err != nil {
		return err
	}
	p.mu.Lock()
	p.states = words
	p.mu.Unlock()
	return nil
}
