package agent_test

import (
	"strings"
	"testing"
	"time"

	"tillpost/api/simulator"
)

// That the API does not know the organisation, or sends no list, is said in the log, once; orders go on meanwhile.
func TestAMissingTerminalListIsLogged(t *testing.T) {
	inWorld(t, "", func(w *world) {
		logged := func(want int, cause string) {
			t.Helper()
			if n := strings.Count(w.log.String(), "does not list the terminals"); n != want || !strings.Contains(w.log.String(), cause) {
				t.Errorf("logged %d times, want %d, with %q", n, want, cause)
			}
		}
		for i, f := range []simulator.Action{
			simulator.Refuse(510, "Execution Exception Occurred", "somethingWentWrong"), simulator.Unreadable(simulator.GarbageHTML),
		} {
			logged(i, "")
			w.sim.Inject(simulator.Fault{Operation: simulator.OpListTerminals, Do: f, Times: -1})
			w.restart()
			time.Sleep(2 * time.Minute)
			w.sale(oslo, "s"+string(f.Kind))
			logged(i+1, []string{"HTTP 510", "not one of the API's"}[i])
			w.sim.ClearFaults()
			w.restart()
			time.Sleep(time.Minute)
		}
		w.sim.Inject(simulator.Fault{Operation: simulator.OpListTerminals, Do: simulator.DropBefore(), Times: 1})
		w.restart()
		time.Sleep(time.Minute)
		logged(2, "") // no reply: that is health's to tell
	})
}
