package bolt

import (
	"cmp"
	"sync"
	"sync/atomic"
	"time"

	"tillpost/outbox"

	"go.etcd.io/bbolt"
)

// Options are what a Store needs beyond its path. The zero value is usable.
type Options struct {
	// Policy is filled into every event.
	Policy outbox.Policy
	// Now returns the time for what a restore changes; nil takes the wall clock, as not known to be right.
	Now func() outbox.Instant
	// Committed is called with what a commit changed, in the order of the commits, after the fsync and before the
	// callers of that commit get their answers. It is called for a commit that returned an error too, as soon as it is
	// clear that it is on the disk all the same; its callers get ErrUncertain or ErrFailed nevertheless. It runs on the
	// committing goroutine: it must not block, and must not call the store's writing methods.
	Committed func([]outbox.Change)
	// Answered is called with the same before the next commit, once those callers have their answers; after a commit that returned
	// an error, right after Committed. It is for what nobody waits for.
	Answered func([]outbox.Change)
	// OnCommit is called with the time that each successful commit took to be on disk.
	OnCommit func(d time.Duration)
	// BallastSize is what is kept in reserve for a full disk, in bytes. 0 takes 4 MiB; less than 0 keeps none.
	BallastSize int64

	// commit replaces (*bbolt.Tx).Commit in tests of its failures.
	commit func(*bbolt.Tx) error
	// newest replaces newestMost in tests of what moves; 0 does not.
	newest int
	// fallocate replaces the reservation of the ballast in tests of a full disk.
	fallocate func(path string, size int64) error
}

// Store is an outbox.Store in a bbolt file. All methods may be called from several goroutines at once. Writes of several
// callers share a commit: one goroutine puts what is queued into one transaction and answers after the fsync.
type Store struct {
	path string
	o    Options
	lock *fileLock

	// mu guards db against being replaced while it is read.
	mu   sync.RWMutex
	db   *bbolt.DB
	down error // why db is nil
	// suspect says that the file's last commit may be in the page cache only; uncommitted is what that commit changed.
	suspect     bool
	uncommitted uncommitted

	lanes     laneTable
	indexes   atomic.Pointer[indexes]
	recent    recentRecords
	ballast   *ballast
	snapshots sync.Mutex

	identity outbox.Identity // its RolledBack and Copied are guarded by mu
	recovery outbox.Recovery

	ops       chan *op
	closing   chan struct{}
	stopped   chan struct{}
	closeOnce sync.Once
	closeErr  error
	lastBatch int
	linger    atomic.Int64  // how long a commit waits for more callers, 0 on a quick disk
	announced atomic.Bool   // an Accept is about to come
	atWork    chan struct{} // holds one while a batch is committed
	commits   atomic.Int64
}

// Close waits for the commit under way and releases the file. Calls whose turn had not come, and later ones, return
// ErrClosed. It may be called more than once.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		close(s.closing)
		<-s.stopped
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.db != nil {
			s.layDown()
			s.closeErr = s.db.Close()
			s.db = nil
		}
		s.down = outbox.ErrClosed
		s.closeErr = cmp.Or(s.closeErr, s.lock.release())
	})
	return s.closeErr
}

// view runs fn in a short read transaction. fn must not call the store.
func (s *Store) view(fn func(t *txn) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.db == nil {
		return s.down
	}
	inMemory := s.indexes.Load() // before the transaction begins: what moves to its bucket meanwhile is in here
	return s.db.View(func(tx *bbolt.Tx) error {
		t, err := newTxn(s, tx, inMemory)
		if err != nil {
			return err
		}
		return fn(t)
	})
}

// read is view for what fn returns.
func read[T any](s *Store, fn func(t *txn) (T, error)) (value T, err error) {
	err = s.view(func(t *txn) (err error) {
		value, err = fn(t)
		return err
	})
	return value, err
}

// Room is outbox.Store's: the reserve stands, or there was room to take it back. It may write.
func (s *Store) Room() bool { return s.ballast.ready() }

// Announce is outbox.Store's.
func (s *Store) Announce(comes bool) {
	s.announced.Store(comes)
	if comes && s.linger.Load() > 0 {
		s.atWork <- struct{}{}
		<-s.atWork
	}
}

// Path returns where the database is.
func (s *Store) Path() string { return s.path }

// Recovery is outbox.Store's.
func (s *Store) Recovery() outbox.Recovery { return s.recovery }

// Stats is outbox.Store's.
func (s *Store) Stats() outbox.Stats {
	st := outbox.Stats{Open: s.lanes.openCount(), Ballast: s.ballast.held(), DiskFree: freeBytes(s.path), Commits: s.commits.Load()}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.db != nil {
		st.FileSize = fileSize(s.path)
		_ = s.db.View(func(tx *bbolt.Tx) error { // an error is the file's, and other calls return it
			if requests := tx.Bucket(bucketRequests); requests != nil {
				st.Accepted, st.Written = requests.Sequence(), commitCount(tx)
			}
			return nil
		})
	}
	return st
}
