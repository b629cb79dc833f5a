package bolt

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// Suffixes of the files that belong to a database.
const (
	suffixLock   = ".lock"
	suffixMarker = ".initialised"
	// SuffixSnapshot is that of the last snapshot.
	SuffixSnapshot = ".snapshot"
	suffixBallast  = ".ballast"
	suffixDamaged  = ".damaged-"
	suffixCompact  = ".compact.tmp"
	suffixRestore  = ".restore.tmp"
	suffixTemp     = ".tmp"
)

const (
	filePerm = 0o600
	// 16 KiB pages, the default on some kernels of small machines, would write four times as much.
	pageSize = 4096
	// growStep is how much the file grows at a time; each growth costs a sync.
	growStep = 1 << 20
	// lockWait lets a checker that is about to end finish. A checker waits for checkWait only: an open outbox is not checked.
	lockWait  = 2 * time.Second
	checkWait = 100 * time.Millisecond
)

// openBolt opens the database. Free pages are found at start, not written: that saves the larger part of a commit.
func openBolt(path string, readOnly bool) (*bbolt.DB, error) {
	wait := lockWait
	if readOnly {
		wait = checkWait
	}
	db, err := bbolt.Open(path, filePerm, &bbolt.Options{
		Timeout:         wait,
		PageSize:        pageSize,
		NoFreelistSync:  true,
		FreelistType:    bbolt.FreelistMapType,
		InitialMmapSize: initialMmap,
		ReadOnly:        readOnly,
		PreLoadFreelist: true,
	})
	switch {
	case errors.Is(err, bbolterrors.ErrTimeout):
		return nil, ErrLocked
	case err != nil:
		return nil, err
	}
	db.AllocSize = growStep
	return db, nil
}

// writeFile writes a file so that after a crash there is the old one or the new one, on disk when it returns.
func writeFile(path string, data []byte) error {
	tmp := path + suffixTemp
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, filePerm)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = syncClose(f, err); err != nil {
		return errors.Join(err, remove(tmp))
	}
	return replaceFile(tmp, path)
}

// syncClose syncs and closes a file that was written; err is the error of the writing.
func syncClose(f *os.File, err error) error {
	if err == nil {
		err = f.Sync()
	}
	return cmp.Or(err, f.Close())
}

// replaceFile renames a synced file over another one, durably.
func replaceFile(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}

// writeCopy copies the database as it is now into another file, on disk when it returns.
func writeCopy(db *bbolt.DB, path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, filePerm)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 256<<10)
	err = db.View(func(tx *bbolt.Tx) error {
		_, err := tx.WriteTo(w)
		return err
	})
	if err == nil {
		err = w.Flush()
	}
	if err = syncClose(f, err); err != nil {
		return errors.Join(err, remove(path))
	}
	return nil
}

// remove removes a file that need not be there.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// fileSize is 0 for a file that is not there.
func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// isFull reports whether an error means a full disk. bbolt words some of them anew, so the text is compared too.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, errQuota) ||
		strings.Contains(err.Error(), syscall.ENOSPC.Error()) || strings.Contains(err.Error(), errQuota.Error())
}

// quarantine renames a damaged file, so that it can be looked into, and returns its new name.
func quarantine(path string) (string, error) {
	for n := 1; n < 1000; n++ {
		to := fmt.Sprintf("%s%s%d", path, suffixDamaged, n)
		if _, err := os.Lstat(to); !errors.Is(err, os.ErrNotExist) {
			continue
		}
		return to, replaceFile(path, to)
	}
	return "", fmt.Errorf("there are too many damaged files beside %s already", path)
}
