package bolt

import (
	"cmp"
	"errors"

	"go.etcd.io/bbolt"
)

const (
	// compactFrom is the size below which a file is left alone, and compactSmall the largest transaction of a compaction.
	compactFrom  = 4 << 20
	compactSmall = 4 << 20
)

// Compact rewrites an outbox that nobody has open into the smallest file that holds it; sizes are in bytes. It refuses a
// file that may lack its last commit, which is what the next Open has to see. The old file is replaced once the new one is
// on disk, so there must be room for both. Errors are as Open's; a damaged file is left as it is.
func Compact(path string) (before, after int64, err error) {
	if before = fileSize(path); before == 0 {
		return 0, 0, openError(path, ErrMissing)
	}
	lock, err := waitForLock(path + suffixLock)
	if err != nil {
		return 0, 0, openError(path, err)
	}
	defer func() { err = cmp.Or(err, lock.release()) }()
	if err := checkFile(path); err != nil {
		return 0, 0, openError(path, err)
	}
	s := &Store{path: path}
	if s.db, err = openBolt(path, false); err != nil {
		return 0, 0, openError(path, err)
	}
	if err = s.sureOfLastCommit(); err == nil {
		err = s.shrink()
	}
	if s.db != nil {
		err = errors.Join(err, s.db.Close())
	}
	if err != nil {
		return 0, 0, openError(path, err)
	}
	return before, fileSize(path), nil
}

// errLastCommit refuses what would hide that a file may lack its last commit.
var errLastCommit = errors.New("its last commit may be missing")

// sureOfLastCommit returns errLastCommit for a file that startGeneration would put requests of in doubt by what its pages show.
func (s *Store) sureOfLastCommit() error {
	lost, err := rootLost(s.path)
	if err != nil {
		return err
	}
	return s.db.View(func(tx *bbolt.Tx) error {
		if lost || stale(tx, tx.ID()) {
			return errLastCommit
		}
		return nil
	})
}

// compact makes a mostly empty file small. It is called when the store opens only: nobody waits then.
func (s *Store) compact() error {
	size, free := fileSize(s.path), s.db.Stats().FreePageN
	if size < compactFrom || int64(free)*pageSize*2 < size {
		return nil
	}
	err := s.shrink()
	switch {
	case err == nil:
		s.recovery.Compacted, s.recovery.Before, s.recovery.After = true, size, fileSize(s.path)
		return nil
	case s.db != nil:
		return nil // the file is usable as it is, for instance on a disk without room for a copy
	}
	return err
}

// shrink replaces the file by a copy without free pages. After an error it is as it was, and open unless db is nil.
func (s *Store) shrink() error {
	tmp := s.path + suffixCompact
	dst, err := openBolt(tmp, false)
	if err != nil {
		return errors.Join(err, remove(tmp))
	}
	dst.NoSync = true // it is synced as a whole before it counts
	dst.AllocSize = 16 * pageSize
	err = bbolt.Compact(dst, s.db, compactSmall)
	if err == nil {
		err = dst.Update(stamp) // the copy counts its own transactions
	}
	if err == nil {
		err = dst.Sync()
	}
	if err = cmp.Or(err, dst.Close()); err != nil {
		return errors.Join(err, remove(tmp))
	}
	return s.changeTo(tmp)
}

// changeTo replaces the file by another one and opens it. After an error db may be nil.
func (s *Store) changeTo(tmp string) error {
	err := s.db.Close()
	s.db = nil
	if err != nil {
		return err
	}
	if err := replaceFile(tmp, s.path); err != nil {
		return err
	}
	s.db, err = openBolt(s.path, false)
	return err
}
