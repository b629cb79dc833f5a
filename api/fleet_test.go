package api

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A thousand shops lose the network together and get it back together: what arrives at the API, second by second. Each
// shop has two terminals with five orders waiting at each, and each order takes a create and, two seconds apart, three
// status calls.
const (
	fleetShops   = 1000
	fleetOutage  = 10 * time.Minute
	fleetSeconds = 60
	// fleetImage is written anew by TILLPOST_DRAW_FLEET=1 go test ./api -run Thousand
	fleetImage = "../docs/fleet.svg"
)

// fleet returns how many calls reach the API in each second after the network is back.
func fleet(jitter func(shop int) func() float64) []int {
	var mu sync.Mutex
	calls := make([]int, fleetSeconds)
	back := time.Now().Add(fleetOutage)
	call := func(b *breaker, l *limiter) {
		for {
			t, wait := b.allow()
			if t == nil {
				time.Sleep(wait)
				continue
			}
			if time.Now().Before(back) {
				time.Sleep(5 * time.Millisecond) // no route: the dial fails at once
				t.done(wasUnanswered)
				continue
			}
			if _, err := l.acquire(context.Background(), true, time.Hour); err != nil {
				panic(err)
			}
			if second := int(time.Since(back) / time.Second); second < len(calls) {
				mu.Lock()
				calls[second]++
				mu.Unlock()
			}
			time.Sleep(80 * time.Millisecond) // the API answers
			t.done(wasAnswered)
			return
		}
	}
	var all sync.WaitGroup
	for shop := range fleetShops {
		b, l := &breaker{rand: jitter(shop)}, newLimiter(180)
		for range 2 {
			all.Go(func() {
				for range 5 {
					call(b, l)
					for range 3 {
						time.Sleep(2 * time.Second)
						call(b, l)
					}
				}
			})
		}
	}
	all.Wait()
	return calls
}

func TestAThousandShopsAreNoFlood(t *testing.T) {
	t.Parallel()
	var with, without []int
	synctest.Test(t, func(*testing.T) {
		with = fleet(func(shop int) func() float64 {
			var mu sync.Mutex
			r := rand.New(rand.NewPCG(uint64(shop), 11))
			return func() float64 { mu.Lock(); defer mu.Unlock(); return r.Float64() }
		})
	})
	synctest.Test(t, func(*testing.T) {
		without = fleet(func(int) func() float64 { return func() float64 { return 1 } })
	})
	t.Logf("calls a second, with jitter: %v", with)
	t.Logf("calls a second, without: %v", without)
	if most := slices.Max(without); most < fleetShops {
		t.Errorf("without jitter at most %d come in a second: is this still the same outage?", most)
	}
	// Fifteen seconds for all of them, and one call a second from each shop from then on.
	first := fleetShops/15*2 + 100
	for second, n := range with {
		if n > first*(second+1) || n > fleetShops*3/2 {
			t.Errorf("in second %d there are %d calls", second, n)
		}
	}
	if os.Getenv("TILLPOST_DRAW_FLEET") != "" {
		if err := os.WriteFile(fleetImage, []byte(drawFleet(with, without)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// drawFleet returns a plot of both.
func drawFleet(with, without []int) string {
	const w, h, left, bottom, top = 720, 320, 60, 40, 20
	most := max(slices.Max(with), slices.Max(without))
	x := func(second int) int { return left + second*(w-left-20)/(fleetSeconds-1) }
	y := func(n int) int { return h - bottom - n*(h-bottom-top)/most }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", w, h)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/>`+"\n", w, h)
	for n := 0; n <= most; n += 500 {
		fmt.Fprintf(&b, `<path d="M%d %dH%d" stroke="#ddd"/><text x="%d" y="%d" text-anchor="end">%d</text>`+"\n", left, y(n), w-20, left-6, y(n)+4, n)
	}
	for s := 0; s < fleetSeconds; s += 10 {
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">%d</text>`+"\n", x(s), h-bottom+16, s)
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">seconds after the network is back</text>`+"\n", w/2, h-8)
	for _, curve := range []struct {
		colour, name string
		calls        []int
		at           int
	}{{"#c33", "in step", without, 40}, {"#27c", "by lot", with, 56}} {
		var points []string
		for s, n := range curve.calls {
			points = append(points, fmt.Sprintf("%d,%d", x(s), y(n)))
		}
		fmt.Fprintf(&b, `<polyline fill="none" stroke="%s" stroke-width="2" points="%s"/>`+"\n", curve.colour, strings.Join(points, " "))
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end" fill="%s">%s</text>`+"\n", w-30, curve.at, curve.colour, curve.name)
	}
	b.WriteString("</svg>\n")
	return b.String()
}
