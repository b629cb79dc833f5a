package e2e

import (
	"strings"
	"testing"

	"tillpost/internal/proctest"
	"tillpost/internal/shoptest"
)

func TestExitCodes(t *testing.T) {
	outside(t)
	w := shoptest.New(t, shoptest.Options{Program: &tillpost})
	w.Write("bad.toml", "[api]\nbase_url = 42\n")
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"version", 0, ""},
		{"run --config nowhere.toml", 1, "nowhere.toml"},
		{"run --config bad.toml", 1, "bad.toml:2:"},
		{"run --speed 9", 2, "--speed"},
		{"fly", 2, "fly"},
		{"send --config bad.toml", 2, ""},
	} {
		code, said := w.Do(strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(said, c.says) {
			t.Errorf("tillpost %s ended with %d and said %q", c.args, code, said)
		}
	}
}

// A second agent on the same outbox must not start.
func TestASecondAgentOnTheOutbox(t *testing.T) {
	outside(t)
	w := newWorld(t, shoptest.Options{})
	w.Sale(terminal(0), "first")
	w.Write("second.toml", strings.ReplaceAll(w.configOfAnother(), w.Web, proctest.FreeAddr(t)))
	code, said := w.Do("run", "--config", "second.toml")
	if code != 1 || !strings.Contains(said, "outbox") {
		t.Errorf("the second ended with %d and said %q", code, said)
	}
	w.Sale(terminal(0), "next")
}

// The simulator as a process of its own serves the agent as well.
func TestTheSimulatorAsAProcess(t *testing.T) {
	outside(t)
	w := emptyWorld(t, shoptest.Options{})
	addr := proctest.FreeAddr(t)
	simulate := func() *proctest.Process {
		return w.Process("simulate", "--listen", addr, "--control", "off", "--organization", shoptest.Organization,
			"--terminal", "TRML7=Kiosk", "--customer", "pay:100ms")
	}
	api := simulate()
	w.Write("token", "demo-token") // the simulator's own, which it prints
	w.Until("the simulator to be there", func() bool { return strings.Contains(api.Said.String(), "simulated.db") })
	w.Set("api.base_url", "http://"+addr+"/api/v1")
	w.Set("store.timezone", "Europe/Oslo") // the simulator's: what is today here may be yesterday there
	w.Start()
	w.Sale("TRML7", "one")
	// An API that dies and comes back has forgotten all, and the till's order goes to it all the same.
	api.Kill()
	w.Order("TRML7", "two")
	w.UntilWaits("TRML7", "two", "apiUnreachable")
	simulate()
	w.UntilState("TRML7", "two", "paid")
}
