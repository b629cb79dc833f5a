package soak

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/internal/proctest"
	"tillpost/internal/shoptest"
)

// TestKill9 kills the agent at random moments while tills sell. Nothing that was promised is lost, nothing is charged
// twice, each terminal's orders come in order, and the books agree. No person helps.
func TestKill9(t *testing.T) {
	slow(t)
	kills := count(t, envKills, 20)
	for name, embedded := range map[string]bool{"mosquitto": false, "embedded": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			killing(t, embedded, kills)
		})
	}
}

func killing(t *testing.T, embedded bool, kills int) {
	chance := newDice(t)
	s := newShop(t, embedded, 4, shoptest.Settings{
		"policy.poll_interval": "100ms", "policy.customer_timeout": "1s", "policy.doubt_check": "1s", "policy.doubt_hold": "5s",
	})
	s.Must(s.Sim.SetCustomer(terminal(0), simulator.Pay(0)))
	s.Must(s.Sim.SetCustomer(terminal(1), simulator.Pay(150*time.Millisecond)))
	s.Must(s.Sim.SetCustomer(terminal(2), simulator.Decline(80*time.Millisecond)))
	s.Must(s.Sim.SetCustomer(terminal(3), simulator.WalkAway()))
	// An API as slow as this has something under way at most kills, before the deed or after it.
	s.Sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Probability: 0.5, Do: simulator.DelayReply(100 * time.Millisecond)})
	s.Sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Probability: 0.5, Do: simulator.Delay(100 * time.Millisecond)})
	online, offline := context.WithCancel(t.Context())
	selling, closed := context.WithCancel(online)
	var tills sync.WaitGroup
	var sellers sync.WaitGroup
	for i := range 4 {
		till := newTill(s, i)
		tills.Go(func() { till.run(online) })
		sellers.Go(func() { s.sell(selling, till, chance) })
	}
	defer func() { closed(); offline(); sellers.Wait(); tills.Wait() }()
	begin := time.Now()
	for range kills {
		s.Run()
		// Some come before the agent serves anybody: starting is a time to die as any other.
		if chance.chance(750) {
			s.AwaitReady()
		}
		sleep(t.Context(), chance.between(0, 700*time.Millisecond))
		if !s.Agent.Running() {
			t.Fatalf("the agent ended by itself with %d", s.Agent.Code())
		}
		s.Agent.Kill()
	}
	killed := time.Since(begin)
	s.Run()
	s.AwaitReady()
	closed()
	sellers.Wait()
	if !proctest.Eventually(2*time.Minute, func() bool { return len(s.books.open(false)) == 0 }) {
		t.Fatalf("not over after two minutes: %v", s.books.open(false))
	}
	sum := s.reconcile(false)
	t.Logf("%d kills in %v, every %v; PUBACKs %d; %v", kills, killed.Round(time.Second), (killed / time.Duration(kills)).Round(time.Millisecond), sum.acked, sum)
	if sum.orders < kills/2 || kills >= 100 && sum.doubted == 0 { // twenty kills may all miss a call
		t.Errorf("only %d orders and %d doubts over %d kills: the agent was hardly alive", sum.orders, sum.doubted, kills)
	}
	s.stillThere()
}

// sell keeps a few orders waiting at a terminal.
func (s *shop) sell(ctx context.Context, t *till, chance *dice) {
	open := map[string]bool{}
	for n := 1; sleep(ctx, chance.between(20*time.Millisecond, 80*time.Millisecond)); {
		for id := range open {
			if s.books.now(id).Final {
				delete(open, id)
			}
		}
		if len(open) >= 3 {
			continue
		}
		id := fmt.Sprintf("%s-%05d", t.terminal, n)
		open[id] = true
		t.put(newOrder(t.terminal, id, n, s.Today(), int64(100+chance.below(99_900))))
		n++
	}
}

// stillThere asks the agent for each request that was promised, over HTTP.
func (s *shop) stillThere() {
	s.Helper()
	s.books.each(func(r request) {
		promised := r.told.State != "" || s.Embedded() && r.acked
		if code, _ := s.Get("/api/v1/requests/" + r.id); promised && code != 200 {
			s.Errorf("%s was promised, and asking for it gives %d", r.id, code)
		}
	})
}
