package bench

import (
	"fmt"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkDrain is how quickly a backlog is carried out, from the first forward until the API has told that the last
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

// BenchmarkCost is what one order costs, accepted, forwarded and paid, while a backlog stands that does not move: all of
// it waits at one terminal for a customer who does not pay. It is the whole process's time, the tills' and the API's
// included. Run it with a -benchtime in orders.
func BenchmarkCost(b *testing.B) {
	for _, backlog := range []int{100, 100_000} {
		b.Run("queued="+strconv.Itoa(backlog), func(b *testing.B) {
			dir := b.TempDir()
			fill(b, dir, backlog, 0)
			api := startAPI(b)
			s := &shop{broker: brokerEmbedded, api: api.addr, dir: dir, policy: "poll_interval = \"50ms\"\ncustomer_timeout = \"0s\""}
			s.run(b)
			pos := connect(b, s.addr, "bench-till")
			next := 0
			one := func() {
				id := fmt.Sprintf("cost-%d", next)
				if err := pos.publish(orderTopic(terminal(next%60)), request(id)); err != nil {
					b.Fatal(err)
				}
				next++
			}
			for range 60 {
				one()
			}
			until(b, "the first orders", func() bool { return api.paid.Load() >= 60 })
			settle()
			cpu := cpuTime()
			for b.Loop() {
				one()
			}
			until(b, "the orders to be paid", func() bool { return api.paid.Load() >= 60+int64(b.N) })
			b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(b.N), "cpu-µs/order")
		})
	}
}

// settle waits until what a start does in the background is over: the process has been idle for half a second.
func settle() {
	runtime.GC()
	for last := cpuTime(); ; {
		time.Sleep(500 * time.Millisecond)
		now := cpuTime()
		if now-last < 25*time.Millisecond {
			return
		}
		last = now
	}
}
