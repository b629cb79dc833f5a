package bench

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// turns has orders and what they are compared with take turns: an order, one commit and an exchange, two commits and an
// exchange, and again, a third of the time between two orders apart. Each of them so comes at the pace of the orders, and
// finds a disk and a processor that were idle for as long: idle ones are slower than busy ones.
type turns struct {
	order func() time.Duration
	floor func(commits int) time.Duration

	took, one, two []time.Duration
	due            time.Time
}

// run takes n turns of each, at so many orders a second, in a random rhythm.
func (t *turns) run(n, rate int) {
	third := time.Second / time.Duration(3*rate)
	wait := func() {
		now := time.Now()
		if t.due = t.due.Add(third); t.due.Before(now) {
			t.due = now.Add(third / 2)
		}
		time.Sleep(t.due.Sub(now) + rand.N(third) - third/2)
	}
	for range n {
		wait()
		t.took = append(t.took, t.order())
		wait()
		t.one = append(t.one, t.floor(1))
		wait()
		t.two = append(t.two, t.floor(2))
	}
}

// warm takes turns that don't count: schemas are compiled then, and pages are there.
func (t *turns) warm(n, rate int) {
	t.run(n, rate)
	t.took, t.one, t.two = nil, nil, nil
}

// report tells p50 and p99 of all three, and the ratio of the orders' to either floor's.
func (t *turns) report(b *testing.B) {
	b.ReportMetric(0, "ns/op") // the rhythm is ours
	for _, q := range []struct {
		name string
		q    float64
	}{{"p50", 0.5}, {"p99", 0.99}} {
		took, one, two := quantile(t.took, q.q), quantile(t.one, q.q), quantile(t.two, q.q)
		b.ReportMetric(took, q.name+"-ms")
		b.ReportMetric(one, "floor1-"+q.name+"-ms")
		b.ReportMetric(two, "floor2-"+q.name+"-ms")
		b.ReportMetric(took/one, "ratio1-"+q.name)
		b.ReportMetric(took/two, "ratio2-"+q.name)
	}
}

// arrivals tells when the API has read each order, by its id, and fails the benchmark where one comes twice.
type arrivals struct {
	tb testing.TB

	mu   sync.Mutex
	came map[string]chan time.Time
	n    map[string]int
}

// watchArrivals is called before the first order.
func watchArrivals(tb testing.TB, api *fakeAPI) *arrivals {
	a := &arrivals{tb: tb, came: map[string]chan time.Time{}, n: map[string]int{}}
	api.arrived = func(id string, at time.Time) {
		if id == "floor" {
			return
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.n[id]++; a.n[id] > 1 {
			a.tb.Errorf("%s came to the API %d times", id, a.n[id])
			return
		}
		a.of(id) <- at
	}
	return a
}

// of is where an order's time comes. The lock is held.
func (a *arrivals) of(id string) chan time.Time {
	if a.came[id] == nil {
		a.came[id] = make(chan time.Time, 1)
	}
	return a.came[id]
}

// await waits until the API has read an order; ok is false, and the benchmark has failed, after a minute.
func (a *arrivals) await(id string) (at time.Time, ok bool) {
	a.mu.Lock()
	came := a.of(id)
	a.mu.Unlock()
	select {
	case at = <-came:
		return at, true
	case <-time.After(time.Minute):
		a.tb.Errorf("%s did not come to the API within a minute", id)
		return at, false
	}
}
