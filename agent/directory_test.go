package agent_test

import (
	"strings"
	"testing"
	"time"
)

// A terminal that the configuration names and the API does not have is told once, not only by refusing its requests.
func TestConfiguredTerminalThatIsNotThere(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.cfg = `terminals = ["` + oslo + `", "nowhere"]` + "\n" + w.cfg
		for start := range 2 { // the second knows the list from the disk already
			w.restart()
			time.Sleep(time.Hour)
			const told = "the API does not have terminals that the configuration names"
			if n := strings.Count(w.log.String(), told); n != start+1 {
				t.Errorf("after start %d it was told %d times", start+1, n)
			}
		}
		if log := w.log.String(); !strings.Contains(log, "is refused\" terminals=nowhere\n") {
			t.Error("which one is not told")
		}
	})
}
