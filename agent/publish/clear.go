package publish

import (
	"tillpost/mqtt"
	"tillpost/outbox"
)

// clearing empties a retained status. It is kept until the broker has acknowledged it, over lost connections too: nothing
// else would ever be published on that topic, unless the request changes once more.
type clearing struct {
	message queued
	sent    bool // and not acknowledged yet
}

// Pruned clears the status of a request whose record is gone, unless that was done already.
func (p *Publisher) Pruned(r outbox.Request) {
	written := p.o.Store.Stats().Written
	defer p.wake.Set()
	p.mu.Lock()
	defer p.mu.Unlock()
	_, stays := p.endings.ended[r.Seq]
	delete(p.endings.ended, r.Seq)
	p.endings.settle(r.Seq, written)
	if stays || !p.endings.read {
		p.startClearing(r)
	}
}

// startClearing has a retained status emptied, after what is queued. The caller holds mu.
func (p *Publisher) startClearing(r outbox.Request) {
	for _, terminal := range r.Terminals() {
		m := queued{Message: mqtt.Message{Topic: p.o.Topics.Status(terminal, r.ID), Retained: true}, of: statusKey{terminal, r.Seq}}
		m.number = p.index.number(m.of)
		p.clearings[m.Topic] = clearing{message: m}
	}
}

// publishClearings sends the clearings that are not on their way yet; with again, all of them.
func (p *Publisher) publishClearings(w *window, again bool) {
	p.mu.Lock()
	var due []queued
	for topic, c := range p.clearings {
		if p.connected && (again || !c.sent) {
			due = append(due, c.message)
			c.sent = true
			p.clearings[topic] = c
		}
	}
	p.mu.Unlock()
	if len(due) > 0 { // first: who finds no status finds how far they were cleared
		p.publishSummary(w, SummaryAgent)
	}
	for _, m := range due {
		p.send(w, m)
	}
}

// confirmClearings waits until the clearings that are on their way are with the broker, and forgets them.
func (p *Publisher) confirmClearings(w *window) {
	p.mu.Lock()
	var sent []string
	for topic, c := range p.clearings {
		if c.sent {
			sent = append(sent, topic)
		}
	}
	p.mu.Unlock()
	if len(sent) == 0 {
		return
	}
	if w.lost || w.drain() != nil {
		w.lost = true
		return
	}
	p.mu.Lock()
	for _, topic := range sent {
		delete(p.clearings, topic)
	}
	p.mu.Unlock()
}
