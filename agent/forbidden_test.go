package agent_test

import (
	"testing"
	"time"

	"tillpost/api/simulator"
)

// TestForbiddenLookUpsAreAskedForAgain: after ten minutes, or a restart. Until then nothing is asked for that is not allowed.
func TestForbiddenLookUpsAreAskedForAgain(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.stop()
		w.sim.SetLookups(simulator.LookupsForbidden)
		w.start()
		w.sale(oslo, "o")
		full := func(id, want string) {
			w.send(oslo, "refunds", `{"requestId":"`+id+`","orderRequestId":"o","full":true}`)
			s := w.until(20*time.Second, oslo, id, want)
			if want == "rejected" && s.Reason.Code != "orderUnknown" {
				t.Errorf("reason %+v", s.Reason)
			}
		}
		lists, details := w.sim.Count(simulator.OpOrderStatuses), w.sim.Count(simulator.OpOrderDetails)
		full("r1", "rejected")
		w.sim.SetLookups(simulator.LookupsShown)
		time.Sleep(10*time.Minute - 20*time.Second)
		full("r2", "rejected")
		if n := w.sim.Count(simulator.OpOrderDetails) - details; n != 1 {
			t.Errorf("details were asked for %d times in ten minutes, want once", n)
		}
		time.Sleep(20 * time.Second)
		full("r3", "refunded")
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
		w.until(20*time.Second, oslo, "r1", "rejected")
		w.sim.SetLookups(simulator.LookupsShown)
		w.restart()
		w.send(oslo, "refunds", `{"requestId":"r2","orderRequestId":"o","full":true}`)
		w.until(20*time.Second, oslo, "r2", "refunded")
	})
}
