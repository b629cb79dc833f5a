package publish

import (
	"errors"

	"tillpost/outbox"
)

// Again tells the present status of a request whose till asked for it by publishing it once more. r is the record as
// the till's message found it; by the time of telling there may be a newer one.
func (p *Publisher) Again(r outbox.Request) {
	r.Body = nil
	p.enqueue(queued{again: &r})
}

// tellAgain reads the record when it is its turn, and notes the revision told in retold: what was to be told before it and
// is older comes too late, in this round and in the next.
func (p *Publisher) tellAgain(w *window, r outbox.Request, retold map[string]uint64) {
	now, err := p.store.Lookup(r.ID)
	switch {
	case err == nil:
		r = now
	case !errors.Is(err, outbox.ErrPruned): // of a pruned one nothing is to stay with the broker, nor of what ended long ago
		p.log.Error("a request could not be read to be told again", "request", r.ID, "err", err)
		return
	}
	for _, m := range p.retained(r, p.Current(r)) {
		p.mu.Lock()
		if err != nil || !p.endings.stays(r) {
			m.Retained, m.of = false, statusKey{}
		}
		p.retold[m.Topic] = max(p.retold[m.Topic], r.Revision)
		p.mu.Unlock()
		p.hand(w, m)
		retold[m.Topic] = max(retold[m.Topic], r.Revision)
	}
}

// tellQueue publishes what waits, but for statuses that are older than what retold says was told.
func (p *Publisher) tellQueue(w *window, queue []queued, retold map[string]uint64) {
	if retold == nil {
		retold = map[string]uint64{}
	}
	for _, m := range queue {
		switch {
		case m.again != nil:
			p.tellAgain(w, *m.again, retold)
		case m.revision == 0 || m.revision >= retold[m.Topic]:
			p.hand(w, m)
		default:
			p.mu.Lock()
			p.kept.leaveOut(m)
			p.mu.Unlock()
		}
	}
}

func asksAgain(m queued) bool { return m.again != nil }
