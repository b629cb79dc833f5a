// Package chaos_test runs whole agents through schedules of faults, in fake time. See docs/reliability.md.
package chaos_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if err := os.Setenv("TILLPOST_API_TOKEN", token); err != nil {
		panic(err)
	}
	debug.SetGCPercent(400) // schedules are short, and leave little behind
	os.Exit(m.Run())
}

func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text, ok := os.LookupEnv(name)
	if !ok {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s=%q is not a number", name, text)
	}
	return n
}

// TestSchedules runs SCHEDULES schedules, from seed FIRST on, until FAILURES of a worker have failed, all with FEATURES where that is
// set.
func TestSchedules(t *testing.T) {
	n, first, workers := number(t, "SCHEDULES", few), number(t, "FIRST", 1), number(t, "WORKERS", runtime.GOMAXPROCS(0))
	most, only := number(t, "FAILURES", 5), parseFeatures(t, os.Getenv("FEATURES"))
	count := newCounters()
	began := time.Now()
	var next atomic.Int64
	t.Run("all", func(t *testing.T) {
		for range workers {
			t.Run("worker", func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				for failed := 0; failed < most; {
					i := int(next.Add(1)) - 1
					if i >= n {
						return
					}
					own := filepath.Join(dir, strconv.Itoa(first+i))
					if err := os.Mkdir(own, 0o700); err != nil {
						t.Error(err)
					}
					if r := run(t, uint64(first+i), options{count: count, dir: own, only: only}); len(r.failures) > 0 {
						failed++
						t.Errorf("%v\nreplay with: SEED=%d go test ./agent/chaos -run TestReplay -v", r, r.seed)
					}
					if err := os.RemoveAll(own); err != nil { // 300,000 of them fill a disk
						t.Error(err)
					}
				}
			})
		}
	})
	t.Log(count.report(time.Since(began)))
}

// TestReplay runs the schedule SEED again, TIMES times, and logs everything.
func TestReplay(t *testing.T) {
	seed := number(t, "SEED", 0)
	if seed == 0 {
		t.Skip("SEED names the schedule to replay")
	}
	var traces []string
	for range number(t, "TIMES", 1) {
		r := run(t, uint64(seed), options{count: newCounters(), dir: t.TempDir(), only: parseFeatures(t, os.Getenv("FEATURES")), trace: os.Getenv("TRACE") != ""})
		slices.Sort(r.trace) // what happens in one moment happens in any order
		trace := strings.Join(r.trace, "\n")
		if len(r.failures) > 0 {
			t.Errorf("%s\n%v", trace, r)
			return
		}
		if !slices.Contains(traces, trace) {
			traces = append(traces, trace)
		}
	}
	t.Logf("%s\n%d different courses", traces[0], len(traces))
	for i, other := range traces[1:] {
		a, b := strings.Split(traces[0], "\n"), strings.Split(other, "\n")
		for k := range min(len(a), len(b)) {
			if a[k] != b[k] {
				t.Logf("course %d differs at line %d:\n%s\n%s", i+1, k, a[k], b[k])
				break
			}
		}
	}
}

func (c *counters) report(took time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d schedules in %v (%d on a real file): %d lives, %d commits, %d orders straight through, %d handed over, %d API calls, %d messages to tills, %d from them\n",
		c.schedules.Load(), took.Round(time.Second), c.onFile.Load(), c.lives.Load(), c.commits.Load(), c.straight.Load(), c.handed.Load(), c.calls.Load(), c.messages.Load(), c.deliveries.Load())
	for _, s := range sites {
		fmt.Fprintf(&b, "  died %s: %d\n", s, c.deaths[s].Load())
	}
	table := func(title string, m map[string]*atomic.Int64) {
		fmt.Fprintf(&b, "%s:", title)
		names := make([]string, 0, len(m))
		for name := range m {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			fmt.Fprintf(&b, " %s %d,", name, m[name].Load())
		}
		b.WriteString("\n")
	}
	table("faults", c.faults)
	table("ends", c.ends)
	return b.String()
}
