package publish

import (
	"context"
	"maps"
	"slices"
	"time"

	"tillpost/agent/blob"
	"tillpost/agent/clock"
	"tillpost/mqtt/message"
	"tillpost/outbox"
)

// endings knows which requests have ended and still have a retained status, and until when. The publisher's mu guards it.
type endings struct {
	clock     clock.Clock
	retention time.Duration

	ended map[uint64]ending // by sequence
	// read: the outbox was read for what had ended before this process began.
	read bool
	// through bounds what was cleared, by sequence and by commit.
	through message.SettledThrough
	// cleared is a moment, in Unix milliseconds: what is known to have ended by then was cleared, by this process or a
	// former one. due is the same once what is being cleared is known to be.
	cleared, due int64
	// changed: the bounds differ from what is on disk; lowered: cleared went back, which is to be written soon.
	changed, lowered bool
}

// ending is when a request came to be as it is now. needsPerson: its status stays for however long.
type ending struct {
	at          outbox.Instant
	needsPerson bool
}

func newEndings(clock clock.Clock, retention time.Duration) *endings {
	return &endings{clock: clock, retention: retention, ended: map[uint64]ending{}}
}

// endingsBlob is where the bounds of what was cleared are kept on disk.
const endingsBlob = "statuses"

type storedEndings struct {
	Through message.SettledThrough `json:"through"`
	Cleared int64                  `json:"cleared"`
}

// note takes up a durable change.
func (e *endings) note(r outbox.Request) {
	if !r.State.Final() {
		delete(e.ended, r.Seq)
		return
	}
	e.ended[r.Seq] = ending{at: r.LastChange(), needsPerson: needsPerson(r)}
}

// needsPerson reports whether a request ended so that a person has to see to it: its status stays until they did.
func needsPerson(r outbox.Request) bool { return r.State == outbox.StateUnresolved || r.Alarmed }

// retentionOver reports whether a status has been there for long enough.
func (e *endings) retentionOver(x ending, now outbox.Instant) bool {
	age, ok := now.Since(x.at)
	return ok && !x.needsPerson && age >= e.retention
}

// stays reports whether the status of a request is one that is retained.
func (e *endings) stays(r outbox.Request) bool {
	if !r.State.Final() {
		return true
	}
	x, known := e.ended[r.Seq]
	if !known && !e.read {
		x, known = ending{at: r.LastChange(), needsPerson: needsPerson(r)}, true
	}
	return known && !e.retentionOver(x, e.clock.Now())
}

// takeFormer takes up a request that had ended before this process began, and reports whether its status stays and is to be
// published again, or is gone and to be cleared. What note has taken of it meanwhile counts more.
func (e *endings) takeFormer(r outbox.Request, now outbox.Instant, written uint64) (stay, gone bool) {
	if x, known := e.ended[r.Seq]; known {
		return !e.retentionOver(x, now), false
	}
	at := r.LastChange()
	x := ending{at: at, needsPerson: needsPerson(r)}
	if _, ok := now.Since(x.at); !ok {
		x.at = now // nobody knows how long ago that was
	}
	if !e.retentionOver(x, now) {
		e.ended[r.Seq] = x
		if at.Known && at.Wall <= e.cleared { // as when the retention was shorter
			e.cleared, e.changed, e.lowered = at.Wall-1, true, true
		}
		return true, false
	}
	e.settle(r.Seq, written)
	return false, !at.Known || at.Wall > e.cleared
}

// settle notes that a status is cleared, in an outbox that was written so many times.
func (e *endings) settle(seq, written uint64) {
	if joined := e.through.Join(message.SettledThrough{Accepted: seq, Commits: written}); joined != e.through {
		e.through, e.changed = joined, true
	}
}

// eachEnded calls visit with what has ended and stays, until it returns false. The first time it looks through the whole outbox
// for that, and starts clearing what a former process left and whose retention was over while none ran.
func (p *Publisher) eachEnded(w *window, visit func(outbox.Request) bool) error {
	p.mu.Lock()
	read, seqs := p.endings.read, slices.Collect(maps.Keys(p.endings.ended))
	p.mu.Unlock()
	if !read {
		return p.readEnded(w, visit)
	}
	slices.Sort(seqs)
	slices.Reverse(seqs) // what ended last is what tills ask for
	for batch := range slices.Chunk(seqs, republishBatch) {
		records, err := p.o.Store.Records(batch)
		if err != nil {
			return err
		}
		for _, r := range records {
			if r.State.Final() && !visit(r) {
				return nil
			}
		}
	}
	return nil
}

