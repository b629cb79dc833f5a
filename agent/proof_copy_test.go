package agent_test

import (
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/mqtt"
)

// TestACopyOfTheSameGeneration: all files of the outbox, copied by a snapshot of the machine while an order is queued, and put back after
// it was carried out, start as if nothing were. The broker's statuses know better; where there are none, the API does.
func TestACopyOfTheSameGeneration(t *testing.T) {
	for name, forget := range map[string]bool{"the broker knows": false, "the API knows": true} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				w.sale(bergen, "before")
				if err := w.sim.SetDown(true); err != nil {
					t.Fatal(err)
				}
				w.order(oslo, "o")
				w.untilWaiting(15*time.Second, oslo, "o", "apiUnreachable")
				restore := w.keep()
				if err := w.sim.SetDown(false); err != nil {
					t.Fatal(err)
				}
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

// TestAnOlderCopyIsToldOfAtAnyTime: what the look at the start could not read closes the gate as soon as a search finds it.
func TestAnOlderCopyIsToldOfAtAnyTime(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sale(bergen, "before")
		if err := w.sim.SetDown(true); err != nil {
			t.Fatal(err)
		}
		w.order(oslo, "o")
		w.untilWaiting(15*time.Second, oslo, "o", "apiUnreachable")
		restore := w.keep()
		w.send(oslo, "cancels", `{"requestId":"c","target":"o"}`)
		w.until(5*time.Second, oslo, "o", "cancelled")
		if err := w.sim.SetDown(false); err != nil {
			t.Fatal(err)
		}
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
