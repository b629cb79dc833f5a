package bolt

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"tillpost/outbox"

	"go.etcd.io/bbolt"
)

const (
	ownLockWait = 500 * time.Millisecond
	lockRetry   = 20 * time.Millisecond
)

var errFolder = errors.New("it is a folder")

// Open opens the outbox at path, or makes a new one where there never was one. A file that is damaged is moved aside
// and the last snapshot takes its place, every open request of it in doubt; without a snapshot Open refuses, and so it
// does for a file that is gone. Recovery returns what was done.
//
// A child process checks the file first, if main called RunChecker: a damaged one can crash its reader.
// Errors are *OpenError, *DamagedError, or wrap ErrLocked, ErrMissing, ErrNewerFormat; they say what to do.
func Open(path string, o Options) (*Store, error) {
	if o.commit == nil {
		o.commit = (*bbolt.Tx).Commit
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, openError(path, errFolder)
	}
	lock, err := waitForLock(path + suffixLock)
	if err != nil {
		return nil, openError(path, err)
	}
	s := &Store{
		path: path, o: o, lock: lock, ballast: newBallast(path, o), down: outbox.ErrClosed,
		ops: make(chan *op, maxBatch), atWork: make(chan struct{}, 1), closing: make(chan struct{}), stopped: make(chan struct{}),
	}
	if err := s.open(); err != nil {
		if s.db != nil {
			_ = s.db.Close()
		}
		_ = lock.release()
		return nil, openError(path, err)
	}
	go s.committer()
	return s, nil
}

// waitForLock takes the lock. For a moment after a fork, a child process holds all that its parent has open, so a lock
// that was just released may still seem taken.
func waitForLock(path string) (*fileLock, error) {
	for waited := time.Duration(0); ; waited += lockRetry {
		lock, err := lockFile(path)
		if !errors.Is(err, ErrLocked) || waited >= ownLockWait {
			return lock, err
		}
		time.Sleep(lockRetry)
	}
}

// openError adds a hint for the operator to an error.
func openError(path string, err error) error {
	var damaged *DamagedError
	var open *OpenError
	if errors.As(err, &damaged) || errors.As(err, &open) {
		return err
	}
	hint := ""
	switch {
	case errors.Is(err, ErrLocked):
		hint = "stop the other tillpost, or give this one a path of its own"
	case errors.Is(err, errFolder):
		hint = "name a file in it, such as " + filepath.Join(path, "outbox.db")
	case errors.Is(err, ErrNewerFormat):
		hint = "install the version that wrote it, or a newer one"
	case errors.Is(err, errLastCommit):
		hint = "start tillpost on it first, which puts in doubt what may have been sent"
	case errors.Is(err, os.ErrPermission):
		hint = "the folder and the file must belong to the user that tillpost runs as"
	case errors.Is(err, syscall.EROFS):
		hint = "mount its disk writable; the kernel makes a failing card read-only, see its log"
	case errors.Is(err, os.ErrNotExist):
		hint = "create the folder, or mount the disk that holds it"
	case isFull(err):
		hint = "free some space on its disk"
	}
	return &OpenError{Path: path, Err: err, Hint: hint}
}

// open opens the file, in an order that Open can start again from after a crash at any point.
func (s *Store) open() error {
	mark, err := readMarker(s.path)
	if err != nil {
		return err
	}
	for _, left := range []string{suffixTemp, suffixCompact, suffixRestore, SuffixSnapshot + suffixTemp} {
		if err := remove(s.path + left); err != nil {
			return err
		}
	}
	fresh, err := s.examine(mark)
	if err != nil {
		return err
	}
	if fresh {
		if err := s.create(); err != nil {
			return err
		}
		s.recovery.Created = true
	}
	if s.db, err = openBolt(s.path, false); err != nil {
		return err
	}
	if err := s.ballast.withRoom(func() error { return s.startGeneration(mark) }); err != nil {
		return err
	}
	// Only now: in the copy nothing shows any more that this file is an older state of itself, or lost a root.
	if err := s.compact(); err != nil {
		return err
	}
	m := marker{Instance: s.identity.Instance, Generation: s.identity.Generation}
	err = s.ballast.withRoom(func() error { return writeMarker(s.path, m) })
	if err != nil && (mark == nil || !isFull(err)) { // on a full disk an older marker will do
		return err
	}
	if err := s.db.View(s.load); err != nil {
		return err
	}
	s.ballast.ready()
	s.down = nil
	return nil
}

// examine has what there is checked, and restores it where need be. fresh: there is no outbox yet.
func (s *Store) examine(mark *marker) (fresh bool, err error) {
	size := fileSize(s.path)
	snapshot := fileSize(s.path+SuffixSnapshot) > 0
	if size == 0 {
		if mark == nil && !snapshot {
			return true, nil
		}
		return false, s.restore(ErrMissing)
	}
	if s.recovery.RootLost, err = rootLost(s.path); err != nil {
		return false, err
	}
	err = checkFile(s.path)
	if damaged, ok := errors.AsType[*DamagedError](err); ok {
		return false, s.restore(damaged)
	}
	return false, err
}

// startGeneration starts a generation; in an older copy it puts in doubt what may have been sent.
func (s *Store) startGeneration(mark *marker) error {
	tx, err := s.db.Begin(true)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // no more than an error once it is committed
	t, err := newTxn(s, tx, nil)
	if err != nil {
		return err
	}
	st, err := t.state()
	if err != nil {
		return err
	}
	switch {
	case s.recovery.Restored: // all is in doubt already
	case outdated(mark, st, t.requests.Sequence() > 0), stale(tx, tx.ID()-1):
		s.recovery.InDoubt, err = t.rollBack(&st)
	case s.recovery.RootLost:
		s.recovery.InDoubt, err = t.doubtHeads()
	}
	if err != nil {
		return err
	}
	if mark != nil {
		st.Generation = max(st.Generation, mark.Generation)
	}
	st.Generation++
	s.identity = st.identity()
	if err := t.takeUp(st); err != nil {
		return err
	}
	return t.commit()
}

// outdated reports whether the marker was written for another copy of the outbox than this one.
func outdated(mark *marker, st fileState, used bool) bool {
	switch {
	case mark == nil:
		return used // brought here without its marker
	case mark.unreadable:
		return true
	}
	return mark.Instance != st.Instance || mark.Generation > st.Generation
}

// create makes a new, empty file in one piece: half a one would be taken for damage.
func (s *Store) create() error {
	tmp := s.path + suffixTemp
	db, err := openBolt(tmp, false)
	if err != nil {
		return err
	}
	if err = cmp.Or(db.Update(createBuckets), db.Close()); err != nil {
		return errors.Join(err, remove(tmp))
	}
	return replaceFile(tmp, s.path)
}

// createBuckets lays out a new file.
func createBuckets(tx *bbolt.Tx) error {
	for _, name := range hotBuckets {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	cold, err := tx.CreateBucket(bucketCold)
	if err != nil {
		return err
	}
	for _, name := range coldBuckets {
		if _, err := cold.CreateBucket(name); err != nil {
			return err
		}
	}
	t := &txn{meta: tx.Bucket(bucketMeta)}
	if err := t.setState(fileState{Format: layoutClosed, Instance: newInstance()}); err != nil {
		return err
	}
	return stamp(tx)
}

// now returns the time of what Open itself changes.
func (s *Store) now() outbox.Instant {
	if s.o.Now != nil {
		return s.o.Now()
	}
	return outbox.Instant{Wall: time.Now().UnixMilli(), Boot: "restore"}
}
