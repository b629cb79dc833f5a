package agent_test

import (
	"testing"
	"time"

	"tillpost/api/simulator"
)

// TestForbiddenLookUpsAreAskedForAgain: that they are not ours takes minutes to be established, and is asked for again before
// each use that rests on it.
func TestForbiddenLookUpsAreAskedForAgain(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.stop()
		w.sim.SetLookups(simulator.LookupsForbidden)
		w.start()
		w.sale(oslo, "o")
		full := func(id, want string) {
			w.send(oslo, "refunds", `{"requestId":"`+id+`","orderRequestId":"o","full":true}`)
			s := w.until(time.Minute, oslo, id, want)
			if want == "rejected" && s.Reason.Code != "orderUnknown" {
				t.Errorf("reason %+v", s.Reason)
			}
		}
		w.send(oslo, "refunds", `{"requestId":"r0","orderRequestId":"o","full":true}`)
		w.untilWaiting(5*time.Second, oslo, "r0", "apiError")
		w.sale(oslo, "beside") // it keeps nobody waiting
		time.Sleep(100 * time.Second)
		w.until(0, oslo, "r0", "queued")
		w.until(time.Minute, oslo, "r0", "rejected")
		details := w.sim.Count(simulator.OpOrderDetails)
		full("r1", "rejected")
		if n := w.sim.Count(simulator.OpOrderDetails) - details; n == 0 {
			t.Errorf("details were not asked for again before that was rested on")
		}
		w.sim.SetLookups(simulator.LookupsShown)
		full("r2", "refunded")
		lists := w.sim.Count(simulator.OpOrderStatuses)
		time.Sleep(10 * time.Minute)
		if n := w.sim.Count(simulator.OpOrderStatuses) - lists; n == 0 {
			t.Errorf("the list was not asked for again in ten minutes")
		}
	})
}

// TestForbiddenLookUpsAreAskedForAtAStart, however short ago they were forbidden.
func TestForbiddenLookUpsAreAskedForAtAStart(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sim.SetLookups(simulator.LookupsForbidden)
		w.sale(oslo, "o")
		w.send(oslo, "refunds", `{"requestId":"r1","orderRequestId":"o","full":true}`)
		w.until(3*time.Minute, oslo, "r1", "rejected")
		w.sim.SetLookups(simulator.LookupsShown)
		w.restart()
		w.send(oslo, "refunds", `{"requestId":"r2","orderRequestId":"o","full":true}`)
		w.until(20*time.Second, oslo, "r2", "refunded")
	})
}
