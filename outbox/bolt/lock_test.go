//go:build unix

package bolt

import (
	"context"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// TestLockIsFreeAtOnce: who gave the lock back can take it again, though processes are being started, which are born with
// all that is open.
func TestLockIsFreeAtOnce(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("true")
	if err != nil {
		t.Skip("there is no command to start")
	}
	ctx, cancel := context.WithCancel(t.Context())
	var starting sync.WaitGroup
	for range 6 {
		starting.Go(func() {
			for ctx.Err() == nil {
				_ = exec.CommandContext(ctx, program).Run() // it does nothing
			}
		})
	}
	defer starting.Wait()
	defer cancel()
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
