package agent

import (
	"context"
	"encoding/json"
	"time"

	"tillpost/monitor"
	"tillpost/mqtt/message"
)

// boardPace bounds how often the agent and the terminals are looked at for the pages.
const boardPace = 250 * time.Millisecond

// board tells the pages of what is not told as it happens: the agent and the terminals, once they differ from what was
// told last. Requests and displays go to events by themselves. While no page is open, nothing is looked at.
type board struct {
	events    *monitor.Events
	agent     func() agentView
	terminals func() []monitor.Terminal

	wake chan struct{}
}

// makeBoard makes what the pages follow, of an agent whose publisher stands.
func (a *Agent) makeBoard() {
	a.board = &board{agent: a.agentView, terminals: a.Terminals, wake: make(chan struct{}, 1)}
	a.board.events = monitor.NewEvents(a.board.touch)
	a.publish.events, a.publish.board = a.board.events, a.board
	a.reach = newConnections(func() time.Time { return a.clock.Now().Time() }, a.board.touch)
}

// touch has a look taken soon. It never blocks.
func (b *board) touch() {
	if b == nil {
		return
	}
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// run looks until ctx ends, only while something may have changed: an idle machine sleeps.
func (b *board) run(ctx context.Context) {
	toldAgent, told := "", map[string]string{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.wake:
		}
		if !b.events.Followed() { // who joins has a look taken
			continue
		}
		b.look(&toldAgent, told)
		if !sleep(ctx, boardPace) {
			return
		}
	}
}

func (b *board) look(toldAgent *string, told map[string]string) {
	v := b.agent()
	steady := v // without what changes all the time, which is no news
	steady.Now, steady.Clock.Skew, steady.Disk.Outbox, steady.Disk.Free = message.Timestamp{}, nil, 0, nil
	if key, err := json.Marshal(steady); err == nil && string(key) != *toldAgent {
		*toldAgent = string(key)
		if raw, err := json.Marshal(v); err == nil {
			b.events.Publish(monitor.EventAgent, "", raw)
		}
	}
	for _, t := range b.terminals() {
		if raw, err := json.Marshal(t.View); err == nil && string(raw) != told[t.UUID] {
			told[t.UUID] = string(raw)
			b.events.Publish(monitor.EventTerminal, "", raw)
		}
	}
}
