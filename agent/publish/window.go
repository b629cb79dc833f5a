package publish

import (
	"context"

	"tillpost/mqtt"
)

// publishWindow is how many messages may be on their way to the broker at once.
const publishWindow = 64

// window keeps at most publishWindow messages on their way, and notices when one got lost with its connection.
type window struct {
	ctx    context.Context
	bus    mqtt.Bus
	tokens []mqtt.Token
	lost   bool
}

// publish publishes a message, once there is room for it; nothing after one was lost.
func (w *window) publish(m mqtt.Message) {
	if w.lost {
		return
	}
	if len(w.tokens) >= publishWindow {
		if w.tokens[0].Wait(w.ctx) != nil {
			w.lost, w.tokens = true, nil
			return
		}
		w.tokens = w.tokens[1:]
	}
	w.tokens = append(w.tokens, w.bus.Publish(m))
}

// startOver forgets what is on its way, where everything is about to be published again.
func (w *window) startOver() { w.tokens, w.lost = nil, false }

// drain waits until the broker has acknowledged everything published; an error says that something got lost.
func (w *window) drain() error {
	tokens := w.tokens
	w.tokens = nil
	for _, t := range tokens {
		if err := t.Wait(w.ctx); err != nil {
			return err
		}
	}
	return nil
}
