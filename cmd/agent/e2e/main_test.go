package e2e

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"tillpost/internal/proctest"
)

// together is how many tests run at once: most of their time they wait.
const together = "8"

// tillpost is built as the tests are.
var tillpost = proctest.Binary{Race: proctest.Race}

func TestMain(m *testing.M) {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		if err := flag.Set("test.parallel", together); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	if err := knownBroker(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	tillpost.Main(m)
}

// outside makes a test one of the slow ones that run in parallel.
func outside(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs processes for a while; left out by -short")
	}
	t.Parallel()
}
