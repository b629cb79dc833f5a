package gateway

import (
	"context"
	"net"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/agent/health"
	"tillpost/api"
)

// peers are the other ends of the connections that were dialled.
type peers struct {
	mu    sync.Mutex
	ends  []net.Conn
	tried int
	away  bool // they refuse

	client *api.Client
}

// answer has a call reach the API.
func (p *peers) answer(t *testing.T) {
	t.Helper()
	c, err := p.client.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}

func (p *peers) dial(context.Context, string, string) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tried++
	if p.away {
		return nil, syscall.ECONNREFUSED
	}
	near, far := net.Pipe()
	p.ends = append(p.ends, far)
	return near, nil
}

func (p *peers) dialled() int {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.ends)
}

// closeLast has the peer close the connection that was dialled last.
func (p *peers) closeLast() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.ends[len(p.ends)-1].Close()
}

func inBubble(t *testing.T, test func(t *testing.T, p *peers, s *spares, trust *time.Time)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p, failed := &peers{}, time.Time{}
		client, err := api.New(api.Options{BaseURL: "http://127.0.0.1:1", Token: func() (string, error) { return "t", nil }, DialContext: p.dial})
		if err != nil {
			t.Fatal(err)
		}
		p.client = client
		s := newSpares(client.DialAhead, func(since time.Time) bool { return !failed.After(since) }, func() float64 { return 0.5 })
		defer client.Close()
		defer s.close()
		test(t, p, s, &failed)
	})
}

func TestASpareIsReadyWhileTheShopSells(t *testing.T) {
	inBubble(t, func(t *testing.T, p *peers, s *spares, _ *time.Time) {
		if s.take() != nil || p.dialled() != 0 {
			t.Fatal("one stands ready before anything was sold")
		}
		s.submitted()
		if p.dialled() != 1 {
			t.Fatalf("%d dialled after a sale", p.dialled())
		}
		c := s.take()
		if c == nil || s.take() != nil {
			t.Fatal("not the one that was dialled")
		}
		_ = c.Close()
		time.Sleep(time.Second)
		s.submitted() // right after another: two are kept now
		if p.dialled() != 3 {
			t.Errorf("%d dialled, want two more", p.dialled())
		}
		time.Sleep(spareLife + time.Second)
		if n := p.dialled(); n != 5 {
			t.Errorf("%d dialled, want those that grew old replaced", n)
		}
		if c := s.take(); c == nil || c.Age() > spareLife {
			t.Error("none that is young enough")
		} else {
			_ = c.Close()
		}
		time.Sleep(sparesFor)
		n := p.dialled()
		time.Sleep(time.Hour)
		if s.take() != nil || p.dialled() != n {
			t.Error("connections are kept while the shop rests")
		}
	})
}

// In a backlog one stands ready for each terminal where an order waits behind a sale, as far as eight.
func TestSparesInABacklog(t *testing.T) {
	inBubble(t, func(t *testing.T, p *peers, s *spares, _ *time.Time) {
		s.addBehind(3)
		if p.dialled() != 0 {
			t.Fatalf("%d dialled before anything was sold", p.dialled())
		}
		s.submitted()
		ready := func() (n int) {
			synctest.Wait()
			s.mu.Lock()
			defer s.mu.Unlock()
			return len(s.list)
		}
		for _, at := range []struct{ more, ready int }{{0, 3}, {17, 8}, {-20, 8}} { // what stands ready already is kept
			if s.addBehind(at.more); ready() != at.ready {
				t.Errorf("%d stand ready after %d terminals more, want %d", ready(), at.more, at.ready)
			}
		}
		time.Sleep(spareLife + time.Second)
		if ready() != 1 {
			t.Errorf("%d stand ready after the backlog", ready())
		}
	})
}

// Where the peer closes unused connections, they live half as long from then on.
func TestAPeerThatClosesSparesIsNotWaitedFor(t *testing.T) {
	inBubble(t, func(t *testing.T, p *peers, s *spares, _ *time.Time) {
		s.submitted()
		p.dialled()
		time.Sleep(8 * time.Second)
		p.closeLast()
		if p.dialled() != 2 {
			t.Fatal("what the peer closed is not replaced")
		}
		time.Sleep(3 * time.Second)
		if p.dialled() != 2 {
			t.Error("replaced before it was half as old as what the peer closed")
		}
		time.Sleep(2 * time.Second)
		if p.dialled() != 3 {
			t.Error("kept for longer than half of what the peer allows")
		}
		time.Sleep(time.Second)
		p.closeLast() // a life of a second: none is worth being kept
		n := p.dialled()
		time.Sleep(time.Minute)
		s.submitted()
		if p.dialled() != n || s.take() != nil {
			t.Error("connections are kept for a peer that closes them at once")
		}
	})
}

