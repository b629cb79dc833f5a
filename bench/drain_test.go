package bench

import (
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkDrain is how quickly a backlog is carried out, from the first forward until the API has answered that the last
// order is paid, by the number of terminals it waits for. A terminal takes one order at a time, so most of that time is
// the wait for its payment: it is found by the first poll, after 50 ms, which is as quick as the agent may be asked to
// look.
func BenchmarkDrain(b *testing.B) {
	for _, terminals := range []int{1, 10, 40} {
		b.Run(strconv.Itoa(terminals), func(b *testing.B) {
			for b.Loop() {
				drain(b, terminals)
			}
		})
	}
}

func drain(b *testing.B, terminals int) {
	dir := b.TempDir()
	n := 40 * terminals
	fill(b, dir, n, terminals)
	api := startAPI(b)
	var first atomic.Int64
	api.arrived = func(string, time.Time) { first.CompareAndSwap(0, time.Now().UnixNano()) }
	s := &shop{broker: brokerEmbedded, api: api.addr, dir: dir, policy: `poll_interval = "50ms"`}
	before := cpuTime()
	s.run(b)
	until(b, "the backlog to be carried out", func() bool { return api.paid.Load() >= int64(n) })
	took := time.Since(time.Unix(0, first.Load())).Seconds()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(n)/took, "orders/s")
	b.ReportMetric(float64(n)/took/float64(terminals), "orders/s/terminal")
	b.ReportMetric(float64((cpuTime()-before).Microseconds())/float64(n), "cpu-µs/order")
}
