package e2e

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// today is the shop's date, as the API writes it.
func (w *world) today() string {
	w.Helper()
	location, err := time.LoadLocation(w.zone)
	if err != nil {
		w.Fatal(err)
	}
	return time.Now().In(location).Format("02 Jan, 2006")
}

// awayFromMidnight is a zone where it is around noon, so that no test has two todays.
func awayFromMidnight() string {
	switch ahead := 12 - time.Now().UTC().Hour(); {
	case ahead == 0:
		return "Etc/GMT"
	case ahead > 0:
		return fmt.Sprintf("Etc/GMT-%d", ahead)
	default:
		return fmt.Sprintf("Etc/GMT+%d", -ahead)
	}
}

var lastPort atomic.Int64

func init() { lastPort.Store(10000 + rand.Int64N(8000)) }

// freeAddr looks below the ports that the system gives out by itself, so that nobody takes it by chance while what
// listens there is away.
func freeAddr(t testing.TB) string {
	t.Helper()
	for range 1000 {
		addr := fmt.Sprintf("127.0.0.1:%d", 10000+lastPort.Add(1)%9000)
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", addr)
		if err == nil {
			_ = l.Close()
			return addr
		}
	}
	t.Fatal("found no free port")
	return ""
}
