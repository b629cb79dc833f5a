package bench

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkAccept counts what tills have accepted durably, each of them with one order under way: with the embedded
// broker until its acknowledgement, which means on disk there, with mosquitto until the status "queued". The API is not
// reachable, so that accepting is all there is to do. There are 8 terminals, as in a shop.
func BenchmarkAccept(b *testing.B) {
	for _, broker := range brokers {
		for _, tills := range []int{1, 8, 64} {
			b.Run(broker+"/"+strconv.Itoa(tills), func(b *testing.B) { accept(b, &shop{broker: broker}, tills, 0) })
		}
	}
}

// BenchmarkAcceptBesideOld is the same through a mosquitto that saves itself after every change, with a month of 500 orders
// a day behind it, of whose statuses a day's or six days' are retained. All 15,000 would take it minutes to receive.
func BenchmarkAcceptBesideOld(b *testing.B) {
	for _, kept := range []keptStatuses{{500, 1}, {500, 6}} {
		b.Run(kept.String(), func(b *testing.B) {
			s := &shop{broker: brokerMosquitto, dir: b.TempDir(), retention: kept.retention()}
			month(b, s.dir, kept.aDay)
			accept(b, s, 8, kept.aDay*kept.days)
		})
	}
}

// accept measures once the broker has that many statuses.
func accept(b *testing.B, s *shop, tills, statuses int) {
	s.run(b)
	if statuses > 0 {
		s.told(b, statuses)
	}
	var q *queuedWatch
	if s.broker != brokerEmbedded {
		q = watchQueued(b, s.addr, tills)
	}
	clients := make([]*till, tills)
	for i := range clients {
		clients[i] = connect(b, s.addr, "bench-till-"+strconv.Itoa(i))
	}
	took := make([][]time.Duration, tills)
	var next atomic.Int64
	run := func(n int64, keep bool) {
		var wg sync.WaitGroup
		for t, c := range clients {
			wg.Go(func() {
				for i := next.Add(1); i <= n; i = next.Add(1) {
					id, start := fmt.Sprintf("accept-%d-%d", t, i), time.Now()
					err := c.publish(orderTopic(terminal(t%8)), request(id))
					if err == nil && q != nil {
						<-q.heard[t]
					}
					if err != nil {
						b.Error(err)
						return
					}
					if keep {
						took[t] = append(took[t], time.Since(start))
					}
				}
			})
		}
		wg.Wait()
	}
	run(int64(tills), false) // schemas are compiled, lanes are there
	b.ResetTimer()
	run(next.Load()+int64(b.N), true)
	b.StopTimer()
	var all []time.Duration
	for _, t := range took {
		all = append(all, t...)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "accepts/s")
	b.ReportMetric(quantile(all, 0.5), "p50-ms")
	b.ReportMetric(quantile(all, 0.99), "p99-ms")
}

// queuedWatch receives "queued" for all tills.
type queuedWatch struct{ heard []chan struct{} }

func watchQueued(b *testing.B, addr string, tills int) *queuedWatch {
	q := &queuedWatch{heard: make([]chan struct{}, tills)}
	for i := range q.heard {
		q.heard[i] = make(chan struct{}, 1)
	}
	c := connect(b, addr, "bench-listener")
	if err := c.subscribe("tillpost/terminals/+/status/+"); err != nil {
		b.Fatal(err)
	}
	first := map[string]bool{} // a status is published again when its queue position changes
	go c.messages(func(topic string, payload []byte) {
		id := topic[strings.LastIndexByte(topic, '/')+1:]
		parts := strings.Split(id, "-")
		if len(parts) != 3 || first[id] || !bytes.Contains(payload, []byte(`"state":"queued"`)) {
			return
		}
		first[id] = true
		if t, err := strconv.Atoi(parts[1]); err == nil && t < tills {
			q.heard[t] <- struct{}{}
		}
	})
	return q
}
