package bench

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// BenchmarkCost is what one order costs, accepted, forwarded and paid, while a backlog stands that does not move: all of
// it waits at one terminal for a customer who does not pay. Two shops, with 100 and with 100,000 queued, take turns in
// blocks of 20 orders, so that both see the same machine. The processor's time is the whole process's, the tills' and the
// API's included; the ratios are of what the large backlog costs to what the small one does. Run it with a -benchtime in
// blocks.
func BenchmarkCost(b *testing.B) {
	small, large := newCostShop(b, 100), newCostShop(b, 100_000)
	settle()
	for b.Loop() {
		small.block(b)
		large.block(b)
	}
	b.ReportMetric(0, "ns/op")
	for _, s := range []*costShop{small, large} {
		name := fmt.Sprintf("queued=%d", s.backlog)
		b.ReportMetric(quantile(s.took, 0.5), name+"-p50-ms")
		b.ReportMetric(1000*quantile(s.cpu, 0.5), name+"-cpu-µs/order")
	}
	b.ReportMetric(quantile(large.took, 0.5)/quantile(small.took, 0.5), "p50-ratio")
	b.ReportMetric(quantile(large.cpu, 0.5)/quantile(small.cpu, 0.5), "cpu-ratio")
}

// costShop is a shop with a backlog; took is what each accept took, cpu what the orders of each block did.
type costShop struct {
	backlog   int
	api       *fakeAPI
	pos       *till
	sent      int64
	took, cpu []time.Duration
}

func newCostShop(b *testing.B, backlog int) *costShop {
	dir := b.TempDir()
	fill(b, dir, backlog, 0)
	c := &costShop{backlog: backlog, api: startAPI(b)}
	s := &shop{broker: brokerEmbedded, api: c.api.addr, dir: dir, policy: "poll_interval = \"50ms\"\ncustomer_timeout = \"0s\""}
	s.run(b)
	c.pos = connect(b, s.addr, "bench-till")
	for range 3 {
		c.block(b) // schemas are compiled, lanes are there
	}
	c.took, c.cpu = nil, nil
	return c
}

// block takes orders through all of their life.
func (c *costShop) block(b *testing.B) {
	const orders = 20
	before := cpuTime()
	for range orders {
		c.sent++
		start := time.Now()
		if err := c.pos.publish(orderTopic(terminal(int(c.sent)%60)), request(fmt.Sprintf("cost-%d", c.sent))); err != nil {
			b.Fatal(err)
		}
		c.took = append(c.took, time.Since(start))
	}
	until(b, "the orders to be paid", func() bool { return c.api.paid.Load() >= c.sent })
	c.cpu = append(c.cpu, (cpuTime()-before)/orders)
}

// settle waits until what a start does in the background is over: the process has been all but idle for half a second.
func settle() {
	runtime.GC()
	last := cpuTime()
	for range 40 { // on a machine that is never quiet it is good enough then
		time.Sleep(500 * time.Millisecond)
		now := cpuTime()
		if now-last < 50*time.Millisecond {
			return
		}
		last = now
	}
}
