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

// The ports of [FreeAddr] lie below those that the system gives out by itself, so that nobody takes one by chance while
// what listens there is away.
const (
	firstPort = 10_000
	ports     = 20_000
)

var lastPort atomic.Int64

func init() {
	lastPort.Store(rand.Int64N(ports))
	// At the first process that is started, package os tries once whether it can be given a handle, by a child that is born without the
	// lock for that, with all that is open just then: a port that is being tried too. So that comes first.
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Release() // it was only asked for
	}
}

// FreeAddr is a loopback address, host:port, that is free. It is the test's until the test ends: what listens there may
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

// free tells whether nobody listens at an address. A process that is started meanwhile would hold our own listener too,
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

// AwayFromMidnight is a zone where it is around noon, so that no test has two todays.
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