func (p *Publisher) readEnded(w *window, visit func(outbox.Request) bool) error {
	now, written, there := p.endings.clock.Now(), p.o.Store.Stats().Written, true
	err := p.o.Store.Before(0, func(r outbox.Request) bool {
		if !r.State.Final() {
			return true
		}
		p.mu.Lock()
		stay, gone := p.endings.takeFormer(r, now, written)
		if gone && p.index == nil { // the embedded broker keeps nothing over a start
			p.startClearing(r)
		}
		p.mu.Unlock()
		if stay && there {
			there = visit(r)
		}
		return w.ctx.Err() == nil
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil && w.ctx.Err() == nil {
		p.endings.read = true
		p.endings.dueBy(now)
	}
	return err
}

// dueBy notes that what is over now is being cleared, if it was not already.
func (e *endings) dueBy(now outbox.Instant) {
	if now.Known && e.read {
		e.due = max(e.due, now.Wall-e.retention.Milliseconds())
	}
}

// clearDue begins to clear what is over by now, at most clearBatch; more reports whether there are others.
func (p *Publisher) clearDue() (more bool, err error) {
	now := p.endings.clock.Now()
	p.mu.Lock()
	over := map[uint64]ending{}
	for seq, x := range p.endings.ended {
		if p.endings.retentionOver(x, now) && len(over) < clearBatch {
			over[seq] = x
		}
	}
	p.mu.Unlock()
	more = len(over) == clearBatch
	if len(over) > 0 {
		err = p.clearOver(over)
	}
	if err == nil && !more {
		p.mu.Lock()
		p.endings.dueBy(now)
		p.mu.Unlock()
	}
	return more, err
}

// clearBatch bounds what is cleared at once.
const clearBatch = 512

func (p *Publisher) clearOver(over map[uint64]ending) error {
	var records []outbox.Request
	for batch := range slices.Chunk(slices.Sorted(maps.Keys(over)), republishBatch) {
		read, err := p.o.Store.Records(batch)
		if err != nil {
			return err
		}
		records = append(records, read...)
	}
	written := p.o.Store.Stats().Written
	defer p.wake.Set()
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.endings
	for _, r := range records {
		if e.ended[r.Seq] == over[r.Seq] && r.State.Final() { // else it has changed meanwhile
			p.startClearing(r)
			e.settle(r.Seq, written)
		}
	}
	for seq, x := range over {
		if e.ended[seq] == x { // cleared now, or not there any more, or open again
			delete(e.ended, seq)
		}
	}
	return nil
}

// SettledThrough returns how far the statuses go that were cleared, for the agent's own message.
func (p *Publisher) SettledThrough() message.SettledThrough {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.endings.through
}

// RaiseSettledThrough raises the bounds to those that a former process has published, where they are higher.
func (p *Publisher) RaiseSettledThrough(s message.SettledThrough) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endings.settle(s.Accepted, s.Commits)
}

// unsavedEndings returns the bounds as they are stored; changed is false if they are on disk already.
func (p *Publisher) unsavedEndings() (bounds storedEndings, changed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.endings
	if len(p.clearings) == 0 {
		e.cleared = max(e.cleared, e.due)
	}
	changed = e.changed
	if changed {
		e.changed, e.lowered = false, false
	}
	return storedEndings{Through: e.through, Cleared: e.cleared}, changed
}

// endingsLowered reports whether what is on disk claims more than is true.
func (p *Publisher) endingsLowered() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.endings.lowered
}

// loadEndings takes up the bounds that a former process stored, before anybody else has the publisher.
func (p *Publisher) loadEndings() error {
	stored, err := blob.Read[storedEndings](p.o.Store, endingsBlob)
	if err != nil {
		return err
	}
	p.endings.through, p.endings.cleared = stored.Through, stored.Cleared
	return nil
}

const (
	// clearEvery bounds how much later than its time a status is cleared.
	clearEvery = 10 * time.Second
	// saveEndingsEvery is how often the bounds of what was cleared are written to disk; saveEndingsGrace is how long that may
	// take the last time.
	saveEndingsEvery = time.Hour
	saveEndingsGrace = time.Second
)

// ClearStatuses clears the retained statuses of what ended longer ago than mqtt.status_retention, until ctx ends. It writes to
// disk how far that goes, once an hour and at the end.
func (p *Publisher) ClearStatuses(ctx context.Context) {
	look, keep := time.Tick(clearEvery), time.Tick(saveEndingsEvery)
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveEndingsGrace)
			p.saveEndings(last)
			cancel()
			return
		case <-keep:
			p.saveEndings(ctx)
		case <-look:
			if p.endingsLowered() {
				p.saveEndings(ctx)
			}
			p.clearAllDue(ctx)
		}
	}
}

// clearAllDue clears what is over by now.
func (p *Publisher) clearAllDue(ctx context.Context) {
	for more := true; more && ctx.Err() == nil; {
		var err error
		if more, err = p.clearDue(); err != nil {
			p.o.Log.Error("requests that have ended could not be read to clear their statuses", "err", err)
			return
		}
	}
}

// saveEndings writes the bounds of what was cleared to disk. What is not written is found anew at the next start.
func (p *Publisher) saveEndings(ctx context.Context) {
	if bounds, changed := p.unsavedEndings(); changed {
		if err := blob.Write(ctx, p.o.Store, endingsBlob, bounds); err != nil && ctx.Err() == nil {
			p.o.Log.Warn("how far the retained statuses are cleared could not be kept on disk", "err", err)
		}
	}
}
