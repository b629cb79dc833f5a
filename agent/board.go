package agent

import (
	"context"
	"encoding/json"
	"time"

	"tillpost/internal/notify"
	"tillpost/monitor"
	"tillpost/mqtt/message"
)

// boardPace bounds how often the agent and the terminals are compared for the pages.
const boardPace = 250 * time.Millisecond

// board publishes to the pages what is not published as it happens: the agent and the terminals, once they differ from what was
// published last. Requests and displays go to events by themselves. While no page is open, nothing is looked at.
type board struct {
	*monitor.Events
	wake notify.Signal
}

func newBoard() *board {
	b := &board{wake: notify.NewSignal()}
	b.Events = monitor.NewEvents(b.Touch)
	return b
}

// Touch has the agent and the terminals compared soon. It never blocks.
func (b *board) Touch() { b.wake.Set() }

// run compares until ctx ends, only while something may have changed: an idle machine sleeps.
func (b *board) run(ctx context.Context, agent func() agentView, terminals func() []monitor.Terminal) {
	publishedAgent, published := "", map[string]string{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.wake:
		}
		if !b.Followed() { // Touch is called when one joins
			continue
		}
		b.look(agent(), terminals(), &publishedAgent, published)
		if !sleep(ctx, boardPace) {
			return
		}
	}
}

func (b *board) look(v agentView, terminals []monitor.Terminal, publishedAgent *string, published map[string]string) {
	steady := v // without what changes all the time, which is no news
	steady.Now, steady.Clock.Skew, steady.Disk.Outbox, steady.Disk.Free = message.Timestamp{}, nil, 0, nil
	if key, err := json.Marshal(steady); err == nil && string(key) != *publishedAgent {
		*publishedAgent = string(key)
		if raw, err := json.Marshal(v); err == nil {
			b.Publish(monitor.EventAgent, "", raw)
		}
	}
	for _, t := range terminals {
		if raw, err := json.Marshal(t.View); err == nil && string(raw) != published[t.UUID] {
			published[t.UUID] = string(raw)
			b.Publish(monitor.EventTerminal, "", raw)
		}
	}
}
