package chaos_test

import (
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// dice answers every question of a schedule from its seed and from where it is asked, never from how many were asked
// before: two goroutines that come in another order still meet the same fate.
type dice uint64

func (d dice) roll(site string, ns ...int) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(site)) // never fails
	x := mix(uint64(d) ^ h.Sum64())
	for _, n := range ns {
		x = mix(x ^ uint64(n))
	}
	return x
}

// mix is the finaliser of SplitMix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (d dice) chance(p float64, site string, ns ...int) bool {
	return float64(d.roll(site, ns...)>>11)/(1<<53) < p
}

// between returns a time to the nanosecond, so that two things hardly ever happen at once and a replay need not guess
// which of them came first.
func (d dice) between(lo, hi time.Duration, site string, ns ...int) time.Duration {
	if hi <= lo {
		return lo
	}
	return lo + time.Duration(d.roll(site, ns...)%uint64(hi-lo))
}

// stream returns a row of numbers for what is drawn in one place, by one goroutine.
func (d dice) stream(site string) *draw {
	return &draw{rand.New(rand.NewPCG(d.roll(site), uint64(d)))} // a repeatable course
}

type draw struct{ *rand.Rand }

func (r *draw) chance(p float64) bool { return r.Float64() < p }

func (r *draw) between(lo, hi time.Duration) time.Duration {
	if hi <= lo {
		return lo
	}
	return lo + time.Duration(r.Int64N(int64(hi-lo)))
}

func pick[T any](r *draw, of ...T) T { return of[r.IntN(len(of))] }
