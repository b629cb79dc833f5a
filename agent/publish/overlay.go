package publish

import (
	"math"

	"tillpost/mqtt/message"
	"tillpost/outbox"
)

// overlay is why a request waits, where that is not on disk, and its position in the queue. There may be one for each of
// 100,000 requests.
type overlay struct {
	revision uint64
	waiting  *outbox.Waiting
	position int32
	behind   bool
}

func overlayOf(r outbox.Request, at Position, waiting *outbox.Waiting) overlay {
	return overlay{revision: r.Revision, waiting: waiting, position: int32(min(at.Number, math.MaxInt32)), behind: at.Behind}
}

func (o overlay) queuePosition() Position { return Position{int(o.position), o.behind} }

// Changed publishes a durable change. It is called in commit order and does not block.
func (p *Publisher) Changed(r outbox.Request, at Position) {
	list := p.retained(r, StatusOf(r, at, nil))
	defer p.wake.Set()
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.State.Final() || at.Number == 0 {
		delete(p.overlays, r.Seq)
	} else {
		p.overlays[r.Seq] = overlayOf(r, at, nil)
	}
	p.endings.note(r)
	for _, m := range list {
		delete(p.clearings, m.Topic) // its status is retained again
	}
	p.enqueueStatusLocked(list)
	p.o.Pages.Touch()
}

// notePosition notes the position of what a former process left, unless it is known.
func (p *Publisher) notePosition(r outbox.Request, at Position) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.overlays[r.Seq]; !known {
		p.overlays[r.Seq] = overlayOf(r, at, nil)
	}
}

// Waits publishes why a request waits, or that it moved up, without a durable change. With a nil waiting the reason stands.
func (p *Publisher) Waits(r outbox.Request, at Position, waiting *outbox.Waiting) {
	defer p.wake.Set()
	p.mu.Lock()
	defer p.mu.Unlock()
	old, stands := p.overlays[r.Seq]
	if waiting == nil && stands && old.revision == r.Revision {
		waiting = old.waiting
	}
	if stands && old.revision == r.Revision && old.queuePosition() == at && sameWaiting(old.waiting, waiting) {
		return
	}
	if waiting != nil && stands && old.waiting != nil && old.waiting != waiting && old.waiting.Code == waiting.Code {
		same := *waiting // the old one may just be read
		same.Since = old.waiting.Since
		waiting = &same
	}
	p.overlays[r.Seq] = overlayOf(r, at, waiting)
	p.enqueueStatusLocked(p.retained(r, StatusOf(r, at, waiting)))
}

// WaitsNoMore takes back what Waits published last of a request, if its waiting code was code.
func (p *Publisher) WaitsNoMore(r outbox.Request, at Position, code string) {
	defer p.wake.Set()
	p.mu.Lock()
	defer p.mu.Unlock()
	if o := p.overlays[r.Seq]; o.revision != r.Revision || o.waiting == nil || o.waiting.Code != code {
		return
	}
	p.overlays[r.Seq] = overlayOf(r, at, nil)
	p.enqueueStatusLocked(p.retained(r, StatusOf(r, at, nil)))
}

func sameWaiting(a, b *outbox.Waiting) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Code == b.Code && a.Attempts == b.Attempts && a.Next == b.Next
}

// Current returns a request's status with what the lane knows of its waiting.
func (p *Publisher) Current(r outbox.Request) message.Status {
	p.mu.Lock()
	o := p.overlays[r.Seq]
	p.mu.Unlock()
	return o.status(r)
}

// status is a request's with this overlay, of which only the position counts where it is of another revision.
func (o overlay) status(r outbox.Request) message.Status {
	if o.revision != r.Revision {
		o.waiting = nil
	}
	return StatusOf(r, o.queuePosition(), o.waiting)
}

// WaitingOf returns why a request waits: what its lane knows, else what is stored; nil if it does not wait.
func (p *Publisher) WaitingOf(r outbox.Request) *outbox.Waiting {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o := p.overlays[r.Seq]; o.revision == r.Revision && o.waiting != nil {
		return o.waiting
	}
	return r.Waiting
}
