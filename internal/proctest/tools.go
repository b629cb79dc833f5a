package proctest

import (
	"os"
	"testing"
)

// Lacks skips a test for want of a tool, or fails it where all of them have to be there: CI installs them, and sets
// TILLPOST_TEST_TOOLS to "required". What says what is missing, and how to get it.
func Lacks(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("TILLPOST_TEST_TOOLS") == "required" {
		t.Fatal(what)
	}
	t.Skip(what)
}
