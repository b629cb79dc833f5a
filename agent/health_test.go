package agent_test

import (
	"strings"
	"testing"
	"time"

	"tillpost/api/simulator"
)

// An outage is logged with what is known of its cause, whoever met it first: a lane, or the look at the
// terminals.
func TestOutageHasACause(t *testing.T) {
	for name, idle := range map[string]bool{"with an order": false, "idle": true} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				w.down(true)
				if idle {
					w.restart()
				} else {
					w.order(oslo, "o")
				}
				time.Sleep(10 * time.Second) // within which it has to be published
				w.untilProblem("apiUnreachable")
				_, told, ok := strings.Cut(w.log.String(), "the API does not answer; requests are kept and tried again\" cause=")
				if line, _, _ := strings.Cut(told, "\n"); !ok || !strings.Contains(line, "refused") {
					t.Errorf("the cause is %q", line)
				}
				w.down(false)
				if !idle {
					w.until(time.Minute, oslo, "o", "paid")
				}
			})
		})
	}
}

// An API that takes calls and answers none is a problem within ten seconds of the first call that failed, however long a
// call may take.
func TestASilentAPIIsToldOf(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sim.Inject(simulator.Fault{Do: simulator.Delay(time.Hour), Times: -1})
		w.order(oslo, "o")
		w.until(31*time.Second, oslo, "o", "in_doubt")
		time.Sleep(10 * time.Second)
		if _, problems := w.agentState(); len(problems) != 1 || problems[0] != "apiUnreachable" {
			t.Errorf("problems %v", problems)
		}
		w.sim.ClearFaults()
		if !w.eventually(time.Minute, func() bool { state, _ := w.agentState(); return state == "online" }) {
			t.Error("it is not taken back")
		}
	})
}
