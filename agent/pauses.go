package agent

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"tillpost/mqtt/message"
	"tillpost/outbox"
)

// pausedBlob is where it is kept on disk what people last had terminals do: to pause, or to go on.
const pausedBlob = "paused"

// pauses knows which terminals a person has paused. A lane starts nothing from its queue then; what is at the terminal, and
// what is cancelled, expires or is settled, goes on.
type pauses struct {
	store outbox.Store

	changing sync.Mutex // held from the reading of what stands to its replacement
	mu       sync.Mutex
	words    map[string]pauseWord // by terminal
}

// pauseWord is what a person said last of a terminal.
type pauseWord struct {
	message.Paused
	Resumed bool `json:"resumed,omitempty"`
}

// newPauses begins with what a former process kept. To start what a person has stopped is worse than not to start, so what
// can't be read is an error.
func newPauses(store outbox.Store) (*pauses, error) {
	words, err := recalled[map[string]pauseWord](store, pausedBlob)
	if err != nil {
		return nil, fmt.Errorf("which terminals are paused can't be read from the outbox: %w", err)
	}
	return &pauses{store: store, words: words}, nil
}

// of tells who has paused a terminal, nil if nobody has.
func (p *pauses) of(terminal string) *message.Paused {
	p.mu.Lock()
	defer p.mu.Unlock()
	word, said := p.words[terminal]
	if !said || word.Resumed {
		return nil
	}
	return &word.Paused
}

// say has a terminal pause or go on, and returns once that is on disk. Where it does so already the word of before stands.
func (p *pauses) say(ctx context.Context, terminal string, word pauseWord) error {
	p.changing.Lock()
	defer p.changing.Unlock()
	if paused := p.of(terminal) != nil; paused == !word.Resumed {
		return nil
	}
	p.mu.Lock()
	words := maps.Clone(p.words)
	p.mu.Unlock()
	if words == nil {
		words = map[string]pauseWord{}
	}
	words[terminal] = word
	if err := keep(ctx, p.store, pausedBlob, words); err != nil {
		return err
	}
	p.mu.Lock()
	p.words = words
	p.mu.Unlock()
	return nil
}
