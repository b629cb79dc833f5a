package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/internal/proctest"
	"tillpost/internal/shoptest"
)

// metrics are the names that dashboards and alert rules use, with the type of each.
var metrics = map[string]string{
	"build_info": "gauge", "requests_accepted_total": "counter", "requests_refused_total": "counter", "requests_finished_total": "counter",
	"queue_length": "gauge", "queue_oldest_age_seconds": "gauge", "requests_in_doubt": "gauge", "lane_state": "gauge",
	"terminal_busy_total": "counter", "api_calls_total": "counter", "api_call_duration_seconds": "histogram", "api_up": "gauge",
	"api_rate_remaining": "gauge", "mqtt_connected": "gauge", "mqtt_reconnects_total": "counter", "outbox_commit_duration_seconds": "histogram",
	"outbox_size_bytes": "gauge", "outbox_free_disk_bytes": "gauge", "late_payments_total": "counter", "clock_synchronized": "gauge",
	"clock_skew_seconds": "gauge", "end_to_end_seconds": "histogram",
}

func TestMetricsAndHealth(t *testing.T) {
	outside(t)
	w := newWorld(t, shoptest.Options{})
	w.Sale(terminal(0), "one")
	w.Sale(terminal(0), "two")
	w.Sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.BusyReply()})
	w.Sale(terminal(1), "three")
	w.Send(terminal(0), "orders", "{}")
	w.Until("a refusal", func() bool { return len(w.rejects()) == 1 })
	w.leave(terminal(1), "open")
	w.Order(terminal(1), "next")
	w.UntilStatus(terminal(1), "next", "the next in line", func(s status) bool { return s.State == "queued" && s.Position == 1 })
	samples := []string{
		`api_calls_total{operation="create",outcome="accepted"} 4`, `api_calls_total{operation="create",outcome="busy"} 1`,
		`api_calls_total{operation="refund",outcome="ambiguous"} 0`,
		`requests_accepted_total{kind="order"} 5`, `requests_refused_total{reason="invalidRequest"} 1`,
		`requests_finished_total{kind="order",state="paid"} 3`, `end_to_end_seconds_count{kind="order"} 3`,
		`queue_length{terminal="` + terminal(1) + `"} 1`, `lane_state{state="busy",terminal="` + terminal(1) + `"} 1`,
		`lane_state{state="idle",terminal="` + terminal(0) + `"} 1`, `terminal_busy_total{terminal="` + terminal(1) + `"} 1`,
		`requests_in_doubt{terminal="` + terminal(0) + `"} 0`, `api_up 1`, `mqtt_connected 1`,
	}
	lacks := func(sample string) bool {
		_, text := w.Get("/metrics")
		return !strings.Contains(text, "\ntillpost_"+sample+"\n")
	}
	// A lane comes to rest a little after its last word.
	proctest.Eventually(proctest.Patience, func() bool { return !slices.ContainsFunc(samples, lacks) })
	code, text := w.Get("/metrics")
	if code != 200 {
		t.Fatalf("%d %s", code, text)
	}
	for name, kind := range metrics {
		if !strings.Contains(text, "\n# TYPE tillpost_"+name+" "+kind+"\n") {
			t.Errorf("there is no %s %s", kind, name)
		}
	}
	for _, sample := range samples {
		if !strings.Contains(text, "\ntillpost_"+sample+"\n") {
			t.Errorf("there is no %s among\n%s", sample, like(text, sample))
		}
	}
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/nowhere": 404} {
		if code, _ := w.Get(path); code != want {
			t.Errorf("%s answers %d, want %d", path, code, want)
		}
	}
}

// like is what there is of a metric.
func like(text, sample string) string {
	name, _, _ := strings.Cut(strings.ReplaceAll(sample, " ", "{"), "{")
	var found []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "tillpost_"+name) {
			found = append(found, line)
		}
	}
	return strings.Join(found, "")
}

