package api

import (
	"container/list"
	"context"
	"errors"
	"math"
	"sync"
	"time"
)

var errHeld = errors.New("held back: the API's rate limit")

// trickle is the pace of polls while the API says that few calls are left: slow
// enough to leave those few to urgent calls, quick enough to notice more.
const trickle = 5 * time.Second

// limiter is one bucket of calls for the whole client, shared by all lanes. Urgent calls go before polls, in order of
// arrival each, and polls leave a reserve, so that an urgent call that comes now and then never waits.
type limiter struct {
	perSecond float64
	burst     float64
	reserve   float64

	mu             sync.Mutex
	left           float64
	filled         time.Time
	heldUntil      time.Time // no call is let go before: the API's Retry-After
	pollsHeldUntil time.Time
	scarce         bool
	urgent         list.List // of *waiter
	polls          list.List
	timer          *time.Timer
}

type waiter struct {
	ready   chan struct{} // closed with mu held
	granted bool
}

func newLimiter(perMinute int) *limiter {
	const mostReserved = 8 // a lane makes one urgent call at a time
	burst := math.Max(2, float64(perMinute)/6)
	l := &limiter{
		perSecond: float64(perMinute) / 60,
		burst:     burst,
		reserve:   math.Min(mostReserved, math.Min(burst-1, math.Max(1, burst/4))),
		left:      burst,
		filled:    time.Now(),
	}
	l.timer = time.AfterFunc(time.Hour, l.wake)
	l.timer.Stop() // until dispatch sets it
	return l
}

// acquire waits until one call may be made. Where the API asked for a pause longer than a second it does not wait, but
// returns errHeld and the pause at once; so it does when patience ends. Its only other error is that of ctx.
func (l *limiter) acquire(ctx context.Context, urgent bool, patience time.Duration) (time.Duration, error) {
	l.mu.Lock()
	if pause := time.Until(l.heldUntil); pause > time.Second {
		l.mu.Unlock()
		return pause, errHeld
	}
	queue := &l.polls
	if urgent {
		queue = &l.urgent
	}
	w := &waiter{ready: make(chan struct{})}
	element := queue.PushBack(w)
	l.dispatch()
	granted := w.granted
	l.mu.Unlock()
	if granted {
		return 0, nil // as nearly always
	}
	err := errHeld
	select {
	case <-w.ready:
		return 0, nil
	case <-time.After(patience):
	case <-ctx.Done():
		err = ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.granted { // at the same moment
		return 0, nil
	}
	queue.Remove(element)
	l.dispatch()
	return max(time.Second, time.Until(l.heldUntil)), err
}

// dispatch lets the calls go that may, and sets the timer for the next. The caller holds mu.
func (l *limiter) dispatch() {
	for {
		now := time.Now()
		l.left = math.Min(l.burst, l.left+now.Sub(l.filled).Seconds()*l.perSecond)
		l.filled = now
		var queue *list.List
		var wait time.Duration
		switch {
		case l.urgent.Len() > 0:
			queue, wait = &l.urgent, max(l.heldUntil.Sub(now), l.until(1))
		case l.polls.Len() > 0:
			queue, wait = &l.polls, max(l.heldUntil.Sub(now), l.pollsHeldUntil.Sub(now), l.until(1+l.reserve))
		default:
			return
		}
		if wait > 0 {
			l.timer.Reset(wait)
			return
		}
		l.left--
		if l.scarce && queue == &l.polls {
			l.pollsHeldUntil = now.Add(trickle)
		}
		if w, ok := queue.Remove(queue.Front()).(*waiter); ok {
			w.granted = true
			close(w.ready)
		}
	}
}

// until returns the time until the bucket holds n calls.
func (l *limiter) until(n float64) time.Duration {
	const grain = 1e-6 // what rounding to nanoseconds may leave short
	if l.left+grain >= n {
		return 0
	}
	return time.Duration(math.Ceil((n - l.left) / l.perSecond * float64(time.Second)))
}

func (l *limiter) wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dispatch()
}

// pause holds every call back for d: the API answered 429.
func (l *limiter) pause(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if until := time.Now().Add(d); until.After(l.heldUntil) {
		l.heldUntil = until
	}
}

// remaining applies x-ratelimit-remaining, of limit (0 where unknown). It never allows more than we would ourselves.
func (l *limiter) remaining(n, limit int) {
	low := 12
	if limit > 0 {
		low = limit / 10
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left = math.Min(l.left, math.Max(0, float64(n)))
	switch {
	case n > low && l.scarce:
		l.scarce, l.pollsHeldUntil = false, time.Time{}
		l.dispatch()
	case n <= low && !l.scarce:
		l.scarce, l.pollsHeldUntil = true, time.Now().Add(trickle)
	}
}

// stop ends the timer. Waiters end by their context.
func (l *limiter) stop() { l.timer.Stop() }
