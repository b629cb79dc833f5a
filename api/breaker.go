package api

import (
	"sync"
	"time"
)

const (
	// An API out of reach is tried after at most a tenth of the outage so far, within these bounds, from try to try.
	longestPause  = 15 * time.Second
	shortestPause = time.Second
	pausePart     = 10
	leastPause    = 200 * time.Millisecond
	// A connection that took hungDial or longer, in an outage, was let in as its end let in all who had asked: who has it
	// waits for up to a part of the outage, so that not all go on in the same second.
	hungDial    = time.Second
	crowdedPart = 20
	mostCrowded = 5 * time.Second
	// A probe that hangs does not keep the next one away for longer.
	probeLease = 10 * time.Second
)

// breaker remembers whether the API can be reached, for all lanes. While it cannot, one probe at a time is let through,
// after pauses that grow with the outage and are drawn from the upper quarter: a thousand stores whose network returns at
// once must not be a flood, and one whose line drops for a moment must not wait for longer than that took.
type breaker struct {
	rand func() float64

	mu       sync.Mutex
	failures int       // in a row; 0 is reachable
	since    time.Time // when the first of them began
	unsure   bool      // the only failure in a row is a lost reply: no call is held back yet
	round    int       // counts changes, so that one outage's calls count as one failure
	until    time.Time
	probing  time.Time // until when the probe under way keeps other calls back
}

// ticket is the permission to make one call; done must be called with its result.
type ticket struct {
	b       *breaker
	round   int
	probe   bool
	started time.Time
	once    sync.Once
}

type result uint8

const (
	wasAbandoned result = iota // the caller gave up: proves nothing
	wasAnswered
	wasUnanswered // never reached
	wasLost       // reached, but no reply came
)

// allow returns a ticket, or nil and the time after which to ask again.
func (b *breaker) allow() (*ticket, time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	t := &ticket{b: b, round: b.round, started: now}
	if b.failures == 0 || b.unsure {
		return t, 0
	}
	if wait := b.waitLocked(now); wait > 0 {
		return nil, wait
	}
	t.probe = true
	b.probing = now.Add(probeLease)
	return t, 0
}

// allowAhead is allow for what can wait until the API is known to be reachable.
func (b *breaker) allowAhead() (*ticket, time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if b.failures == 0 || b.unsure {
		return &ticket{b: b, round: b.round, started: now}, 0
	}
	return nil, max(b.waitLocked(now), leastPause)
}

func (b *breaker) waitLocked(now time.Time) time.Duration {
	if wait := b.until.Sub(now); wait > 0 {
		return wait
	}
	if wait := b.probing.Sub(now); wait > 0 {
		// Most probes end within a moment, either way.
		return min(wait, leastPause+time.Duration(b.rand()*float64(shortestPause)))
	}
	return 0
}

// wait returns the time until the next try is let through; 0 is now.
func (b *breaker) wait() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failures == 0 || b.unsure {
		return 0
	}
	return b.waitLocked(time.Now())
}

// crowded returns how long to wait with a connection that took so long to be made; 0 where no outage was known.
func (b *breaker) crowded(took time.Duration) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if took < hungDial || b.failures == 0 || b.unsure {
		return 0
	}
	return time.Duration(b.rand() * float64(min(time.Since(b.since)/crowdedPart, mostCrowded)))
}

// unused ends a ticket whose connection was made and never used. As a try it has shown that the API can be reached; one from before an
// outage shows nothing.
func (t *ticket) unused() {
	if t.probe {
		t.done(wasAnswered)
	} else {
		t.done(wasAbandoned)
	}
}

func (t *ticket) done(r result) {
	t.once.Do(func() { t.b.done(t, r) })
}

func (b *breaker) done(t *ticket, r result) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case r == wasAnswered:
		if b.failures > 0 {
			b.failures, b.unsure, b.until, b.probing = 0, false, time.Time{}, time.Time{}
			b.round++
		}
	case t.round != b.round: // it began before what is known by now
	case r == wasUnanswered, r == wasLost:
		if b.failures++; b.failures == 1 {
			b.since = t.started
		}
		b.round++
		b.probing = time.Time{}
		b.until = b.pauseEnd(t.started, time.Now())
		// It was reachable a moment ago, and finding out what became of the lost call can't wait.
		b.unsure = r == wasLost && b.failures == 1
	case t.probe:
		b.probing = time.Time{}
	}
}

// pauseEnd returns when the next try is let through. It counts from the start of the failed one, so that tries that
// take long to fail are not further apart than longestPause.
func (b *breaker) pauseEnd(started, now time.Time) time.Time {
	limit := min(max(now.Sub(b.since)/pausePart, shortestPause), longestPause)
	pause := limit*3/4 + time.Duration(b.rand()*float64(limit/4))
	end := started.Add(pause)
	if least := now.Add(leastPause); end.Before(least) {
		return least
	}
	return end
}
