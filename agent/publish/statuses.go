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
	// statusBatch is how many statuses are read and handed to a new reader at once.
	statusBatch = 64
	// statusPause is the longest wait before a status that is just changing, or could not be read, is looked at again.
	statusPause = 100 * time.Millisecond
	// statusTries bounds those looks: some five seconds.
	statusTries = 56
)

// keptStatuses reads the retained statuses of the embedded broker from the outbox.
type keptStatuses struct {
	p *Publisher
	// reading leaves the other processors to the orders, however many readers are new at once.
	reading sync.Mutex
}

var _ mqtt.Statuses = (*keptStatuses)(nil)

// Statuses returns what the embedded broker reads retained statuses from.
func (p *Publisher) Statuses() mqtt.Statuses { return &keptStatuses{p: p} }

// Terminals implements broker.Statuses.
func (k *keptStatuses) Terminals() []string {
	k.p.mu.Lock()
	defer k.p.mu.Unlock()
	return k.p.kept.terminals()
}

// Replay implements broker.Statuses. A status whose record is newer than what was told, or of which something newer waits to
// be told, is looked at again once that was told: nobody sees one go back, and what is handed over is what was published.
// What cannot be read is tried as often; the reader is then told of its next change.
func (k *keptStatuses) Replay(terminal, requestID string, hand mqtt.Sink) {
	left, err := k.find(terminal, requestID)
	size, pause := statusBatch, time.Millisecond
	for try := 1; ; try++ {
		again, there, readErr := k.pass(terminal, left, size, try == statusTries, hand)
		if err == nil {
			left = again
		}
		switch {
		case !there, err == nil && len(left) == 0:
			return
		case try == statusTries:
			if err = errors.Join(err, readErr); err != nil {
				k.p.log.Error("statuses could not be read for a new reader", "terminal", terminal, "err", err)
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

// pass hands over what stands of some statuses, and lists those to look at again. there is false if the reader is gone.
func (k *keptStatuses) pass(terminal string, seqs []uint64, size int, last bool, hand mqtt.Sink) (again []uint64, there bool, err error) {
	for batch := range slices.Chunk(seqs, size) {
		read, unread, readErr := k.read(terminal, batch)
		if again = append(again, unread...); readErr != nil {
			err = readErr
		}
		if !hand(func(tell func(mqtt.Message)) { again = append(again, k.tell(read, last, tell)...) }) {
			return nil, false, err
		}
	}
	return again, hand(func(func(mqtt.Message)) {}), err
}

// find lists a terminal's statuses, or that of one request.
func (k *keptStatuses) find(terminal, requestID string) ([]uint64, error) {
	if requestID == "" {
		k.p.mu.Lock()
		defer k.p.mu.Unlock()
		return k.p.kept.statuses(terminal), nil
	}
	r, err := k.p.store.Lookup(requestID)
	switch {
	case errors.Is(err, outbox.ErrNotFound), errors.Is(err, outbox.ErrPruned), err == nil && !r.PublishedFor(terminal):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return []uint64{r.Seq}, nil
}

// readStatus is a status as its record gives it, and what was known of it before that was read. One that is held in memory
// has no message yet.
type readStatus struct {
	queued
	known known
}

// read makes messages of records, of those that are not held. What was pruned is left out; unread is what could not be
// read.
func (k *keptStatuses) read(terminal string, seqs []uint64) (read []readStatus, unread []uint64, err error) {
	k.reading.Lock()
	defer k.reading.Unlock()
	absent := make([]uint64, 0, len(seqs))
	before := make(map[uint64]known, len(seqs))
	k.p.mu.Lock()
	for _, seq := range seqs {
		of := statusKey{terminal, seq}
		if _, held := k.p.kept.recent[of]; held {
			read = append(read, readStatus{queued: queued{of: of}})
			continue
		}
		absent, before[seq] = append(absent, seq), k.p.known(of)
	}
	k.p.mu.Unlock()
	if len(absent) == 0 {
		return read, nil, nil
	}
	records, err := k.p.store.Records(absent)
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

// tell hands over what is what was told last, while nobody else is told anything. It lists what has to be looked at again;
// with last, what the record says is told all the same, unless something newer waits to be told to all.
func (k *keptStatuses) tell(read []readStatus, last bool, tell func(mqtt.Message)) (again []uint64) {
	stand := read[:0]
	k.p.mu.Lock()
	for _, r := range read {
		held, is := k.p.kept.recent[r.of]
		switch now := k.p.known(r.of); {
		case now.revision == 0: // cleared, or not told yet
		case now.stands && is:
			r.Message = held
			stand = append(stand, r)
		case now.stands && now == r.known && now.revision == r.revision, last && now.stands && now.revision <= r.revision:
			stand = append(stand, r)
		default:
			again = append(again, r.of.seq)
		}
	}
	k.p.mu.Unlock()
	for _, r := range stand {
		tell(r.Message)
	}
	return again
}
