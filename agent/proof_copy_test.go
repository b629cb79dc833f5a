package agent_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/mqtt"
	"tillpost/outbox"
)

// TestACopyOfTheSameGeneration: all files of the outbox, copied by a snapshot of the machine while an order is queued, and put back after
// it was carried out, start as if nothing were. The broker's statuses know better; where there are none, the API does.
func TestACopyOfTheSameGeneration(t *testing.T) {
	for name, forget := range map[string]bool{"the broker knows": false, "the API knows": true} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				w.sale(bergen, "before")
				w.down(true)
				w.order(oslo, "o")
				w.untilWaiting(15*time.Second, oslo, "o", "apiUnreachable")
				restore := w.keep()
				w.down(false)
				w.until(time.Minute, oslo, "o", "paid")
				w.stop()
				restore()
				if forget {
					w.broker.Forget()
					w.broker.Publish(mqtt.Message{Topic: "tillpost/agent", Payload: []byte(`{"state":"offline","instance":"former"}`), Retained: true})
				}
				creates := w.creates()
				w.start()
				w.untilProblem("outboxRolledBack")
				w.until(time.Minute, oslo, "o", "paid") // it is found by the mark that this copy does not know
				if n := w.creates() - creates; n != 0 {
					t.Errorf("%d creates after the copy was put back", n)
				}
				w.order(oslo, "next")
				w.untilWaiting(5*time.Second, oslo, "next", "outboxRolledBack")
				w.stop()
				w.accept()
				w.start()
				w.until(time.Minute, oslo, "next", "paid")
			})
		})
	}
}

// keepWaiting keeps a copy of an outbox in which an order waits for an API that is out of reach.
func (w *world) keepWaiting(id string) (restore func()) {
	w.sale(bergen, "before")
	w.down(true)
	w.order(oslo, id)
	w.untilWaiting(15*time.Second, oslo, id, "apiUnreachable")
	return w.keep()
}

// TestACopyDoesNotExpireUnread: in the copy an order is queued, and its time is over, while the newer one had it paid. Until the
// broker has told that, nothing is told expired: that would say that it was never sent.
func TestACopyDoesNotExpireUnread(t *testing.T) {
	inWorld(t, "order_ttl = \"2m\"\n", func(w *world) {
		restore := w.keepWaiting("o")
		w.down(false)
		w.until(time.Minute, oslo, "o", "paid")
		w.stop()
		restore()
		w.broker.Stop()
		before := len(w.published("o"))
		w.launch()
		time.Sleep(5 * time.Minute)
		if v := mustJSON(t, must2(w.a.Request("o"))); strings.Contains(v, `"expired"`) {
			t.Errorf("before the broker was read it is %s", v)
		}
		w.broker.Start()
		w.untilProblem("outboxRolledBack")
		w.until(time.Minute, oslo, "o", "paid")
		for _, told := range w.published("o")[before:] {
			if strings.Contains(told, `"expired"`) {
				t.Errorf("told %s", told)
			}
		}
	})
}

// TestAnOlderCopyIsToldOfAtAnyTime: what the look at the start could not read closes the gate as soon as a search finds it.
func TestAnOlderCopyIsToldOfAtAnyTime(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sale(bergen, "before")
		w.down(true)
		w.order(oslo, "o")
		w.untilWaiting(15*time.Second, oslo, "o", "apiUnreachable")
		restore := w.keep()
		w.send(oslo, "cancels", `{"requestId":"c","target":"o"}`)
		w.until(5*time.Second, oslo, "o", "cancelled")
		w.down(false)
		w.sale(oslo, "lost")
		w.stop()
		restore()
		w.broker.Forget()
		w.broker.Publish(mqtt.Message{Topic: "tillpost/agent", Payload: []byte(`{"state":"offline","instance":"former"}`), Retained: true})
		w.sim.Inject(simulator.Fault{Operation: simulator.OpOrderStatuses, Times: -1, For: 15 * time.Second, Do: simulator.Page(502)})
		w.start()
		w.eventuallyOrFail(func() bool { state, _ := w.agentState(); return state == "online" })
		if !w.eventually(2*time.Minute, func() bool { _, p := w.agentState(); return len(p) == 1 && p[0] == "outboxRolledBack" }) {
			_, p := w.agentState()
			t.Errorf("problems %v", p)
		}
	})
}

