// Package crowd_test runs many agents behind one API in fake time, and counts what an outage has arrive there. See
// docs/performance.md.
package crowd_test

import (
	"cmp"
	"context"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/api/simulator"
	"tillpost/outbox"
)

const (
	// before is for the shops to open, to sell, and to learn which look-ups are theirs; away is the outage, after what is looked at when
	// it is over.
	before = 4 * time.Minute
	away   = 5 * time.Minute
	after  = 2 * time.Minute
	lasts  = before + away + after
	// closing is when no more orders are placed.
	closing = lasts - 30*time.Second
	// judged is how long after its beginning an outage is judged.
	judged = 30 * time.Second
)

// What a thousand agents may have arrive at the API in a second. Behind pages each of them comes to have an order in doubt, which is
// searched for as often as its till was promised: by a thousand that is the bound itself.
const (
	thousand  = 1000
	mostDials = 500
	mostLooks = 200
	searched  = 5 * time.Second
)

func TestMain(m *testing.M) {
	if err := os.Setenv("TILLPOST_API_TOKEN", "of-the-shop"); err != nil {
		panic(err)
	}
	debug.SetGCPercent(300)
	os.Exit(m.Run())
}

// TestOutage has CROWD shops (few without it) lose the API for five minutes, in each of the ways, and draws what arrived there into
// the file PLOT. A smaller crowd is judged by longer stretches: by as many calls as a thousand make in a second.
func TestOutage(t *testing.T) {
	shops := few
	text, large := os.LookupEnv("CROWD")
	if large {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > thousand {
			t.Fatalf("CROWD=%q is no number from 1 to %d", text, thousand)
		}
		shops = n
	}
	all := map[outage]record{}
	every, err := time.ParseDuration(cmp.Or(os.Getenv("EVERY"), usual))
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range outages {
		t.Run(strings.ReplaceAll(string(kind), " ", "-"), func(t *testing.T) {
			all[kind] = suffer(t, shops, every, kind)
			looks := mostLooks
			if kind == gateway && !large { // the searches are the bound by themselves; whoever probed beside them would have twice as many
				looks += thousand / int(searched/time.Second) / 2
			}
			judge(t, shops, all[kind], looks)
		})
	}
	if path := os.Getenv("PLOT"); path != "" && len(all) == len(outages) {
		if err := os.WriteFile(path, []byte(plot(shops, all)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const (
	few   = 100  // the crowd of every run
	usual = "2m" // from one order at a terminal to the next
)

// suffer runs a crowd through an outage, and returns what arrived at the API.
func suffer(t *testing.T, shops int, every time.Duration, kind outage) (seen record) {
	t.Helper()
	dir := t.TempDir()
	cfg := parsedConfig(t)
	synctest.Test(t, func(t *testing.T) {
		sim := simulator.New(simulated(shops))
		defer sim.Close()
		c := newCloud(sim, kind)
		defer c.serve()()
		ctx, cancel := context.WithCancel(t.Context())
		var doubts atomic.Int64
		var open sync.WaitGroup
		all := make([]*shop, shops)
		for n := range all {
			for i, terminal := range terminalsOf(n) {
				if err := customers(sim, terminal, n*terminalsEach+i); err != nil {
					t.Fatal(err)
				}
			}
			all[n] = newShop(n, every, c, &doubts)
			run := all[n].open(t, *cfg, dir)
			open.Go(func() { run(ctx) })
		}
		time.Sleep(time.Until(c.returns))
		inDoubt := doubts.Load()
		time.Sleep(time.Until(c.began.Add(lasts)))
		checkBooks(t, sim, all)
		cancel()
		open.Wait()
		t.Logf("%d orders of %d shops came into doubt before the API was back, %d after", inDoubt, shops, doubts.Load()-inDoubt)
		if inDoubt == 0 {
			t.Error("nothing is in doubt: there are no searches to count")
		}
		seen = c.seen
	})
	return seen
}

func simulated(shops int) simulator.Options {
	o := simulator.Options{Seed: 30, Merchants: map[string]string{}}
	for n := range shops {
		o.Merchants[tokenOf(n)] = organizationOf(n)
		for _, terminal := range terminalsOf(n) {
			o.Terminals = append(o.Terminals, simulator.Terminal{UUID: terminal, Name: terminal, Organization: organizationOf(n)})
		}
	}
	return o
}

// checkBooks compares the shops' outboxes with the API's books.
func checkBooks(t *testing.T, sim *simulator.Simulator, shops []*shop) {
	t.Helper()
	orders, open := 0, map[outbox.State]int{}
	for _, s := range shops {
		err := s.store.Each(func(r outbox.Request) bool {
			if r.OrderUUID != "" {
				orders++
			}
			if !r.State.Final() {
				open[r.State]++
			}
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if at := len(sim.Orders()); at < orders || at-orders > open[outbox.StateSending]+open[outbox.StateInDoubt] {
		t.Errorf("%d orders at the API, the shops know of %d; open are %v", at, orders, open)
	}
	t.Logf("%d orders; open at the end: %v", orders, open)
}

// judge fails where more arrived than may: dials, and as many probes and searches as looks says.
func judge(t *testing.T, shops int, seen record, looks int) {
	t.Helper()
	from := int((before + judged) / time.Second)
	for _, one := range []struct {
		what string
		in   []int
		most int
	}{{"dials", seen.dials, mostDials}, {"probes and searches", seen.looks, looks}} {
		stretch := thousand / shops
		back := int((before + away) / time.Second)
		out, _ := busiest(one.in[:back], from, stretch)
		most, at := busiest(one.in, from, stretch)
		t.Logf("%s in %d s: at most %d from the %v of the outage on, %d with its end, %d s after its beginning; a second %.0f in it and %.0f after it", one.what,
			stretch, out, judged, most, at-int(before/time.Second), mean(one.in[from:back]), mean(one.in[back:]))
		pace := int(searched / time.Second)
		five, _ := busiest(one.in, from, pace)
		t.Logf("%s in %d s, in which a doubt is searched for once: at most %.0f a second", one.what, pace, float64(five)/float64(pace))
		if most > one.most {
			t.Errorf("%d %s in %d s, more than %d", most, one.what, stretch, one.most)
		}
	}
	_, at := busiest(seen.looks, from, 1)
	for op, in := range seen.by {
		t.Logf("%s in the busiest second: %d", op, in[at])
	}
}

// busiest returns the most that came in a stretch of some seconds, and where that begins.
func busiest(in []int, from, stretch int) (most, at int) {
	for i := from; i+stretch <= len(in); i++ {
		sum := 0
		for _, n := range in[i : i+stretch] {
			sum += n
		}
		if sum > most {
			most, at = sum, i
		}
	}
	return most, at
}

func mean(in []int) float64 {
	sum := 0
	for _, n := range in {
		sum += n
	}
	return float64(sum) / float64(max(1, len(in)))
}
