package monitor

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"tillpost/api"
)

var update = flag.Bool("update", false, "rewrite the golden files")

type fixedQueues []QueueStat

func (q fixedQueues) Queues() []QueueStat { return q }

func newTestMetrics() *Metrics { return metricsOf(Sources{}) }

func metricsOf(sources Sources) *Metrics {
	return NewMetrics(
		BuildInfo{Version: "1.2.3", Commit: "abc1234", GoVersion: "go1.26"},
		testLabels("notJSON", "retainedRequest"), sources,
	)
}

func testLabels(refusals ...string) Labels {
	l := Labels{Refusals: refusals}
	for _, o := range api.Operations() {
		l.Operations = append(l.Operations, string(o))
	}
	for _, o := range api.Outcomes() {
		l.Outcomes = append(l.Outcomes, o.String())
	}
	return l
}

func compare(t *testing.T, m *Metrics, want string, names ...string) {
	t.Helper()
	if err := testutil.GatherAndCompare(m.Registry(), strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
}

// ours returns the exposition of all tillpost_ metrics.
func ours(t *testing.T, m *Metrics) string {
	t.Helper()
	rec := httptest.NewRecorder()
	promhttp.HandlerFor(m.Registry(), promhttp.HandlerOpts{DisableCompression: true}).
		ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
	if rec.Code != http.StatusOK {
		t.Fatalf("scrape: %d: %s", rec.Code, rec.Body)
	}
	var b strings.Builder
	for line := range strings.Lines(rec.Body.String()) {
		if strings.HasPrefix(strings.TrimLeft(line, "#HELPTY "), "tillpost_") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// TestFreshExposition holds every metric as it stands before anything
// happened: names, help, labels, buckets and zeros.
func TestFreshExposition(t *testing.T) {
	t.Parallel()
	m := metricsOf(Sources{Queues: fixedQueues{{Terminal: "TRML1", Lane: LaneIdle}}.Queues})
	got := ours(t, m)
	const golden = "testdata/fresh.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("exposition differs from %s (go test -update rewrites it):\n%s", golden, got)
	}
}

func TestExpositionLints(t *testing.T) {
	t.Parallel()
	m := metricsOf(Sources{Queues: fixedQueues{{Terminal: "TRML1", Length: 2, Lane: LaneBusy}}.Queues})
	m.IgnoredEvent("paid", "Busy")
	m.TerminalBusy("TRML1")
	problems, err := testutil.GatherAndLint(m.Registry())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	for _, name := range []string{"go_goroutines", "process_start_time_seconds"} {
		if n, err := testutil.GatherAndCount(m.Registry(), name); err != nil || n != 1 {
			t.Errorf("%s: %d series, error %v; want 1 series", name, n, err)
		}
	}
}

func TestRequestMetrics(t *testing.T) {
	t.Parallel()
	m := NewMetrics(BuildInfo{}, testLabels("notJSON"), Sources{})
	m.RequestAccepted("order")
	m.RequestRefused("notJSON")
	m.RequestRefused("notJSON")
	m.RequestFinished("order", "paid", 7*time.Second, true)
	m.RequestFinished("order", "declined", time.Hour, false)
	m.RequestFinished("approval", "submitted", -time.Second, true)
	m.LatePayment()
	got := ours(t, m)
	for _, line := range []string{
		`tillpost_requests_accepted_total{kind="order"} 1`,
		`tillpost_requests_accepted_total{kind="refund"} 0`,
		`tillpost_requests_refused_total{reason="notJSON"} 2`,
		`tillpost_requests_finished_total{kind="order",state="paid"} 1`,
		`tillpost_requests_finished_total{kind="order",state="declined"} 1`,
		`tillpost_end_to_end_seconds_bucket{kind="order",le="5"} 0`,
		`tillpost_end_to_end_seconds_bucket{kind="order",le="10"} 1`,
		`tillpost_end_to_end_seconds_count{kind="order"} 1`,
		`tillpost_end_to_end_seconds_sum{kind="approval"} 0`,
		`tillpost_end_to_end_seconds_count{kind="approval"} 1`,
		`tillpost_late_payments_total 1`,
	} {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("missing %q", line)
		}
	}
	if strings.Contains(got, `kind="other"`) {
		t.Error("a known kind was folded")
	}
}

func TestAPIAndAgentMetrics(t *testing.T) {
	t.Parallel()
	m := newTestMetrics()
	m.APICall("create", "ambiguous", 300*time.Millisecond)
	m.APIUp(true)
	m.APIRateRemaining(17)
	m.MQTTConnected(true)
	m.MQTTConnected(false)
	m.MQTTReconnect()
	m.OutboxCommit(2 * time.Millisecond)
	m.ClockSynchronized(true)
	m.ClockSkew(-1500 * time.Millisecond)
	m.IgnoredEvent("paid", "Busy")
	got := ours(t, m)
	for _, line := range []string{
		`tillpost_api_calls_total{operation="create",outcome="ambiguous"} 1`,
		`tillpost_api_call_duration_seconds_bucket{operation="create",le="0.25"} 0`,
		`tillpost_api_call_duration_seconds_bucket{operation="create",le="0.5"} 1`,
		`tillpost_api_up 1`,
		`tillpost_api_rate_remaining 17`,
		`tillpost_mqtt_connected 0`,
		`tillpost_mqtt_reconnects_total 1`,
		`tillpost_outbox_commit_duration_seconds_count 1`,
		`tillpost_outbox_commit_duration_seconds_sum 0.002`,
		`tillpost_clock_synchronized 1`,
		`tillpost_clock_skew_seconds -1.5`,
		`tillpost_ignored_events_total{event="Busy",state="paid"} 1`,
	} {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("missing %q", line)
		}
	}
}