// TestACopyOlderThanWhatWasCleared: the statuses that a newer copy told are gone from the broker, since their retention is over. How far
// they went stands in the agent's word, and stays there.
func TestACopyOlderThanWhatWasCleared(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.retention(time.Hour)
		w.restart()
		w.sale(bergen, "before")
		restore := w.keep()
		w.sale(oslo, "lost")
		time.Sleep(2 * time.Hour)
		if s := w.now(oslo, "lost"); s.State != "" {
			t.Fatalf("still there: %+v", s)
		}
		through := w.settledThrough()
		w.stop()
		restore()
		w.sim.Inject(simulator.Fault{Operation: simulator.OpOrderStatuses, Times: -1, Do: simulator.Page(502)})
		w.start()
		w.untilProblem("outboxRolledBack")
		if s := w.settledThrough(); s.Accepted != through.Accepted || s.Commits < through.Commits {
			t.Errorf("cleared through %+v, told as %+v by the older copy", through, s)
		}
		w.order(oslo, "next")
		w.untilWaiting(5*time.Second, oslo, "next", "outboxRolledBack")
		w.stop()
		w.accept()
		w.sim.ClearFaults()
		for range 2 {
			w.start()
			time.Sleep(5 * time.Minute)
			if _, p := w.agentState(); len(p) != 0 {
				t.Errorf("after it was accepted: problems %v", p)
			}
			w.until(time.Minute, oslo, "next", "paid")
			w.stop()
		}
	})
}

// fullDisk takes no word of an older copy while it is full, or only does not put in doubt what is open in it.
type fullDisk struct {
	outbox.Store
	full, fullForDoubts atomic.Bool
}

func (d *fullDisk) Distrust(ctx context.Context, generation uint64) (int, error) {
	if d.full.Load() || d.fullForDoubts.Load() {
		return 0, outbox.ErrFull
	}
	return d.Store.Distrust(ctx, generation)
}

func (d *fullDisk) PutBlob(ctx context.Context, name string, data []byte) error {
	if d.full.Load() {
		return outbox.ErrFull
	}
	return d.Store.PutBlob(ctx, name, data)
}

// TestAnOlderCopyOnAFullDisk: what is found of a newer copy while the disk takes nothing is written as soon as it does, so that an
// operator finds what there is to accept.
func TestAnOlderCopyOnAFullDisk(t *testing.T) {
	inWorld(t, "", func(w *world) {
		restore := w.keepWaiting("o")
		w.send(oslo, "cancels", `{"requestId":"c","target":"o"}`)
		w.until(5*time.Second, oslo, "o", "cancelled")
		w.stop()
		restore()
		disk := &fullDisk{}
		disk.full.Store(true)
		w.startOn(func(s outbox.Store) outbox.Store { disk.Store = s; return disk })
		w.untilProblem("outboxRolledBack")
		time.Sleep(time.Minute)
		if s := w.state("o"); s != outbox.StateQueued {
			t.Errorf("on a full disk it is %v", s)
		}
		disk.full.Store(false)
		w.eventuallyOrFail(func() bool { return w.state("o") == outbox.StateInDoubt })
		w.stop()
		w.store = nil
		if codes := w.accept(); len(codes) != 1 || codes[0] != "outboxRolledBack" {
			t.Errorf("there is %q to accept", codes)
		}
	})
}

// TestAnOlderCopyThatIsNotInDoubtYet: by the broker's word the copy is an older one, and the disk does not take yet that what is
// open in it is in doubt. Meanwhile its order's time ends, and its till wants it cancelled: nothing is told that says that it was
// never sent, while the newer copy had it paid. A process that ends before the disk takes it leaves that to the next one, or to the
// operator who accepts the copy.
func TestAnOlderCopyThatIsNotInDoubtYet(t *testing.T) {
	const later, operator = "the disk takes it later", "an operator accepts the copy"
	for _, name := range []string{later, operator, "the next process does it"} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "order_ttl = \"2m\"\n", func(w *world) {
				restore := w.keepWaiting("o")
				w.down(false)
				w.until(time.Minute, oslo, "o", "paid")
				w.stop()
				restore()
				before := len(w.published("o"))
				disk := &fullDisk{}
				disk.fullForDoubts.Store(true)
				w.startOn(func(s outbox.Store) outbox.Store { disk.Store = s; return disk })
				w.untilProblem("outboxRolledBack")
				w.send(oslo, "cancels", `{"requestId":"c","target":"o"}`)
				time.Sleep(5 * time.Minute)
				if s := w.state("o"); s != outbox.StateQueued {
					t.Errorf("before the disk takes it, it is %v", s)
				}
				creates := w.creates()
				if name != later {
					w.stop()
					w.broker.Forget() // what the newer copy told may be told over
					w.broker.Publish(mqtt.Message{Topic: "tillpost/agent", Payload: []byte(`{"state":"offline","instance":"former"}`), Retained: true})
					w.store = nil
					if name == operator {
						w.accept()
					}
					w.start()
				}
				disk.fullForDoubts.Store(false)
				w.until(time.Minute, oslo, "o", "paid")
				if n := w.creates() - creates; n != 0 {
					t.Errorf("%d creates by the copy", n)
				}
				for _, told := range w.published("o")[before:] {
					if strings.Contains(told, `"expired"`) || strings.Contains(told, `"state":"cancelled"`) {
						t.Errorf("told %s", told)
					}
				}
			})
		})
	}
}

