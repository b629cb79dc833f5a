package proctest

import (
	"net"
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
	defer KeepStarting(t)()
	for range 300 {
		addr := FreeAddr(t)
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", addr)
		if err != nil {
			t.Errorf("%s is not free: %v", addr, err)
			break
		}
		_ = l.Close()
	}
}

func TestAwayFromMidnight(t *testing.T) {
	t.Parallel()
	if hour := time.Now().In(AwayFromMidnight(t)).Hour(); hour < 11 || hour > 13 {
		t.Errorf("it is %d o'clock there", hour)
	}
}
