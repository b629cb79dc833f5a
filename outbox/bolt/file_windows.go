package bolt

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/windows"
)

// ERROR_DISK_FULL; ERROR_HANDLE_DISK_FULL has the same words.
var errQuota = syscall.Errno(windows.ERROR_DISK_FULL)

// initialMmap: here the file itself grows to the mapped size.
const initialMmap = 0

// fileLock is a lock on a file of its own: the database's own goes with the file when that is replaced.
type fileLock struct{ f *os.File }

// lockFile takes the lock at once, or returns ErrLocked.
func lockFile(path string) (*fileLock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, filePerm)
	if err != nil {
		return nil, err
	}
	err = windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &windows.Overlapped{})
	if err != nil {
		_ = f.Close()
		if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
			return nil, ErrLocked
		}
		return nil, err
	}
	return &fileLock{f}, nil
}

// checkLock sees nothing here: locks are mandatory, and reading the outbox shows them.
func checkLock(string) error { return nil }

func (l *fileLock) release() error { return l.f.Close() }

// syncDir does nothing here: renames are journalled, and folders can't be synced.
func syncDir(string) error { return nil }

// freeBytes is what the file system has left for us, less than 0 if that can't be known.
func freeBytes(path string) int64 {
	dir, err := windows.UTF16PtrFromString(filepath.Dir(path))
	if err != nil {
		return -1
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(dir, &free, nil, nil); err != nil {
		return -1
	}
	return int64(free)
}
