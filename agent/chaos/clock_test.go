package chaos_test

import (
	"fmt"
	"sync"
	"time"

	"tillpost/outbox"
)

// clock is the machine's clock: the bubble's time, some years before or after it, known to be right or not. Without NTP the
// API's Date header sets it.
type clock struct {
	mu     sync.Mutex
	wrong  time.Duration
	ntp    bool
	dated  bool
	lied   bool // it was called right while it was years off, which no later boot can know
	boot   int
	booted time.Time
}

func newClock() *clock { return &clock{ntp: true, booted: time.Now().Add(-time.Hour)} }

func (c *clock) Now() outbox.Instant {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	wall := now.Add(c.wrong)
	if !c.ntp && c.dated {
		wall = now
	}
	return outbox.Instant{Wall: wall.UnixMilli(), Known: c.ntp || c.dated, Boot: fmt.Sprint("boot-", c.boot), Mono: now.Sub(c.booted).Truncate(time.Millisecond)}
}

func (c *clock) SawDate(time.Time, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dated = true
}

func (c *clock) Synchronized() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ntp
}

func (c *clock) Skew() (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wrong, c.dated
}

// everWrong reports whether the clock was called right while it was years off.
func (c *clock) everWrong() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lied
}

// right reports whether the clock is right, and always was.
func (c *clock) right() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wrong == 0 && c.ntp && !c.lied
}

// set makes the wall clock wrong by d, and says whether the system believes it.
func (c *clock) set(d time.Duration, ntp bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong, c.ntp, c.dated = d, ntp, false
	c.lied = c.lied || ntp && d != 0
}

// reboot starts the monotonic clock anew. Without a battery the wall clock may be that of the last century.
func (c *clock) reboot(ntp bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lied {
		return
	}
	c.boot++
	c.booted, c.dated, c.ntp = time.Now().Add(-20*time.Second), false, ntp
	if ntp {
		c.wrong = 0
	} else {
		c.wrong = -25 * 365 * 24 * time.Hour
	}
}
