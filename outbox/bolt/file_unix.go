//go:build unix

package bolt

import (
	"cmp"
	"errors"
	"os"
	"strconv"
	"syscall"
)

var errQuota = syscall.EDQUOT

// initialMmap is address space, not memory: 64 MiB where that is scarce, as addresses have 32 bits, else 256. Within it the file grows
// without waiting for readers.
const initialMmap = (64 << 20) << (strconv.IntSize / 64 * 2)

// fileLock is a lock on a file of its own: the database's own goes with the file when that is replaced.
type fileLock struct{ f *os.File }

// lockFile takes the lock at once, or returns ErrLocked.
func lockFile(path string) (*fileLock, error) {
	return openLock(path, os.O_RDWR|os.O_CREATE, syscall.LOCK_EX)
}

// checkLock returns ErrLocked where another process holds the lock. Our own is shared and released at once.
func checkLock(path string) error {
	l, err := openLock(path, os.O_RDONLY, syscall.LOCK_SH)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	return l.release()
}

func openLock(path string, flag, how int) (*fileLock, error) {
	f, err := os.OpenFile(path, flag, filePerm)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, ErrLocked
		}
		return nil, err
	}
	return &fileLock{f}, nil
}

// release gives the lock back at once. The end of the file alone would not: a process that is just being started holds
// what is open until it runs its program.
func (l *fileLock) release() error {
	return errors.Join(syscall.Flock(int(l.f.Fd()), syscall.LOCK_UN), l.f.Close())
}

// syncDir makes renames in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return cmp.Or(d.Sync(), d.Close())
}
