package agent_test

import (
	"strings"
	"testing"
	"time"

	"tillpost/api/simulator"
)

// TestUnauthorizedWithoutAnOrganisation: where the configuration names the terminals and no organisation, there is no
// terminal list to show that a token is good again. Any other call shows it, whatever it asks for.
func TestUnauthorizedWithoutAnOrganisation(t *testing.T) {
	for name, lookups := range map[string]simulator.Lookups{
		"shown": simulator.LookupsShown, "forbidden": simulator.LookupsForbidden, "hidden": simulator.LookupsHidden,
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				w.stop()
				w.cfg = `terminals = ["` + oslo + `"]` + strings.NewReplacer("organization_uuid = \"ORG1\"\n", "", "outbox.db", "other.db").Replace(w.cfg)
				w.sim.SetLookups(lookups)
				w.start()
				w.sale(oslo, "before")
				w.sim.Inject(simulator.Fault{Times: -1, Do: simulator.Unauthorized()})
				w.order(oslo, "waits")
				w.untilWaiting(5*time.Second, oslo, "waits", "unauthorized")
				w.untilProblem("unauthorized")
				time.Sleep(time.Hour)
				w.until(0, oslo, "waits", "expired")
				w.order(oslo, "next")
				w.untilWaiting(5*time.Second, oslo, "next", "unauthorized")
				w.sim.ClearFaults()
				w.until(10*time.Second, oslo, "next", "awaiting_customer")
				w.eventuallyOrFail(func() bool { state, _ := w.agentState(); return state == "online" })
			})
		})
	}
}