// TestAnOlderCopyGivesANumberToAnotherOrder: an older copy can't note on a full disk that it is one, and takes an order. The next process
// finds that order on disk, under the number of one that only the newer copy had, and which is paid: that one's mark, with the same number
// in it, makes nobody else's order paid.
func TestAnOlderCopyGivesANumberToAnotherOrder(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sale(bergen, "before")
		w.stop()
		restore := w.keep()
		w.start()
		w.sale(oslo, "lost")
		w.stop()
		restore()
		disk := &fullDisk{}
		disk.fullForDoubts.Store(true)
		w.startOn(func(s outbox.Store) outbox.Store { disk.Store = s; return disk })
		w.untilProblem("outboxRolledBack")
		w.order(oslo, "other")
		w.untilWaiting(5*time.Second, oslo, "other", "outboxRolledBack")
		w.stop()
		w.store = nil
		w.start()
		if s := w.until(15*time.Minute, oslo, "other", "unresolved"); s.OrderUUID != "" {
			t.Errorf("%+v", s)
		}
		if n := w.creates(); n != 2 {
			t.Errorf("%d creates", n)
		}
	})
}

// TestWhatAnOlderCopyTakesAgainIsFoundByItsMark: the newer copy sent an order and lost the reply, and only its till brings it to the older
// one, where it gets another number. The mark of the newer copy says that it is this order, which is paid: no person is asked, who
// could have it sent again.
func TestWhatAnOlderCopyTakesAgainIsFoundByItsMark(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sale(bergen, "before")
		w.stop()
		restore := w.keep()
		w.start()
		w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DropAfter()})
		w.sim.Inject(simulator.Fault{Operation: simulator.OpOrderStatuses, Times: -1, Do: simulator.Page(502)})
		w.order(oslo, "lost")
		w.until(10*time.Second, oslo, "lost", "in_doubt")
		w.stop()
		w.sim.ClearFaults()
		restore()
		w.start()
		w.untilProblem("outboxRolledBack")
		w.order(oslo, "lost")
		w.until(time.Minute, oslo, "lost", "paid")
		if n := w.creates(); n != 2 {
			t.Errorf("%d creates", n)
		}
	})
}

// state is how a request is on disk, by the agent's own word.
func (w *world) state(id string) outbox.State {
	w.Helper()
	var v struct{ State outbox.State }
	if err := json.Unmarshal([]byte(mustJSON(w.T, must2(w.a.Request(id)))), &v); err != nil {
		w.Fatal(err)
	}
	return v.State
}

// TestACopyThatCatchesUpIsOneAllTheSame: the broker is away at the start, and the API tells the copy of the payment that it did not
// know. What the broker retains is held against what the copy was when it was opened: of other requests it may know nothing.
func TestACopyThatCatchesUpIsOneAllTheSame(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.order(oslo, "o")
		w.until(time.Minute, oslo, "o", "awaiting_customer")
		restore := w.keep()
		w.until(time.Minute, oslo, "o", "paid")
		w.send(oslo, "refunds", `{"requestId":"r","orderRequestId":"o","full":true}`)
		w.until(time.Minute, oslo, "r", "refunded")
		w.stop()
		restore()
		w.broker.Stop()
		w.launch()
		time.Sleep(time.Minute) // the payment is found
		w.broker.Start()
		w.untilProblem("outboxRolledBack")
	})
}
