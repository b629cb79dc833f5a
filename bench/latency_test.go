package bench

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// BenchmarkTillToAPI is the way of an order from the till's publish until the API has read it, at 20 orders a second in
// a random rhythm over 60 terminals. Between any two orders the floor is measured: two commits and one exchange on a
// fresh connection. ratio compares the medians. Run it with a -benchtime in orders, such as 200x.
func BenchmarkTillToAPI(b *testing.B) {
	for _, broker := range brokers {
		b.Run(broker, func(b *testing.B) {
			api := startAPI(b)
			came := make(chan time.Time, 1)
			api.arrived = func(id string, at time.Time) {
				if id != "floor" {
					came <- at
				}
			}
			s := &shop{broker: broker, api: api.addr}
			s.run(b)
			pos, f := connect(b, s.addr, "bench-till"), newFloor(b, api.addr)
			var took, floors []time.Duration
			pause := func() { time.Sleep(10*time.Millisecond + rand.N(30*time.Millisecond)) }
			next := 0
			one := func() {
				pause()
				id := fmt.Sprintf("latency-%d", next)
				topic, payload := orderTopic(terminal(next%60)), request(id)
				next++
				start := time.Now()
				if err := pos.publish(topic, payload); err != nil {
					b.Fatal(err)
				}
				took = append(took, (<-came).Sub(start))
				pause()
				start = time.Now()
				for _, step := range []func() error{f.commit, f.commit, f.exchange} {
					if err := step(); err != nil {
						b.Fatal(err)
					}
				}
				floors = append(floors, time.Since(start))
			}
			for range 20 {
				one() // schemas are compiled, pages are there
			}
			took, floors = nil, nil
			for b.Loop() {
				one()
			}
			report(b, took, floors)
		})
	}
}

func report(b *testing.B, took, floors []time.Duration) {
	b.ReportMetric(0, "ns/op") // the rhythm is ours
	p50, floor := quantile(took, 0.5), quantile(floors, 0.5)
	b.ReportMetric(p50, "p50-ms")
	b.ReportMetric(quantile(took, 0.99), "p99-ms")
	b.ReportMetric(floor, "floor-p50-ms")
	b.ReportMetric(quantile(floors, 0.99), "floor-p99-ms")
	b.ReportMetric(p50/floor, "ratio")
}
