package proctest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// The ports of [FreeAddr] are below those that the system assigns by itself, so that nobody takes one by chance while
// what listens there is away.
const (
	firstPort = 10_000
	ports     = 20_000
)

var lastPort atomic.Int64

func init() {
	lastPort.Store(rand.Int64N(ports))
	// At the first process that is started, package os tries once whether it can get a handle, by a child that is started without the
	// lock for that, with all that is open just then: a port that is being tried too. So that comes first.
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Release() // it was only asked for
	}
}

// FreeAddr returns a loopback address, host:port, that is free. It is the test's until the test ends: what listens there may
// go and come back.
func FreeAddr(t testing.TB) string {
	t.Helper()
	for range 1000 {
		addr := fmt.Sprintf("127.0.0.1:%d", firstPort+lastPort.Add(1)%ports)
		// Other test processes look for addresses too. Who holds the UDP port of that number has the TCP port.
		claim, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", addr)
		if err != nil {
			continue
		}
		if !free(t.Context(), addr) {
			_ = claim.Close()
			continue
		}
		t.Cleanup(func() { _ = claim.Close() })
		return addr
	}
	t.Fatal("found no free port")
	return ""
}

// free reports whether nobody listens at an address. A process that is started meanwhile would hold our own listener too,
// until it runs its program.
func free(ctx context.Context, addr string) bool {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	_ = l.Close()
	return true
}

// AwayFromMidnight returns a zone where it is around noon, so that the date does not change during a test.
func AwayFromMidnight(t testing.TB) *time.Location {
	t.Helper()
	name := "Etc/GMT"
	if ahead := 12 - time.Now().UTC().Hour(); ahead != 0 {
		name = fmt.Sprintf("Etc/GMT%+d", -ahead) // the sign is the other way round in these names
	}
	location, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return location
}
