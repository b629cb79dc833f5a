package publish

import (
	"errors"

	"tillpost/outbox"
)

// Republish publishes the present status of a request whose till asked for it by publishing the request once more. r is the
// record as the till's message found it; by its turn in the queue there may be a newer one, which then counts.
func (p *Publisher) Republish(r outbox.Request) {
	r.Body = nil
	p.enqueue(queued{republish: &r})
}

// republish reads the record and publishes its status, and notes the revision in republished: what was queued before it and is
// older comes too late, in this round and in the next.
func (p *Publisher) republish(w *window, r outbox.Request, republished map[string]uint64) {
	now, err := p.o.Store.Lookup(r.ID)
	switch {
	case err == nil:
		r = now
	case !errors.Is(err, outbox.ErrPruned): // of a pruned one nothing is to stay with the broker, nor of what ended long ago
		p.o.Log.Error("a request could not be read to be told again", "request", r.ID, "err", err)
		return
	}
	for _, m := range p.retained(r, p.Current(r)) {
		p.mu.Lock()
		if err != nil || !p.endings.stays(r) {
			m.Retained, m.of = false, statusKey{}
		}
		p.republished[m.Topic] = max(p.republished[m.Topic], r.Revision)
		p.mu.Unlock()
		p.send(w, m)
		republished[m.Topic] = max(republished[m.Topic], r.Revision)
	}
}

// publishQueued publishes what waits, but for statuses that are older than republished says.
func (p *Publisher) publishQueued(w *window, queue []queued, republished map[string]uint64) {
	if republished == nil {
		republished = map[string]uint64{}
	}
	for _, m := range queue {
		switch {
		case m.republish != nil:
			p.republish(w, *m.republish, republished)
		case m.revision == 0 || m.revision >= republished[m.Topic]:
			p.send(w, m)
		default:
			p.mu.Lock()
			p.index.skip(m)
			p.mu.Unlock()
		}
	}
}

func isRepublish(m queued) bool { return m.republish != nil }
