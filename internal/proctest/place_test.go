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

func TestAwayFromMidnight(t *testing.T) {
	t.Parallel()
	if hour := time.Now().In(AwayFromMidnight(t)).Hour(); hour < 11 || hour > 13 {
		t.Errorf("it is %d o'clock there", hour)
	}
}
