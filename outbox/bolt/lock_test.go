//go:build unix

package bolt

import (
	"path/filepath"
	"testing"

	"tillpost/internal/proctest"
)

// TestLockIsFreeAtOnce: who gave the lock back can take it again, though processes are being started, which are born with
// all that is open.
func TestLockIsFreeAtOnce(t *testing.T) {
	t.Parallel()
	defer proctest.KeepStarting(t)()
	path := filepath.Join(t.TempDir(), "lock")
	for range 300 {
		l, err := lockFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if other, err := lockFile(path); err == nil {
			t.Errorf("the lock is held twice, by %v too", other.f.Name())
		}
		if err := l.release(); err != nil {
			t.Fatal(err)
		}
	}
}
