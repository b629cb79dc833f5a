package bolt_test

import (
	"os"
	"testing"

	"tillpost/outbox/bolt"
)

// TestMain makes the test binary what a program with an outbox is: its own checker. With killEnv it is a writer that
// waits to be killed.
func TestMain(m *testing.M) {
	bolt.RunChecker()
	if path, ok := os.LookupEnv(killEnv); ok {
		writeUntilKilled(path)
	}
	// The race detector would have each child sleep for a second at its end.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
