package bolt

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"tillpost/outbox"

	"go.etcd.io/bbolt"
)

const (
	// maxBatch bounds how many calls share a commit, and with it the memory of a transaction.
	maxBatch = 512
	// A lingerPart of what the last commit took is how long one waits for callers who would else wait for all of it, and no
	// longer than lingerMost; lingerLeast is the least that is worth a timer. For what was announced it waits lingerMore times that.
	lingerPart  = 40
	lingerMost  = time.Millisecond
	lingerLeast = lingerMost / 10
	lingerMore  = 8
)

// op is one caller's part of a commit. run may be called again after a failed commit, and must leave its results as if
// that had been the first time. It returns an error only before its first write.
type op struct {
	run func(t *txn) error
	// grows says that it takes new work on: refused while the reserve is in use.
	grows bool
	done  chan error
}

// submit has the committer run an op. ctx bounds the wait to be taken; then its result is waited for, to be acted on.
func (s *Store) submit(ctx context.Context, grows bool, run func(t *txn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o := &op{run: run, grows: grows, done: make(chan error, 1)}
	select {
	case <-s.closing:
		return outbox.ErrClosed
	default:
	}
	select {
	case s.ops <- o:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closing:
		return outbox.ErrClosed
	}
	select {
	case err := <-o.done:
		return err
	case <-s.stopped:
		select {
		case err := <-o.done:
			return err
		default:
			return outbox.ErrClosed
		}
	}
}

// committer is the one goroutine that writes.
func (s *Store) committer() {
	defer close(s.stopped)
	for {
		select {
		case <-s.closing:
			return
		case o := <-s.ops:
			batch := s.drain([]*op{o})
			s.lastBatch = len(batch)
			s.atWork <- struct{}{}
			s.run(batch)
			<-s.atWork
		}
	}
}

// drain takes what waits, and what callers of the last commit bring at once: else every other commit would be of one. On a slow
// disk it waits for more.
func (s *Store) drain(batch []*op) []*op {
	if d := time.Duration(s.linger.Load()); d > 0 {
		return s.lingered(batch, d)
	}
	for turn := 0; ; turn++ {
		for more := true; more && len(batch) < maxBatch; {
			select {
			case o := <-s.ops:
				batch = append(batch, o)
			default:
				more = false
			}
		}
		if len(batch) >= min(s.lastBatch, maxBatch) || turn == 3 {
			return batch
		}
		runtime.Gosched()
	}
}

// lingered takes what comes within a time, or a multiple of it as long as new requests are announced.
func (s *Store) lingered(batch []*op, d time.Duration) []*op {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for extended := false; len(batch) < maxBatch; {
		select {
		case o := <-s.ops:
			batch = append(batch, o)
			if extended && !s.announced.Load() {
				return batch
			}
		case <-timer.C:
			if extended || !s.announced.Load() {
				return batch
			}
			extended = true
			timer.Reset((lingerMore - 1) * d)
		}
	}
	return batch
}

// run commits a batch and answers its callers.
func (s *Store) run(batch []*op) {
	if err := s.revive(); err != nil {
		answer(batch, err)
		return
	}
	errs := make([]error, len(batch))
	t, txid, err := s.transact(batch, errs)
	if err != nil {
		if txid != 0 {
			s.uncommitted = uncommitted{txid, t.changes}
		}
		s.failed(batch, txid, err)
		return
	}
	if t != nil {
		s.committed(t)
		s.tell(t.changes)
	}
	for i, o := range batch {
		o.done <- errs[i]
	}
	if t != nil {
		s.tellLater(t.changes)
	}
}

// uncommitted is what a commit changed that came back with an error, until it is clear whether it is on the disk.
type uncommitted struct {
	txid    int
	changes []outbox.Change
}

func (s *Store) tell(changes []outbox.Change) {
	if s.o.Committed != nil && len(changes) > 0 {
		s.o.Committed(changes)
	}
}

func (s *Store) tellLater(changes []outbox.Change) {
	if s.o.Answered != nil && len(changes) > 0 {
		s.o.Answered(changes)
	}
}

func answer(batch []*op, err error) {
	for _, o := range batch {
		o.done <- err
	}
}

// transact runs a batch in one transaction. It returns nil if nothing had to be written, and the transaction with its id
// and an error of the commit itself, 0 where it did not come that far.
func (s *Store) transact(batch []*op, errs []error) (*txn, int, error) {
	tx, err := s.db.Begin(true)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = tx.Rollback() }() // no more than an error once it is committed
	t, err := newTxn(s, tx, s.indexes.Load())
	if err != nil {
		return nil, 0, err
	}
	for i, o := range batch {
		errs[i] = o.run(t)
		if t.broken != nil {
			return nil, 0, t.broken
		}
	}
	if !t.dirty {
		return nil, 0, nil
	}
	if err := t.settle(false); err != nil {
		return nil, 0, err
	}
	if err := stamp(tx); err != nil {
		return nil, 0, err
	}
	id, start := tx.ID(), time.Now()
	if err := s.o.commit(tx); err != nil {
		return t, id, err
	}
	s.commits.Add(1)
	took := time.Since(start)
	s.linger.Store(0)
	if d := min(took/lingerPart, lingerMost); d >= lingerLeast {
		s.linger.Store(int64(d))
	}
	if s.o.OnCommit != nil {
		s.o.OnCommit(took)
	}
	return t, id, nil
}

