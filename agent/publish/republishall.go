package publish

import (
	"maps"

	"tillpost/outbox"
)

// republishBatch is how many statuses are read and published before what was queued meanwhile is published between them.
const republishBatch = 64

// republishAll publishes all that is retained: the agent, the terminals, the displays, what is open, and of what has ended
// that which stays. Each record is read just before it is published. A status that waits in the queue is left to it, so that
// tills see each of its states, and none go back: publishWaiting publishes what was queued before, publishMeanwhile what comes
// since.
func (p *Publisher) republishAll(w *window, publishWaiting func()) {
	for _, s := range []Summary{SummaryAgent, SummaryTerminals} {
		m := p.composeSummary(s)
		p.lastSummary[s] = string(m.Payload)
		w.publish(m)
	}
	for _, d := range p.source.Displays() {
		p.send(w, p.message(p.o.Topics.Display(d.TerminalUUID), true, d))
	}
	publishWaiting()
	published := 0
	publish := func(r outbox.Request) bool {
		for _, m := range p.retained(r, p.Current(r)) {
			if !p.changedMeanwhile(m) {
				p.send(w, m)
			}
		}
		if published++; published%republishBatch == 0 {
			p.publishMeanwhile(w)
		}
		return !w.lost && w.ctx.Err() == nil
	}
	for _, at := range p.o.Store.Lanes() {
		n := 0
		err := p.o.Store.EachOpen(w.ctx, at.Terminal, func(r outbox.Request) bool {
			if r.InQueue() {
				n++
				p.notePosition(r, Position{n, n > 1 || p.o.Store.Lane(r.Terminal).Holder != 0})
			}
			return publish(r)
		})
		if err != nil {
			p.o.Log.Error("open requests could not be read to be told again", "terminal", at.Terminal, "err", err)
		}
	}
	if err := p.eachEnded(w, publish); err != nil {
		p.o.Log.Error("ended requests could not be read to be told again", "err", err)
	}
	p.publishMeanwhile(w)
	p.publishSummary(w, SummaryAgent) // reading what has ended may have raised how far the cleared statuses go
}

// publishMeanwhile publishes what was queued while everything is republished: orders don't wait for old statuses.
func (p *Publisher) publishMeanwhile(w *window) {
	p.mu.Lock()
	queue, republished := p.takeLocked(), maps.Clone(p.republished)
	p.mu.Unlock()
	p.publishQueued(w, queue, republished)
}

// changedMeanwhile reports whether a change of a status waits in the queue, that of this step or of the next. Where that queue
// overflowed, everything is republished once more.
func (p *Publisher) changedMeanwhile(m queued) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, changed := p.republished[m.Topic]
	return changed
}

// coveredByRepublishAll reports whether republishAll has published what a message says, as it is now.
func coveredByRepublishAll(m queued) bool { return m.Retained && m.revision == 0 }
