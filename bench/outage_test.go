package bench

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// BenchmarkBackToWork is how long the real binary takes to go on, in real time: from the end of an outage of 15 s, in
// which every terminal got an order, to the first order at the API, and to the last terminal's first; and from the moment
// when a terminal that was busy for 20 s is free to the order that waited for it. Twenty shops at once suffer the one, and
// twenty the other: they are all but idle meanwhile. Run it with -benchtime 1x.
func BenchmarkBackToWork(b *testing.B) {
	for b.Loop() {
		const each = 20
		var shops []*waitingShop
		for i := range 2 * each {
			shops = append(shops, openWaitingShop(b, i))
		}
		// On a new installation the list's lag is known, and that the look-ups are ours, once sales were found there.
		time.Sleep(10 * time.Second)
		first, last, free := make([]time.Duration, each), make([]time.Duration, each), make([]time.Duration, each)
		var all sync.WaitGroup
		for i := range each {
			all.Go(func() { first[i], last[i] = shops[i].outage(b, 15*time.Second) })
			all.Go(func() { free[i] = shops[each+i].busy(b, 20*time.Second) })
			time.Sleep(137 * time.Millisecond) // no two in step
		}
		all.Wait()
		b.ReportMetric(0, "ns/op")
		for name, took := range map[string][]time.Duration{"outage-first": first, "outage-all": last, "busy-first": free} {
			b.ReportMetric(quantile(took, 0.5)/1000, name+"-p50-s")
			b.ReportMetric(quantile(took, 1)/1000, name+"-max-s")
		}
		for _, s := range shops {
			s.stop()
		}
	}
}

// waitingShop is a shop of 8 terminals where the real binary runs.
type waitingShop struct {
	*shop
	books *books
	pos   *till
	stop  func()
}

func openWaitingShop(b *testing.B, n int) *waitingShop {
	b.Helper()
	books := openBooks(b, 8)
	s := &waitingShop{shop: &shop{broker: brokerEmbedded, api: books.addr}, books: books}
	p := s.start(b)
	s.stop = func() { p.Stop() }
	s.awaitOnline(b)
	s.pos = connect(b, s.addr, fmt.Sprintf("bench-till-%d", n))
	for i := range 8 {
		s.place(b, i, "first")
	}
	s.await(b, 8, "first")
	return s
}

// place has the till place an order at a terminal.
func (s *waitingShop) place(b *testing.B, at int, id string) {
	if err := s.pos.publish(orderTopic(terminal(at)), request(fmt.Sprintf("%s-%d", id, at))); err != nil {
		b.Error(err)
	}
}

// await waits until the orders of so many terminals are in the books, and returns when the first and the last of them
// came. It waits two minutes at most, and the benchmark has failed then.
func (s *waitingShop) await(b *testing.B, terminals int, id string) (first, last time.Time) {
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var came []time.Time
		for _, o := range s.books.Orders() {
			if strings.HasPrefix(idOf(o.Body), id+"-") {
				came = append(came, o.CreatedAt)
			}
		}
		if len(came) >= terminals {
			return slices.MinFunc(came, time.Time.Compare), slices.MaxFunc(came, time.Time.Compare)
		}
	}
	b.Errorf("not all orders came in two minutes")
	return first, last
}

// outage cuts the API off, has an order placed at each terminal meanwhile, and returns how long after its return the
// first and the last of them came.
func (s *waitingShop) outage(b *testing.B, lasts time.Duration) (first, last time.Duration) {
	if err := s.books.SetDown(true); err != nil {
		b.Error(err)
	}
	end := time.Now().Add(lasts)
	for i := range 8 {
		time.Sleep(lasts / 10)
		s.place(b, i, "outage")
	}
	time.Sleep(time.Until(end))
	back := time.Now()
	if err := s.books.SetDown(false); err != nil {
		b.Error(err)
	}
	from, to := s.await(b, 8, "outage")
	return from.Sub(back), to.Sub(back)
}

// busy makes a terminal busy, has an order placed at it, and returns how long after its end that came.
func (s *waitingShop) busy(b *testing.B, lasts time.Duration) time.Duration {
	if err := s.books.SetBusyFor(terminal(0), lasts); err != nil {
		b.Error(err)
	}
	free := time.Now().Add(lasts)
	s.place(b, 0, "busy")
	came, _ := s.await(b, 1, "busy")
	return came.Sub(free)
}