func TestOutboxGauges(t *testing.T) {
	t.Parallel()
	names := []string{"tillpost_outbox_size_bytes", "tillpost_outbox_free_disk_bytes"}
	const help = `# HELP tillpost_outbox_size_bytes Size of the outbox's file, NaN while not known.
# TYPE tillpost_outbox_size_bytes gauge
tillpost_outbox_size_bytes %s
# HELP tillpost_outbox_free_disk_bytes Bytes free on the disk that holds the outbox, NaN while not known.
# TYPE tillpost_outbox_free_disk_bytes gauge
tillpost_outbox_free_disk_bytes %s
`
	size := int64(32768)
	known := func() (int64, bool) { return size, true }
	unknown := func() (int64, bool) { return 5, false }
	compare(t, newTestMetrics(), fmt.Sprintf(help, "NaN", "NaN"), names...)
	m := metricsOf(Sources{OutboxSize: known, FreeDisk: unknown})
	compare(t, m, fmt.Sprintf(help, "32768", "NaN"), names...)
	size = 65536
	compare(t, m, fmt.Sprintf(help, "65536", "NaN"), names...)
}

// TestLabelsAreBounded throws free text at every method that takes a label.
func TestLabelsAreBounded(t *testing.T) {
	t.Parallel()
	m := newTestMetrics()
	before := seriesCount(t, m)
	for i := range 2 * maxIgnoredPairs {
		junk := fmt.Sprintf("junk\xff%d", i)
		m.RequestAccepted(junk)
		m.RequestRefused(junk)
		m.RequestFinished(junk, junk, time.Second, true)
		m.RequestFinished("order", junk, time.Second, true)
		m.APICall(junk, junk, time.Second)
		m.APICall("create", junk, time.Second)
		m.TerminalBusy(junk)
		m.IgnoredEvent("paid", fmt.Sprintf("event%d", i))
	}
	// One each: accepted, finished twice, end_to_end, api_calls twice, duration,
	// busy; refused{other} was there. And the ignored pairs with their "other".
	want := before + 8 + maxIgnoredPairs + 1
	if got := seriesCount(t, m); got != want {
		t.Errorf("%d series, want %d", got, want)
	}
	compare(t, m, fmt.Sprintf(`# HELP tillpost_requests_refused_total Messages refused at the door, by the code of the reason.
# TYPE tillpost_requests_refused_total counter
tillpost_requests_refused_total{reason="notJSON"} 0
tillpost_requests_refused_total{reason="other"} %d
tillpost_requests_refused_total{reason="retainedRequest"} 0
`, 2*maxIgnoredPairs), "tillpost_requests_refused_total")
}

// seriesCount counts our series, a histogram's as one.
func seriesCount(t *testing.T, m *Metrics) int {
	t.Helper()
	families, err := m.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "tillpost_") {
			n += len(f.GetMetric())
		}
	}
	return n
}

func TestMetricsAreSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	m := metricsOf(Sources{
		Queues:     fixedQueues{{Terminal: "TRML1", Lane: LaneBusy}}.Queues,
		OutboxSize: func() (int64, bool) { return 1, true },
	})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 50 {
				m.RequestFinished("order", "paid", time.Second, true)
				m.TerminalBusy(fmt.Sprint("TRML", i))
				m.IgnoredEvent("paid", fmt.Sprint(i))
				if i%10 == 0 {
					if _, err := m.Registry().Gather(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if got := testutil.ToFloat64(m.finished.WithLabelValues("order", "paid")); got != 200 {
		t.Errorf("finished %v, want 200", got)
	}
}