// failed deals with a commit that came back with an error. That is not "not committed": if the last sync failed, the
// new root may be in the file all the same. So nothing is acknowledged, and the file is read again.
func (s *Store) failed(batch []*op, txid int, cause error) {
	now, err := s.reopen()
	if err != nil {
		answer(batch, fmt.Errorf("%w: %w", outbox.ErrFailed, errors.Join(cause, err)))
		return
	}
	switch {
	case txid != 0 && now == txid:
		// It is in the file as we see it, which need not be what is on the disk. Once it is, it is passed on as any other; the
		// callers look for themselves all the same.
		s.suspect = true
		answer(batch, fmt.Errorf("%w: %w", outbox.ErrUncertain, errors.Join(cause, s.revive())))
	case isFull(cause):
		s.uncommitted = uncommitted{}
		s.full(batch, cause)
	default:
		s.uncommitted = uncommitted{}
		answer(batch, fmt.Errorf("%w: %w", outbox.ErrUncertain, cause))
	}
}

// full gives up the reserve, and runs again what does not take on new work.
func (s *Store) full(batch []*op, cause error) {
	released := s.ballast.release()
	var again []*op
	for _, o := range batch {
		if o.grows || !released {
			o.done <- fmt.Errorf("%w: %w", outbox.ErrFull, cause)
			continue
		}
		again = append(again, o)
	}
	if len(again) > 0 {
		s.run(again)
	}
}

// revive opens the file again after a failure, and makes sure that what is read is on the disk.
func (s *Store) revive() error {
	if s.db == nil {
		now, err := s.reopen()
		if err != nil {
			return fmt.Errorf("%w: %w", outbox.ErrFailed, err)
		}
		if s.uncommitted.txid != 0 && !s.suspect {
			if s.suspect = now == s.uncommitted.txid; !s.suspect {
				s.uncommitted = uncommitted{}
			}
		}
	}
	if !s.suspect {
		return nil
	}
	if err := s.rewrite(); err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.db != nil {
			_ = s.db.Close()
		}
		s.db, s.down = nil, fmt.Errorf("%w: %w", outbox.ErrFailed, err)
		return s.down
	}
	s.suspect = false
	late := s.uncommitted.changes
	s.uncommitted = uncommitted{}
	s.tell(late)
	s.tellLater(late)
	return nil
}

// reopen closes the file, opens it again and reads what is kept in memory from it. It returns the id of the last transaction in it.
func (s *Store) reopen() (txid int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db != nil {
		_ = s.db.Close() // what it could tell is told by opening it again
		s.db = nil
	}
	db, err := openBolt(s.path, false)
	if err != nil {
		s.down = fmt.Errorf("%w: %w", outbox.ErrFailed, err)
		return 0, err
	}
	err = db.View(func(tx *bbolt.Tx) error {
		txid = tx.ID()
		return s.load(tx)
	})
	if err != nil {
		_ = db.Close()
		s.down = fmt.Errorf("%w: %w", outbox.ErrFailed, err)
		return 0, err
	}
	s.db, s.down = db, nil
	return txid, nil
}

// load makes the lanes in the file, and what the indexes have in memory of it, the present ones.
func (s *Store) load(tx *bbolt.Tx) error {
	t, err := newTxn(s, tx, nil)
	if err != nil {
		return err
	}
	lanes, open, err := t.rebuildLanes()
	if err != nil {
		return err
	}
	s.lanes.replace(lanes, open)
	s.recent.clear()
	s.indexes.Store(&indexes{t.ids.table, t.orders.table, t.unindexed})
	return nil
}

// rewrite copies the database into a new file and syncs that. After a failed sync the old one's pages may be in the
// page cache only, marked as written, and no further sync of it would show that.
func (s *Store) rewrite() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	tmp := s.path + suffixCompact
	if err := writeCopy(s.db, tmp); err != nil {
		return err
	}
	return s.changeTo(tmp)
}
