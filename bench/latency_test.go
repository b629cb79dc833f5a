package bench

import (
	"fmt"
	"strconv"
	"testing"
	"time"
)

// BenchmarkTillToAPI is the way of an order from the till's publish until the API has read it, at an order a second and
// at 20, over 60 terminals, beside the floor of one commit and the floor of two. Run it with a -benchtime in orders, such
// as 200x.
func BenchmarkTillToAPI(b *testing.B) {
	for _, broker := range brokers {
		for _, rate := range []int{1, 20} {
			b.Run(broker+"/"+strconv.Itoa(rate), func(b *testing.B) {
				api := startAPI(b)
				came := watchArrivals(b, api)
				s := &shop{broker: broker, api: api.addr}
				s.run(b)
				f := newFloor(b, api.addr)
				t := &turns{order: s.orders(b, came), floor: func(commits int) time.Duration {
					took, err := f.take(commits)
					if err != nil {
						b.Fatal(err)
					}
					return took
				}}
				t.warm(20, 20)
				for b.Loop() {
					t.run(1, rate)
				}
				t.report(b)
			})
		}
	}
}

// orders connects a till, and returns what has it place an order and waits until the API has read it.
func (s *shop) orders(b *testing.B, came *arrivals) func() time.Duration {
	b.Helper()
	pos, next := connect(b, s.addr, "bench-till"), 0
	return func() time.Duration {
		id := fmt.Sprintf("latency-%d", next)
		topic, payload := orderTopic(terminal(next%60)), request(id)
		next++
		start := time.Now()
		if err := pos.publish(topic, payload); err != nil {
			b.Fatal(err)
		}
		at, ok := came.await(id)
		if !ok {
			b.FailNow()
		}
		return at.Sub(start)
	}
}