// What one connection has shown is forgotten after an hour: it may have been cut by chance.
func TestAPeerIsTriedAgainAfterAnHour(t *testing.T) {
	inBubble(t, func(t *testing.T, p *peers, s *spares, _ *time.Time) {
		s.submitted()
		p.dialled()
		time.Sleep(time.Second)
		p.closeLast()
		p.dialled()
		time.Sleep(time.Hour - time.Second)
		s.submitted()
		if n := p.dialled(); n != 2 { // one that was let go at once, when it was known what the peer does
			t.Fatalf("%d dialled within the hour", n)
		}
		time.Sleep(time.Second)
		s.submitted()
		if n := p.dialled(); n != 4 { // sales follow each other
			t.Fatalf("%d dialled after the hour", n)
		}
		time.Sleep(spareLife - time.Second)
		c := s.take()
		if c == nil || c.Age() != spareLife-time.Second || p.dialled() != 4 {
			t.Fatal("kept for a shorter time than ever")
		}
		_ = c.Close()
		p.mu.Lock()
		_ = p.ends[2].Close() // the other one, or nothing
		_ = p.ends[3].Close()
		p.mu.Unlock()
		p.dialled()
		if s.allowed() != (spareLife-time.Second)/2 {
			t.Errorf("kept for %v then", s.allowed())
		}
	})
}

// An outage cuts young connections too. A thousand shops that took this for the peer's habit would dial twice as often for an hour.
func TestACutIsNotThePeersHabit(t *testing.T) {
	inBubble(t, func(t *testing.T, p *peers, s *spares, _ *time.Time) {
		s.submitted()
		p.dialled()
		time.Sleep(8 * time.Second)
		p.mu.Lock()
		p.away = true
		p.mu.Unlock()
		p.closeLast()
		if p.dialled() != 1 || p.tried != 2 || s.allowed() != spareLife {
			t.Fatalf("%d dials, and connections live %v", p.tried, s.allowed())
		}
		time.Sleep(time.Minute)
		p.mu.Lock()
		p.away = false
		p.mu.Unlock()
		tried := p.tried
		s.submitted()
		if p.dialled(); p.tried != tried {
			t.Error("a spare is dialled before it is known that the API is back: it would be the one try, that no reply ends")
		}
		p.answer(t)
		s.submitted()
		p.dialled()
		time.Sleep(spareLife - time.Second)
		c := s.take()
		if c == nil || c.Age() != spareLife-time.Second {
			t.Fatal("not kept as long as before the outage")
		}
		_ = c.Close()
	})
}

func TestASpareFromBeforeAFailureIsNotUsed(t *testing.T) {
	inBubble(t, func(t *testing.T, p *peers, s *spares, failed *time.Time) {
		s.submitted()
		p.dialled()
		time.Sleep(time.Second)
		*failed = time.Now()
		if s.take() != nil {
			t.Error("a connection from before a failure is used")
		}
		time.Sleep(time.Second)
		s.submitted()
		if n := p.dialled(); n != 1 {
			t.Errorf("%d dialled at once after a failure, want none but the one before", n-1)
		}
		time.Sleep(health.CalmAfter / 2) // as the dice say
		p.dialled()
		c := s.take()
		if c == nil {
			t.Fatal("none from after the failure")
		}
		_ = c.Close()
	})
}

// A peer that spoke, or hung up, in the last moment before it is taken.
func TestASpareIsLookedAtBeforeItIsUsed(t *testing.T) {
	inBubble(t, func(t *testing.T, p *peers, s *spares, _ *time.Time) {
		s.submitted()
		p.dialled()
		go func() { _, _ = p.ends[0].Write([]byte("HTTP/1.1 408 Request Timeout\r\n\r\n")) }()
		synctest.Wait()
		if c := s.take(); c != nil {
			select {
			case <-c.Gone():
				t.Error("a connection on which the peer spoke is used")
			default:
				_ = c.Close() // the one that replaced it
			}
		}
	})
}
