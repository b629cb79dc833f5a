package proctest

import (
	"context"
	"os/exec"
	"sync"
	"testing"
)

// KeepStarting has processes that do nothing started without a pause, until stop is called or the test ends: they are born
// with all that is open. The test is skipped where there is nothing to start.
func KeepStarting(t testing.TB) (stop func()) {
	t.Helper()
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
	stop = func() {
		cancel()
		starting.Wait()
	}
	t.Cleanup(stop)
	return stop
}
