package agent_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/mqtt"
	"tillpost/outbox"
)

// keep notes the stopped outbox and its marker, to be put back later.
func (w *world) keep() (restore func()) {
	w.Helper()
	kept := map[string][]byte{}
	names, err := filepath.Glob(w.outbox() + "*")
	for _, n := range names {
		if err == nil {
			kept[n], err = os.ReadFile(n)
		}
	}
	if err != nil {
		w.Fatal(err)
	}
	return func() {
		w.Helper()
		for n, raw := range kept {
			if err := os.WriteFile(n, raw, 0o600); err != nil {
				w.Fatal(err)
			}
		}
	}
}

// What tills ask for again, and a newer copy of the outbox has done already, is not done again by the older one: the
// broker holds its status. Neither before nor after an operator has accepted the older copy.
func TestWhatAnOlderCopyHasForgottenIsNotDoneAgain(t *testing.T) {
	for name, accepted := range map[string]bool{"before it is accepted": false, "after it": true} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				w.sale(oslo, "first")
				w.stop()
				restore := w.keep()
				w.start()
				w.sale(oslo, "forgotten")
				if err := w.sim.SetNextCustomers(bergen, simulator.WalkAway()); err != nil {
					t.Fatal(err)
				}
				w.order(bergen, "shown")
				w.until(5*time.Second, bergen, "shown", "awaiting_customer")
				w.send(oslo, "refunds", `{"requestId":"r","orderRequestId":"forgotten","full":true}`)
				w.until(20*time.Second, oslo, "r", "refunded")
				shown := w.now(bergen, "shown")
				w.stop()
				restore()
				creates := w.creates()
				w.start()
				w.untilProblem("outboxRolledBack")
				if accepted {
					w.stop()
					w.accept()
					w.start()
				}
				w.order(oslo, "forgotten")
				w.order(bergen, "shown")
				w.send(oslo, "refunds", `{"requestId":"r","orderRequestId":"forgotten","full":true}`)
				w.until(10*time.Second, oslo, "forgotten", "paid")
				w.until(10*time.Second, oslo, "r", "in_doubt")
				if s := w.until(10*time.Second, bergen, "shown", "awaiting_customer"); s.Revision <= shown.Revision || s.OrderUUID != shown.OrderUUID {
					t.Errorf("%+v is told after %+v", s, shown)
				}
				if got := w.creates(); got != creates {
					t.Errorf("%d creates", got-creates)
				}
				if n := w.sim.Count(simulator.OpRefund); n != 1 {
					t.Errorf("%d refunds", n)
				}
				w.until(15*time.Minute, oslo, "r", "unresolved")
				w.order(oslo, "new")
				if accepted {
					w.until(10*time.Second, oslo, "new", "paid")
				} else {
					w.untilWaiting(5*time.Second, oslo, "new", "outboxRolledBack")
				}
			})
		})
	}
}

// shyBus can't be asked at first.
type shyBus struct {
	mqtt.Bus
	left int
}

func (b *shyBus) Recall(topic string) ([]byte, error) {
	if b.left--; b.left >= 0 {
		return nil, mqtt.ErrConnectionLost
	}
	return b.Bus.(mqtt.Recaller).Recall(topic)
}

// A connection that is lost while the broker is asked makes no request a new one.
func TestWhatCouldNotBeAskedComesAgain(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.stop()
		restore := w.keep()
		w.start()
		w.sale(oslo, "forgotten")
		w.stop()
		restore()
		w.start()
		w.untilProblem("outboxRolledBack")
		w.stop()
		w.accept()
		w.bus = func(b mqtt.Bus) mqtt.Bus { return &shyBus{b, 2} }
		w.start()
		w.order(oslo, "forgotten")
		w.order(oslo, "new")
		w.until(10*time.Second, oslo, "new", "paid")
		if s := w.now(oslo, "forgotten"); s.State != "paid" || w.creates() != 2 {
			t.Errorf("%+v, %d creates", s, w.creates())
		}
	})
}

// A commit that came back with an error may be on disk all the same: what it wrote in doubt is looked for as soon.
func TestWhatCameInDoubtByAnUncertainCommitIsLookedFor(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sale(oslo, "first")
		w.stop()
		restore := w.keep()
		w.start()
		w.sale(oslo, "forgotten")
		told := w.now(oslo, "forgotten")
		w.stop()
		restore()
		u := &uncertainAccept{}
		w.startOn(func(s outbox.Store) outbox.Store { u.Store = s; return u })
		w.untilProblem("outboxRolledBack")
		u.mu.Lock()
		u.fate = func(accept func()) { accept() }
		u.mu.Unlock()
		w.order(oslo, "forgotten")
		w.eventually(10*time.Second, func() bool { return w.now(oslo, "forgotten").Revision > told.Revision })
		if s := w.until(10*time.Second, oslo, "forgotten", "paid"); s.OrderUUID != told.OrderUUID || w.creates() != 2 {
			t.Errorf("%+v is told after %+v, with %d creates", s, told, w.creates())
		}
	})
}
