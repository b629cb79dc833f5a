package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// BenchmarkLife is what the real binary writes and syncs for an order from its acceptance until it is paid, one after
// the other, as strace sees it. Run it with a -benchtime in orders.
func BenchmarkLife(b *testing.B) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		b.Skip("strace is not installed")
	}
	api := startAPI(b)
	s := &shop{broker: brokerEmbedded, api: api.addr, policy: `poll_interval = "50ms"`, dir: b.TempDir()}
	trace := filepath.Join(s.dir, "trace")
	// -D: the process is the binary itself, so that it gets the signal to stop.
	s.start(b, strace, "-D", "-f", "-qq", "-y", "-s", "0", "-e", "trace=fdatasync,fsync,pwrite64", "-o", trace)
	s.awaitOnline(b)
	pos, next := connect(b, s.addr, "bench-till"), 0
	one := func() {
		before := api.paid.Load()
		if err := pos.publish(orderTopic(terminal(next%60)), request(fmt.Sprintf("life-%d", next))); err != nil {
			b.Fatal(err)
		}
		next++
		until(b, "an order to be paid", func() bool { return api.paid.Load() > before })
	}
	for range 10 {
		one()
	}
	before := readTrace(b, trace)
	for b.Loop() {
		one()
	}
	after, n := readTrace(b, trace), float64(b.N)
	b.ReportMetric((after.commits-before.commits)/n, "commits/order")
	b.ReportMetric((after.syncs-before.syncs)/n, "syncs/order")
	b.ReportMetric((after.bytes-before.bytes)/1024/n, "KiB/order")
	b.ReportMetric(0, "ns/op")
}

// traced is what a trace holds of the outbox; a commit is a write of one of the two root pages.
type traced struct{ commits, syncs, bytes float64 }

var (
	traceSync  = regexp.MustCompile(`f(data)?sync\(\d+<[^>]*outbox\.db>`)
	traceWrite = regexp.MustCompile(`pwrite64\(\d+<[^>]*outbox\.db>, ""\.\.\., (\d+), (\d+)`)
)

func readTrace(b *testing.B, trace string) (t traced) {
	b.Helper()
	time.Sleep(300 * time.Millisecond) // the last commit comes after the API's answer
	raw, err := os.ReadFile(trace)
	if err != nil {
		b.Fatal(err)
	}
	t.syncs = float64(len(traceSync.FindAllIndex(raw, -1)))
	for _, m := range traceWrite.FindAllSubmatch(raw, -1) {
		n, _ := strconv.ParseFloat(string(m[1]), 64)
		at, _ := strconv.Atoi(string(m[2]))
		t.bytes += n
		if at <= 4096 {
			t.commits++
		}
	}
	return t
}
