package soak

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"tillpost/internal/proctest"
)

// What make soak sets.
const (
	envSoak  = "SOAK"       // how long the shop is open, such as 1h
	envKills = "SOAK_KILLS" // how often kill -9 comes, for each broker
	envSeed  = "SOAK_SEED"  // repeats the choices of a run, though not the machine's timing
)

// slow marks a test that runs processes for a while.
func slow(t *testing.T) {
	t.Helper()
	switch {
	case testing.Short():
		t.Skip("runs processes for a while; left out by -short")
	case proctest.Race && os.Getenv(envSoak) == "":
		t.Skip("the processes are what is tested here; under the race detector they run with SOAK set only")
	}
}

// duration and count read what make soak sets.
func duration(t *testing.T, name string, otherwise time.Duration) time.Duration {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		t.Fatalf("%s=%q is not a duration such as 10m", name, text)
	}
	return d
}

func count(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		t.Fatalf("%s=%q is not a number above 0", name, text)
	}
	return n
}

// dice are a test's choices. They may be thrown by several goroutines.
type dice struct {
	mu sync.Mutex
	r  *rand.Rand
}

// newDice prints the seed, so that a run can be tried again.
func newDice(t *testing.T) *dice {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv(envSeed); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("%s: %v", envSeed, err)
		}
	}
	t.Logf("%s=%d", envSeed, seed)
	return &dice{r: rand.New(rand.NewPCG(seed, 9))}
}

func (d *dice) below(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.r.IntN(n)
}

// chance is true in so many of a thousand cases.
func (d *dice) chance(permille int) bool { return d.below(1000) < permille }

func (d *dice) between(from, to time.Duration) time.Duration {
	return from + time.Duration(d.below(int(to-from)/1000+1))*1000
}

// sleep waits, or less if the test ends.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
