package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"tillpost/internal/proctest"
)

// pageReaders is as many as are served; the pages of one browser share one.
const pageReaders = 32

// BenchmarkPages is what the HTTP side costs, in the real binary: how long a change takes to all of 32 readers of events
// while a till places an order every 5 ms, how long that till's acknowledgements take with and without them, and the
// private memory of each reader; then, with 10,000 requests of today, the first page of the list and the day's report
// while orders go on. The API is away. Run it with -benchtime 1x.
func BenchmarkPages(b *testing.B) {
	for b.Loop() {
		web := proctest.FreeAddr(b)
		s := &shop{broker: brokerEmbedded, pages: web}
		p := s.start(b)
		s.awaitOnline(b)
		settled(b, p)
		b.ReportMetric(0, "ns/op")
		s.acknowledged(b, "alone", func() { time.Sleep(2 * time.Second) })
		settled(b, p)
		before := figure(b, p.PID(), "RssAnon")
		readers := openReaders(b, web)
		settled(b, p)
		b.ReportMetric((figure(b, p.PID(), "RssAnon")-before)/pageReaders, "KiB/reader")
		s.acknowledged(b, "read", func() { time.Sleep(2 * time.Second) })
		b.ReportMetric(quantile(readers.close(), 0.99), "change-p99-ms")
		s.fillToday(b, 10_000)
		s.acknowledged(b, "reported", func() {
			b.ReportMetric(fetched(b, web, "/api/v1/requests"), "first-page-ms")
			b.ReportMetric(fetched(b, web, "/api/v1/report?day="+today()), "report-ms")
			b.ReportMetric(fetched(b, web, "/api/v1/charts"), "charts-ms")
		})
		p.Stop()
	}
}

// today returns the day in the zone of a configuration that names none.
func today() string {
	zone, err := time.LoadLocation("Europe/Oslo")
	if err != nil {
		return ""
	}
	return time.Now().In(zone).Format(time.DateOnly)
}

// acknowledged reports how long a till's acknowledgements take while something is done.
func (s *shop) acknowledged(b *testing.B, what string, do func()) {
	stop, acks := make(chan struct{}), make(chan []time.Duration)
	go s.publishUntil(b, stop, acks)
	do()
	close(stop)
	took := <-acks
	b.ReportMetric(quantile(took, 0.5), what+"-ack-p50-ms")
	b.ReportMetric(quantile(took, 0.99), what+"-ack-p99-ms")
}

// fillToday places as many orders from eight tills.
func (s *shop) fillToday(b *testing.B, n int) {
	var tills sync.WaitGroup
	for t := range 8 {
		tills.Go(func() {
			c := connect(b, s.addr, fmt.Sprint("bench-fill-", t))
			for i := range n / 8 {
				if err := c.publish(orderTopic(terminal(t)), request(fmt.Sprintf("fill-%d-%d", t, i))); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	tills.Wait()
}

// fetched returns how long an answer takes, in ms.
func fetched(b *testing.B, web, path string) float64 {
	begun := time.Now()
	if code, text := proctest.Get(b, "http://"+web+path); code != http.StatusOK {
		b.Errorf("%s: %d %.200s", path, code, text)
	}
	return time.Since(begun).Seconds() * 1000
}

// pageReading is streams of events, and how late each change came.
type pageReading struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
	mu     sync.Mutex
	late   []time.Duration
}

func openReaders(b *testing.B, web string) *pageReading {
	r := &pageReading{}
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(context.Background())
	var open sync.WaitGroup
	open.Add(pageReaders)
	for range pageReaders {
		r.done.Go(func() { r.read(ctx, b, web, open.Done) })
	}
	open.Wait()
	return r
}

// read follows a stream. The time of a change is in the status itself, to the millisecond.
func (r *pageReading) read(ctx context.Context, b *testing.B, web string, begun func()) {
	rq, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+web+"/api/v1/events", http.NoBody)
	if err != nil {
		b.Error(err)
		return
	}
	reply, err := http.DefaultTransport.RoundTrip(rq)
	if err != nil || reply.StatusCode != http.StatusOK {
		b.Errorf("no stream: %v", err)
		begun()
		return
	}
	defer func() { _ = reply.Body.Close() }()
	lines := bufio.NewReader(reply.Body)
	caughtUp := false
	var late []time.Duration
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			if err == io.EOF {
				b.Error("a reader was dropped")
			}
			break
		}
		if strings.HasPrefix(line, "event: beat") && !caughtUp {
			caughtUp = true
			begun()
		}
		_, after, revision := strings.Cut(line, `"revision":1,"at":"`)
		if !caughtUp || !revision || !strings.Contains(line, `"state":"queued"`) || strings.Contains(line, `"waiting":{"code":"apiUnreachable"`) {
			continue
		}
		if at, err := time.Parse(time.RFC3339, after[:24]); err == nil {
			late = append(late, time.Since(at))
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.late = append(r.late, late...)
}

// close ends the streams.
func (r *pageReading) close() []time.Duration {
	time.Sleep(500 * time.Millisecond) // what is on its way comes
	r.cancel()
	r.done.Wait()
	return r.late
}

// BenchmarkList is how long the first page of the list takes with 100,000 requests kept, and one that is narrowed to
// what there is none of. Run it with -benchtime 1x.
func BenchmarkList(b *testing.B) {
	for b.Loop() {
		dir, web := b.TempDir(), proctest.FreeAddr(b)
		fill(b, dir, 100_000, 8)
		s := &shop{broker: brokerEmbedded, dir: dir, pages: web}
		p := s.start(b)
		s.awaitOnline(b)
		settled(b, p)
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(fetched(b, web, "/api/v1/requests"), "first-page-ms")
		b.ReportMetric(fetched(b, web, "/api/v1/requests?state=paid"), "none-ms")
		p.Stop()
	}
}
