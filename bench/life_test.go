package bench

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tillpost/internal/proctest"
	"tillpost/outbox/outboxtest"
)

// BenchmarkLife is what the real binary writes and syncs for an order from its acceptance until it is paid, as strace sees
// it: one after the other in a young outbox, with ids of a uuid and of a till's name and one, and in one that keeps 10,000, and
// in a burst of 8 tills at 8 terminals. Run it with a -benchtime in orders; a burst is one of hundreds.
func BenchmarkLife(b *testing.B) {
	for _, o := range []struct {
		name, broker, ids string
		kept              int
		burst             bool
	}{
		{name: "young", broker: brokerEmbedded},
		{name: "young/long-ids", broker: brokerEmbedded, ids: "till-1-"},
		{name: "kept=10000", broker: brokerEmbedded, kept: 10_000},
		{name: "burst/embedded", broker: brokerEmbedded, burst: true},
		{name: "burst/mosquitto", broker: brokerMosquitto, burst: true},
	} {
		b.Run(o.name, func(b *testing.B) {
			dir := b.TempDir()
			trace := filepath.Join(dir, "trace")
			wrap := strace(trace, "-y", "-s", "0", "-e", "trace=fdatasync,fsync,pwrite64")
			if wrap == nil {
				b.Skip("strace is not installed")
			}
			if o.kept > 0 {
				keep(b, dir, o.kept)
			}
			s := startBusy(b, o.broker, dir, wrap...)
			s.ids = o.ids
			s.alone(b, 10)
			if o.kept > 0 {
				s.burst(b, 1200) // more than the outbox keeps index entries of in memory
			}
			n := orders(b)
			before := readTrace(b, trace)
			if o.burst {
				s.burst(b, n)
			} else {
				s.alone(b, n)
			}
			after, each := readTrace(b, trace), 1/float64(n)
			b.ReportMetric((after.commits-before.commits)*each, "commits/order")
			b.ReportMetric((after.syncs-before.syncs)*each, "syncs/order")
			b.ReportMetric((after.bytes-before.bytes)/1024*each, "KiB/order")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkWork is what the real binary uses of the processor for an order from its acceptance until it is paid, at 20
// orders a second and in a burst of 8 tills at 8 terminals. Run it with a -benchtime in orders, such as 400x: the kernel
// counts in steps of 10 ms.
func BenchmarkWork(b *testing.B) {
	for _, broker := range []string{brokerEmbedded, brokerMosquitto} {
		for _, burst := range []bool{false, true} {
			name := broker + "/20"
			if burst {
				name = broker + "/burst"
			}
			b.Run(name, func(b *testing.B) {
				s := startBusy(b, broker, b.TempDir())
				s.paced(b, 40)
				settled(b, s.process)
				n, before := orders(b), used(b, s.process.PID())
				if burst {
					s.burst(b, n)
				} else {
					s.paced(b, n)
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric((used(b, s.process.PID())-before).Seconds()*1000/float64(n), "cpu-ms/order")
			})
		}
	}
}

// orders is the number that -benchtime asks for. To range over b.N would run all that is around it twice.
func orders(b *testing.B) (n int) {
	for b.Loop() {
		n++
	}
	return n
}

// busyShop is a shop of 8 terminals where the real binary runs, and customers pay at once.
type busyShop struct {
	*shop
	api     *fakeAPI
	process *proctest.Process
	pos     *till
	ids     string // what request ids begin with
	next    atomic.Int64
}

// startBusy starts the binary, under another program if wrap names one.
func startBusy(b *testing.B, broker, dir string, wrap ...string) *busyShop {
	b.Helper()
	api := startAPI(b)
	s := &busyShop{api: api, shop: &shop{broker: broker, api: api.addr, dir: dir, policy: `poll_interval = "50ms"`}}
	s.process = s.start(b, wrap...)
	s.awaitOnline(b)
	s.pos = connect(b, s.addr, "bench-till")
	return s
}

// place has a till place the shop's next order. The ids come in no order, as those that tills make up.
func (s *busyShop) place(pos *till) error {
	n := int(s.next.Add(1))
	return pos.publish(orderTopic(terminal(n%8)), request(s.ids+outboxtest.ID(afterKept+n)))
}

// allPaid waits until every order is paid, and a little: the last commit comes after the API's word.
func (s *busyShop) allPaid(b *testing.B) {
	b.Helper()
	until(b, "the orders to be paid", func() bool { return s.api.paid.Load() >= s.next.Load() })
	time.Sleep(300 * time.Millisecond)
}

// alone has n orders placed, each when the one before is paid.
func (s *busyShop) alone(b *testing.B, n int) {
	b.Helper()
	for range n {
		if err := s.place(s.pos); err != nil {
			b.Fatal(err)
		}
		until(b, "an order to be paid", func() bool { return s.api.paid.Load() >= s.next.Load() })
	}
	s.allPaid(b)
}

// paced has n orders placed at 20 a second.
func (s *busyShop) paced(b *testing.B, n int) {
	b.Helper()
	pace := time.NewTicker(time.Second / 20)
	defer pace.Stop()
	for range n {
		<-pace.C
		if err := s.place(s.pos); err != nil {
			b.Fatal(err)
		}
	}
	s.allPaid(b)
}

// burst has 8 tills place n orders as quickly as they are taken.
func (s *busyShop) burst(b *testing.B, n int) {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(n))
	var tills sync.WaitGroup
	for i := range 8 {
		pos := connect(b, s.addr, "bench-till-"+strconv.Itoa(i))
		tills.Go(func() {
			for left.Add(-1) >= 0 {
				if err := s.place(pos); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	tills.Wait()
	s.allPaid(b)
}

// traced is what a trace holds of the outbox; a commit is a write of one of the two root pages.
type traced struct{ commits, syncs, bytes float64 }

var (
	traceSync  = regexp.MustCompile(`f(data)?sync\(\d+<[^>]*outbox\.db>`)
	traceWrite = regexp.MustCompile(`pwrite64\(\d+<[^>]*outbox\.db>, ""\.\.\., (\d+), (\d+)`)
)

func readTrace(b *testing.B, trace string) (t traced) {
	b.Helper()
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
