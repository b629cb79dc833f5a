package outbox_test

import (
	"os"
	"testing"

	"tillpost/outbox"
)

// TestMain makes the test binary what a program with an outbox is: its own checker. With killEnv it is a writer that
// waits to be killed.
func TestMain(m *testing.M) {
	outbox.RunChecker()
	if path, ok := os.LookupEnv(killEnv); ok {
		writeUntilKilled(path)
	}
	os.Exit(m.Run())
}
