package bench

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// BenchmarkReaders is how long a new reader of all statuses waits for the last of them, in the real binary, and with as
// many requests as a shop has also what 40 at once do to a till: the quantiles of its acknowledgements meanwhile. The API
// is away. Run it with -benchtime 1x.
func BenchmarkReaders(b *testing.B) {
	for _, queued := range []int{800, 100_000} {
		b.Run(fmt.Sprintf("queued=%d", queued), func(b *testing.B) {
			for b.Loop() {
				dir := b.TempDir()
				fill(b, dir, queued, 8)
				s := &shop{broker: brokerEmbedded, dir: dir}
				p := s.start(b)
				s.awaitOnline(b)
				settled(b, p)
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(s.read(b, "bench-alone", queued).Seconds()*1000, "alone-ms")
				if queued == 800 {
					s.crowd(b, 40, queued)
				}
				p.Stop()
			}
		})
	}
}

// crowd has many readers come at once.
func (s *shop) crowd(b *testing.B, n, queued int) {
	stop, acks := make(chan struct{}), make(chan []time.Duration)
	go s.publishUntil(b, stop, acks)
	var readers sync.WaitGroup
	begun := time.Now()
	for i := range n {
		readers.Go(func() { s.read(b, fmt.Sprint("bench-reader-", i), queued) })
	}
	readers.Wait()
	b.ReportMetric(time.Since(begun).Seconds()*1000, fmt.Sprintf("%d-readers-ms", n))
	close(stop)
	took := <-acks
	b.ReportMetric(quantile(took, 0.5), "ack-p50-ms")
	b.ReportMetric(quantile(took, 0.99), "ack-p99-ms")
}

// read subscribes to all statuses and waits until it has received those of so many requests.
func (s *shop) read(b *testing.B, id string, statuses int) time.Duration {
	c := connect(b, s.addr, id)
	begun := time.Now()
	if err := c.subscribe("tillpost/terminals/+/status/+"); err != nil {
		b.Error(err)
		return 0
	}
	done := make(chan struct{})
	go func() {
		heard := 0
		c.messages(func(string, []byte) {
			if heard++; heard == statuses {
				close(done)
			}
		})
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		b.Error("not all statuses came")
	}
	took := time.Since(begun)
	_ = c.conn.Close()
	return took
}

// publishUntil is a till that places an order every 5 ms.
func (s *shop) publishUntil(b *testing.B, stop chan struct{}, acks chan<- []time.Duration) {
	c := connect(b, s.addr, "bench-till")
	var took []time.Duration
	for i := 0; ; i++ {
		select {
		case <-stop:
			acks <- took
			return
		case <-time.After(5 * time.Millisecond):
		}
		id, start := fmt.Sprintf("beside-%d", i), time.Now()
		if err := c.publish(orderTopic(terminal(i%8)), request(id)); err != nil {
			b.Error(err)
		}
		took = append(took, time.Since(start))
	}
}