func TestAnOutageIsTold(t *testing.T) {
	outside(t)
	w := newWorld(t, shoptest.Options{})
	w.UntilOnline()
	w.down(true)
	w.Order(terminal(0), "kept")
	w.UntilProblem("apiUnreachable")
	w.UntilWaits(terminal(0), "kept", "apiUnreachable")
	if s := w.Now(terminal(0), "kept"); s.State != "queued" || s.Revision != 1 {
		t.Errorf("the outage made it %+v", s)
	}
	if code, text := w.Get("/readyz"); code != 200 {
		t.Errorf("not ready without the API: %d %s", code, text)
	}
	if _, text := w.Get("/metrics"); !strings.Contains(text, "\ntillpost_api_up 0\n") {
		t.Error("the API is up")
	}
	w.down(false)
	w.UntilState(terminal(0), "kept", "paid")
	w.UntilOnline()
}

// What nobody may know any more is expired, told so, and never sent. It is not expired early; that it is not late is for
// tests whose time does not depend on the machine.
func TestAnOrderExpiresInAnOutage(t *testing.T) {
	outside(t)
	w := newWorld(t, shoptest.Options{})
	w.Sale(terminal(0), "first")
	w.down(true)
	begun := time.Now()
	w.Send(terminal(0), "orders", strings.Replace(shoptest.Request("old", "order", shoptest.Example(w.Today(), "old")), "{", `{"ttlSeconds":2,`, 1))
	if s := w.UntilState(terminal(0), "old", "expired"); s.ReasonCode() != "expired" {
		t.Errorf("the reason is %+v", s.Reason)
	}
	if took := time.Since(begun); took < 1900*time.Millisecond {
		t.Errorf("expired after %v, want two seconds", took)
	}
	w.down(false)
	w.Sale(terminal(0), "next")
	if n := w.Orders()["old"]; n != 0 {
		t.Errorf("%d orders, want none", n)
	}
}

func TestAChangedTokenIsUsed(t *testing.T) {
	outside(t)
	w := newWorld(t, shoptest.Options{})
	w.UntilOnline()
	w.Sim.SetToken(newToken)
	w.Order(terminal(0), "one")
	w.UntilWaits(terminal(0), "one", "unauthorized")
	w.UntilProblem("unauthorized")
	w.Order(terminal(1), "two")
	w.UntilWaits(terminal(1), "two", "unauthorized")
	if code, _ := w.Get("/readyz"); code != 200 {
		t.Errorf("not ready: %d", code)
	}
	// As an operator's editor does: another file under the old name.
	w.Write("token.new", newToken)
	w.Must(os.Rename(filepath.Join(w.Dir, "token.new"), filepath.Join(w.Dir, "token")))
	changed := time.Now()
	w.UntilState(terminal(0), "one", "paid")
	w.UntilState(terminal(1), "two", "paid")
	t.Logf("used after %v", time.Since(changed).Round(time.Millisecond))
	w.UntilOnline()
}

// An outbox of one account does not send to another.
func TestAnotherAccountStopsSending(t *testing.T) {
	outside(t)
	w := newWorld(t, shoptest.Options{})
	w.Sale(terminal(0), "first")
	w.Stop()
	w.Set("api.base_url", w.Serve(nil))
	w.Start()
	w.UntilProblem("wrongAccount")
	w.Order(terminal(0), "kept")
	if s := w.UntilWaits(terminal(0), "kept", "wrongAccount"); s.State != "queued" {
		t.Errorf("it is %s", s.State)
	}
	if n := w.Sim.Count(simulator.OpCreate); n != 1 {
		t.Errorf("%d creates, want 1", n)
	}
	w.Stop()
	w.Set("api.base_url", w.API)
	w.Start()
	w.UntilState(terminal(0), "kept", "paid")
	w.UntilOnline()
}

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
	w.Start()
	w.Sale("TRML7", "one")
	// An API that dies and comes back has forgotten all, and the till's order goes to it all the same.
	api.Kill()
	w.Order("TRML7", "two")
	w.UntilWaits("TRML7", "two", "apiUnreachable")
	simulate()
	w.UntilState("TRML7", "two", "paid")
}
