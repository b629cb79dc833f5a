package mqtttest

import (
	"testing"
	"time"
)

// Receive returns what comes next. It fails the test after a minute without.
func Receive[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("waited in vain")
		panic("unreachable")
	}
}
