package publish

import (
	"errors"
	"slices"
	"sync"
	"time"

	"tillpost/mqtt"
	"tillpost/outbox"
)

const (
	// statusBatch is how many statuses are read and delivered to a new reader at once.
	statusBatch = 64
	// statusPause is the longest wait before a status that is just changing, or could not be read, is read again.
	statusPause = 100 * time.Millisecond
	// statusTries bounds those tries: some five seconds.
	statusTries = 56
)

// retainedStatuses reads the retained statuses of the embedded broker from the outbox.
type retainedStatuses struct {
	p *Publisher
	// reading lets one new reader at a time read, so that the other processors are left to the orders.
	reading sync.Mutex
}

var _ mqtt.Statuses = (*retainedStatuses)(nil)

// Statuses returns what the embedded broker reads retained statuses from.
func (p *Publisher) Statuses() mqtt.Statuses { return &retainedStatuses{p: p} }

// Terminals implements mqtt.Statuses.
func (k *retainedStatuses) Terminals() []string {
	k.p.mu.Lock()
	defer k.p.mu.Unlock()
	return k.p.index.terminals()
}

// Replay implements mqtt.Statuses. A status whose record is newer than what was published, or of which something newer waits to
// be, is read again once that was published: nobody sees one go back, and what the reader gets is what was published. What
// cannot be read is tried as often; after that the reader gets its next change.
func (k *retainedStatuses) Replay(terminal, requestID string, sink mqtt.Sink) {
	left, err := k.find(terminal, requestID)
	size, pause := statusBatch, time.Millisecond
	for try := 1; ; try++ {
		again, there, readErr := k.pass(terminal, left, size, try == statusTries, sink)
		if err == nil {
			left = again
		}
		switch {
		case !there, err == nil && len(left) == 0:
			return
		case try == statusTries:
			if err = errors.Join(err, readErr); err != nil {
				k.p.o.Log.Error("statuses could not be read for a new reader", "terminal", terminal, "err", err)
			}
			return
		}
		time.Sleep(pause)
		pause = min(2*pause, statusPause)
		size = 1 // one that can't be read hides no other
		if err != nil {
			left, err = k.find(terminal, requestID)
		}
	}
}

// pass delivers what stands of some statuses, and returns those to read again. there is false if the reader is gone.
func (k *retainedStatuses) pass(terminal string, seqs []uint64, size int, last bool, sink mqtt.Sink) (again []uint64, there bool, err error) {
	for batch := range slices.Chunk(seqs, size) {
		read, unread, readErr := k.read(terminal, batch)
		if again = append(again, unread...); readErr != nil {
			err = readErr
		}
		if !sink(func(send func(mqtt.Message)) { again = append(again, k.deliver(read, last, send)...) }) {
			return nil, false, err
		}
	}
	return again, sink(func(func(mqtt.Message)) {}), err
}

// find returns the sequences of a terminal's statuses, or that of one request.
func (k *retainedStatuses) find(terminal, requestID string) ([]uint64, error) {
	if requestID == "" {
		k.p.mu.Lock()
		defer k.p.mu.Unlock()
		return k.p.index.statuses(terminal), nil
	}
	r, err := k.p.o.Store.Lookup(requestID)
	switch {
	case errors.Is(err, outbox.ErrNotFound), errors.Is(err, outbox.ErrPruned), err == nil && !r.PublishedFor(terminal):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return []uint64{r.Seq}, nil
}

// readStatus is a status as its record gives it, and its standing before that was read. One that is cached has no message yet.
type readStatus struct {
	queued
	before standing
}

// read makes messages of the records of statuses that are not cached. What was pruned is left out; unread is what could not be
// read.
func (k *retainedStatuses) read(terminal string, seqs []uint64) (read []readStatus, unread []uint64, err error) {
	k.reading.Lock()
	defer k.reading.Unlock()
	absent := make([]uint64, 0, len(seqs))
	before := make(map[uint64]standing, len(seqs))
	k.p.mu.Lock()
	for _, seq := range seqs {
		of := statusKey{terminal, seq}
		if _, cached := k.p.index.recent[of]; cached {
			read = append(read, readStatus{queued: queued{of: of}})
			continue
		}
		absent, before[seq] = append(absent, seq), k.p.standingOf(of)
	}
	k.p.mu.Unlock()
	if len(absent) == 0 {
		return read, nil, nil
	}
	records, err := k.p.o.Store.Records(absent)
	if err != nil {
		return read, absent, err
	}
	for _, r := range records {
		for _, m := range k.p.retained(r, before[r.Seq].overlay.status(r)) {
			if m.of.terminal == terminal {
				read = append(read, readStatus{m, before[r.Seq]})
			}
		}
	}
	return read, nil, nil
}

// deliver calls send with what was published last, while nothing else is published. It returns what has to be read again; with
// last, what the record says is delivered all the same, unless something newer waits to be published.
func (k *retainedStatuses) deliver(read []readStatus, last bool, send func(mqtt.Message)) (again []uint64) {
	stand := read[:0]
	k.p.mu.Lock()
	for _, r := range read {
		cached, ok := k.p.index.recent[r.of]
		switch now := k.p.standingOf(r.of); {
		case now.revision == 0: // cleared, or not published yet
		case now.current && ok:
			r.Message = cached
			stand = append(stand, r)
		case now.current && now == r.before && now.revision == r.revision, last && now.current && now.revision <= r.revision:
			stand = append(stand, r)
		default:
			again = append(again, r.of.seq)
		}
	}
	k.p.mu.Unlock()
	for _, r := range stand {
		send(r.Message)
	}
	return again
}
