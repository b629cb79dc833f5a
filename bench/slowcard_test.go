package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// slowSync is what a worn SD card takes for a sync, or so.
const slowSync = 20 * time.Millisecond

// BenchmarkSlowCard is BenchmarkTillToAPI at an order a second for the real binary, with 20 ms added to each of its syncs
// by strace. The floor is a process of its own that suffers the same. Then 8 tills place an order at once, ten times,
// each at its own terminal, with figures of their own: at-once-waited-p50-commits and at-once-waited-max-commits are of
// half the syncs of the outbox that began on an order's way, so that a commit which was under way counts by its second
// half. An order that is lost or comes twice fails the benchmark. Run it with a -benchtime in orders.
func BenchmarkSlowCard(b *testing.B) {
	s := &shop{broker: brokerEmbedded, dir: b.TempDir()}
	trace := filepath.Join(s.dir, "trace")
	wrap := slowSyncs(b, trace)
	api := startAPI(b)
	came := watchArrivals(b, api)
	s.api = api.addr
	s.start(b, wrap...)
	s.awaitOnline(b)
	t := &turns{order: s.orders(b, came), floor: startSlowFloor(b, slowSyncs(b, os.DevNull), api.addr)}
	t.warm(5, 5)
	for b.Loop() {
		t.run(1, 1)
	}
	t.report(b)
	const rounds = 10
	var ways []way
	time.Sleep(2 * time.Second) // the last orders are off their terminals, after their first poll
	for round := range rounds {
		time.Sleep(time.Second)
		ways = append(ways, s.atOnce(b, came, round)...)
	}
	time.Sleep(time.Second) // the trace is written
	var took []time.Duration
	var waited []float64
	syncs := syncStarts(b, trace)
	for _, w := range ways {
		took = append(took, w.end.Sub(w.start))
		waited = append(waited, w.waited(syncs))
	}
	b.ReportMetric(quantile(took, 0.5), "at-once-p50-ms")
	b.ReportMetric(quantile(took, 1), "at-once-max-ms")
	slices.Sort(waited)
	b.ReportMetric(waited[len(waited)/2], "at-once-waited-p50-commits")
	b.ReportMetric(waited[len(waited)-1], "at-once-waited-max-commits")
}

// way is when an order was published, and when the API had read it.
type way struct{ start, end time.Time }

// atOnce has 8 tills place an order in the same moment.
func (s *shop) atOnce(b *testing.B, came *arrivals, round int) []way {
	const tills = 8
	ways := make([]way, tills)
	var connected, all sync.WaitGroup
	begin := make(chan struct{})
	connected.Add(tills)
	for i := range tills {
		pos := connect(b, s.addr, fmt.Sprintf("bench-till-%d", i))
		all.Go(func() {
			defer func() { _ = pos.conn.Close() }()
			id := fmt.Sprintf("at-once-%d-%d", round, i)
			topic, payload := orderTopic(terminal((tills*round+i)%60)), request(id)
			connected.Done()
			<-begin
			ways[i].start = time.Now()
			if err := pos.publish(topic, payload); err != nil {
				b.Error(err)
				return
			}
			ways[i].end, _ = came.await(id)
		})
	}
	connected.Wait()
	close(begin)
	all.Wait()
	if b.Failed() {
		b.FailNow()
	}
	return ways
}

// traceBegun is a sync of the outbox with its time.
var traceBegun = regexp.MustCompile(`(?m)^\d+ +(\d+)\.(\d{6}) f(?:data)?sync\(\d+<[^>]*outbox\.db>`)

// syncStarts are the times at which the syncs of the outbox began, as a trace tells them.
func syncStarts(b *testing.B, trace string) (all []time.Time) {
	b.Helper()
	raw, err := os.ReadFile(trace)
	if err != nil {
		b.Fatal(err)
	}
	for _, m := range traceBegun.FindAllSubmatch(raw, -1) {
		seconds, _ := strconv.ParseInt(string(m[1]), 10, 64)
		micros, _ := strconv.ParseInt(string(m[2]), 10, 64)
		all = append(all, time.Unix(seconds, micros*1000))
	}
	return all
}

// waited is half of the syncs that began on a way.
func (w way) waited(syncs []time.Time) (commits float64) {
	for _, at := range syncs {
		if at.After(w.start) && at.Before(w.end) {
			commits += 0.5
		}
	}
	return commits
}

// slowSyncs is the program, with its arguments, that runs another with slow syncs, and writes a trace of them. The
// benchmark is skipped where that can't be done.
func slowSyncs(b *testing.B, trace string) []string {
	b.Helper()
	wrap := strace(trace, "-ttt", "-y", "-e", "trace=fdatasync,fsync",
		"-e", fmt.Sprintf("inject=fdatasync,fsync:delay_enter=%d", slowSync.Microseconds()))
	if wrap == nil {
		b.Skip("strace is not installed, and slow syncs are its work")
	}
	if out, err := exec.Command(wrap[0], append(wrap[1:], "true")...).CombinedOutput(); err != nil {
		b.Skipf("strace can't slow syncs here: %v, %s", err, out)
	}
	return wrap
}

// floorEnv is the API's address for a process that is to be the floor, see serveFloor.
const floorEnv = "TILLPOST_BENCH_FLOOR"

// startSlowFloor runs the floor as a process, under another program, and returns what asks it for so many commits and an exchange.
func startSlowFloor(b *testing.B, wrap []string, addr string) func(commits int) time.Duration {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	line := append(append([]string{}, wrap...), self)
	command := exec.CommandContext(context.WithoutCancel(b.Context()), line[0], line[1:]...)
	command.Dir, command.Env, command.Stderr = b.TempDir(), append(os.Environ(), floorEnv+"="+addr), os.Stderr
	ask, err := command.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	answers, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = ask.Close() // it ends then
		_ = command.Wait()
	})
	lines := bufio.NewReader(answers)
	return func(commits int) time.Duration {
		if _, err := fmt.Fprintln(ask, commits); err != nil {
			b.Fatal(err)
		}
		text, err := lines.ReadString('\n')
		if err != nil {
			b.Fatal(err)
		}
		took, err := time.ParseDuration(strings.TrimSpace(text))
		if err != nil {
			b.Fatal(err)
		}
		return took
	}
}

// serveFloor is the floor in the folder where it runs: it reads a number of commits, does them and an exchange, and
// writes what that took, until there is no more to read.
func serveFloor(addr string) (code int) {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	f, err := openFloor(".", addr)
	if err != nil {
		return fail(err)
	}
	defer func() { _ = f.db.Close() }()
	for in := bufio.NewReader(os.Stdin); ; {
		text, err := in.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return 0
		}
		var commits int
		if err == nil {
			commits, err = strconv.Atoi(strings.TrimSpace(text))
		}
		if err != nil {
			return fail(err)
		}
		took, err := f.take(commits)
		if err != nil {
			return fail(err)
		}
		fmt.Println(took)
	}
}
