package proctest

import (
	"context"
	"net"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// An address is the test's until it ends, though nothing listens there.
func TestFreeAddrIsClaimed(t *testing.T) {
	t.Parallel()
	var addr string
	t.Run("it", func(t *testing.T) {
		addr = FreeAddr(t)
		if claim, err := net.ListenPacket("udp", addr); err == nil {
			_ = claim.Close()
			t.Errorf("%s can be claimed twice", addr)
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			t.Fatalf("%s is not free: %v", addr, err)
		}
		_ = l.Close()
	})
	claim, err := net.ListenPacket("udp", addr)
	if err != nil {
		t.Fatalf("%s stays claimed: %v", addr, err)
	}
	_ = claim.Close()
}

// An address is free at once, though processes are started meanwhile, which are born with all that is open. Not parallel:
// other tests' handles would be theirs as well.
func TestFreeAddrIsFreeAtOnce(t *testing.T) {
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
	for range 300 {
		addr := FreeAddr(t)
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", addr)
		if err != nil {
			t.Errorf("%s is not free: %v", addr, err)
			break
		}
		_ = l.Close()
	}
	cancel()
	starting.Wait()
}

func TestAwayFromMidnight(t *testing.T) {
	t.Parallel()
	if hour := time.Now().In(AwayFromMidnight(t)).Hour(); hour < 11 || hour > 13 {
		t.Errorf("it is %d o'clock there", hour)
	}
}
