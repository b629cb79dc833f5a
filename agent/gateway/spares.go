package gateway

import (
	"context"
	"slices"
	"sync"
	"time"

	"tillpost/agent/health"
	"tillpost/api"
)

const (
	// spareLife is how old a connection may be that a submission starts on. Where a peer closes unused ones earlier, it is
	// half of the shortest life that was seen lately.
	spareLife = 30 * time.Second
	// shortFor is how long what was seen of the peer counts: one connection that was cut by chance is not to cost all sales theirs.
	shortFor = time.Hour
	// leastSpareLife is the least for which one is worth being kept.
	leastSpareLife = 2 * time.Second
	// sparesFor is how long after the last submission connections are kept ready: then the shop rests.
	sparesFor = 10 * time.Minute
	// sparesMost is how many are kept while submissions follow each other within sparePace; otherwise it is one. In a backlog there is
	// one for each terminal where an order waits behind a sale, and sparesBehind of them at most.
	sparesMost   = 2
	sparePace    = 5 * time.Second
	sparesBehind = 8
)

// spares are connections that stand ready for the next submission at any terminal, each never used before: dialled ahead, they
// take the handshake off its way. One that has grown old, or that the peer has closed, is replaced while the shop sells.
type spares struct {
	dial func(ctx context.Context) (*api.Conn, error)
	// trusted reports whether no call has failed since a moment: a connection from before an outage is none to rely on.
	trusted func(since time.Time) bool
	rand    func() float64 // in [0,1)

	mu      sync.Mutex
	list    []*api.Conn
	dialing bool
	later   bool // one is dialled in a while, after a failure
	life    time.Duration
	short   time.Time // when life was made shorter
	sold    time.Time // of the last submission
	pace    time.Duration
	behind  int // terminals where an order waits behind a sale
	ctx     context.Context
	end     context.CancelFunc
	under   sync.WaitGroup
}

func newSpares(dial func(context.Context) (*api.Conn, error), trusted func(time.Time) bool, rand func() float64) *spares {
	s := &spares{dial: dial, trusted: trusted, rand: rand, life: spareLife}
	s.ctx, s.end = context.WithCancel(context.Background())
	return s
}

// take returns a connection that can be relied on, nil if there is none.
func (s *spares) take() *api.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.list) > 0 {
		c := s.list[len(s.list)-1] // the youngest
		s.list = s.list[:len(s.list)-1]
		if s.good(c) {
			return c
		}
		_ = c.Close()
	}
	return nil
}

// serves reports whether one that was taken can still be relied on.
func (s *spares) serves(c *api.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.good(c)
}

// good reports whether a connection may be used: young enough, not closed by the peer, and from after the last failure.
func (s *spares) good(c *api.Conn) bool {
	select {
	case <-c.Gone():
		return false
	default:
	}
	age := c.Age()
	return age <= s.allowed() && s.trusted(time.Now().Add(-age))
}

// allowed is how old a connection may be.
func (s *spares) allowed() time.Duration {
	if time.Since(s.short) >= shortFor {
		s.life = spareLife
	}
	return s.life
}

// submitted notes that a submission has ended, and has the next one's connection made ready.
func (s *spares) submitted() {
	s.mu.Lock()
	now := time.Now()
	s.pace, s.sold = now.Sub(s.sold), now
	s.mu.Unlock()
	s.fill(0, false)
}

// addBehind notes at how many more terminals an order waits behind a sale, to start as soon as that has ended.
func (s *spares) addBehind(n int) {
	s.mu.Lock()
	s.behind += n
	s.mu.Unlock()
	s.fill(0, false)
}

// want is how many are to stand ready. It is called with mu held.
func (s *spares) want() int {
	want := 1
	if s.pace < sparePace {
		want = sparesMost
	}
	return max(want, min(s.behind, sparesBehind))
}

// fill dials what is missing, one at a time, and after a failure only once that has waited. closedAt is how old the one was that
// the peer closed just now, 0 if none was: that is the peer's habit only where it takes another one at once, and otherwise the
// beginning of an outage.
func (s *spares) fill(closedAt time.Duration, waited bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil || s.dialing || len(s.list) >= s.want() || s.allowed() < leastSpareLife || time.Since(s.sold) > sparesFor {
		return
	}
	if !waited && !s.trusted(time.Now().Add(-health.CalmAfter)) {
		s.fillLater()
		return
	}
	s.dialing = true
	s.under.Go(func() {
		c, err := s.dial(s.ctx)
		s.mu.Lock()
		s.dialing = false
		if half := closedAt / 2; err == nil && closedAt > 0 && half < s.allowed() {
			s.life, s.short = half, time.Now()
		}
		keep := err == nil && s.ctx.Err() == nil && s.allowed() >= leastSpareLife
		if keep {
			s.list = append(s.list, c)
			s.under.Go(func() { s.watch(c) })
		}
		s.mu.Unlock()
		switch {
		case keep:
			s.fill(0, false)
		case err == nil:
			_ = c.Close()
		}
	})
}

// fillLater has fill called at some moment within health.CalmAfter. It is called with mu held.
func (s *spares) fillLater() {
	if s.later {
		return
	}
	s.later = true
	after := time.NewTimer(time.Duration(s.rand() * float64(health.CalmAfter)))
	s.under.Go(func() {
		defer after.Stop()
		select {
		case <-after.C:
		case <-s.ctx.Done():
		}
		s.mu.Lock()
		s.later = false
		s.mu.Unlock()
		s.fill(0, true)
	})
}

// watch replaces a connection when it has grown old or the peer has closed it, if it was not taken before.
func (s *spares) watch(c *api.Conn) {
	s.mu.Lock()
	old := time.After(s.allowed())
	s.mu.Unlock()
	select {
	case <-c.Gone():
	case <-old:
	case <-s.ctx.Done():
	}
	s.mu.Lock()
	i, closedAt := slices.Index(s.list, c), time.Duration(0)
	if i >= 0 {
		s.list = slices.Delete(s.list, i, i+1)
		select {
		case <-c.Gone():
			closedAt = c.Age()
		default:
		}
	}
	s.mu.Unlock()
	if i >= 0 {
		_ = c.Close()
		s.fill(closedAt, false)
	}
}

// close lets all connections go.
func (s *spares) close() {
	s.mu.Lock()
	s.end() // nothing is dialled from now on
	s.mu.Unlock()
	s.under.Wait()
}
