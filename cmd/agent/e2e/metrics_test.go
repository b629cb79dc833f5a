package e2e

import (
	"slices"
	"strings"
	"testing"

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
	// A lane becomes idle a little after its last status.
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

// like returns what there is of a metric.
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
