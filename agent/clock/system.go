package clock

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"tillpost/outbox"
)

// Clock tells the time to the agent and its outbox. It must be safe for concurrent use.
type Clock interface {
	// Now returns the present moment.
	Now() outbox.Instant
	// SawDate is called with the API's Date header, and the local wall time at which it came.
	SawDate(date, local time.Time)
	// Synchronized reports whether the operating system keeps its clock in step with the world.
	Synchronized() bool
	// Skew returns how far the local clock is ahead of the API's; ok is false before the first Date header.
	Skew() (d time.Duration, ok bool)
}

const (
	// skewTolerated is what a Date header, cut to seconds and a while on its way, can't tell from a right clock.
	skewTolerated = 3 * time.Second
	syncLookAgain = time.Second
)

// System is the machine's own clock. A Raspberry Pi has no battery behind it: while the system does not call
// itself synchronised, the API's Date header sets it right.
type System struct {
	boot string

	mu       sync.Mutex
	synced   bool
	lookedAt time.Duration
	looked   bool
	skew     time.Duration
	dated    bool
	// started is the API's time of this machine's start: its clock may be set meanwhile, that can't.
	started time.Time

	wall         func() time.Time
	mono         func() time.Duration
	systemSynced func() bool
}

// NewSystem makes a System for the present boot.
func NewSystem() *System {
	return &System{boot: bootID(), wall: time.Now, mono: sinceBoot, systemSynced: systemSynchronized}
}

// Now implements Clock.
func (c *System) Now() outbox.Instant {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall, mono := c.wall(), c.mono()
	known := c.synchronized(mono)
	if !known && c.dated {
		known = true
		if right := c.started.Add(mono); wall.Sub(right).Abs() > skewTolerated {
			wall = right
		}
	}
	return outbox.Instant{Wall: wall.UnixMilli(), Known: known, Boot: c.boot, Mono: mono.Truncate(time.Millisecond)}
}

// SawDate implements Clock.
func (c *System) SawDate(date, local time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.skew, c.dated = local.Sub(date), true
	c.started = date.Add(c.wall().Sub(local) - c.mono())
}

// Synchronized implements Clock.
func (c *System) Synchronized() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.synchronized(c.mono())
}

// Skew implements Clock.
func (c *System) Skew() (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.skew, c.dated
}

// synchronized asks the system at most once a second.
func (c *System) synchronized(now time.Duration) bool {
	if !c.looked || now-c.lookedAt >= syncLookAgain {
		c.synced, c.lookedAt, c.looked = c.systemSynced(), now, true
	}
	return c.synced
}

var processStart = time.Now()

// processUptime is the monotonic time since this process started.
func processUptime() time.Duration { return time.Since(processStart) }

// processBoot names this process as if it were a boot of its own.
func processBoot() string { return fmt.Sprintf("%016x", rand.Uint64()) }
