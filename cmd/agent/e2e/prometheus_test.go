package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tillpost/api/simulator"
	"tillpost/internal/proctest"
	"tillpost/internal/shoptest"
)

// TestPrometheusAnswersRulesAndDashboard has a real Prometheus scrape an agent with something to show, and asks it every
// expression of the alert rules and of the dashboard.
func TestPrometheusAnswersRulesAndDashboard(t *testing.T) {
	outside(t)
	prometheus := prometheusHere(t)
	w := newEmbedded(t, shoptest.Options{Customer: simulator.Pay(0)})
	w.Sale(terminal(0), "sale-1")
	w.Sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DropBefore()})
	w.Order(terminal(0), "doubt-1")
	w.UntilState(terminal(0), "doubt-1", "in_doubt")

	_, metrics := proctest.Get(t, w.page("/metrics"))
	w.lints(filepath.Join(filepath.Dir(prometheus), "promtool"), metrics)
	rules, err := filepath.Abs("../../../packaging/prometheus/alerts.yml")
	w.Must(err)
	w.Write("prometheus.yml", fmt.Sprintf("global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [%q]\nscrape_configs: [{job_name: tillpost, static_configs: [{targets: [%q]}]}]\n", rules, w.Web))
	addr := proctest.FreeAddr(t)
	w.prometheus(addr, "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb")
	ask := func(expression string) (results int, fault string) {
		series, fault := asked(t, http.DefaultClient, "http://"+addr, expression)
		return len(series), fault
	}
	w.Until("a scrape", func() bool { n, _ := ask("rate(tillpost_api_calls_total[1m])"); return n > 0 })
	for _, e := range append(ruleExpressions(t), dashboardExpressions(t)...) {
		n, fault := ask(e.text)
		if fault != "" {
			t.Errorf("%s: %s", e.text, fault)
		}
		if e.shows && n == 0 {
			t.Errorf("%s: shows nothing", e.text)
		}
	}
	w.Until("the alert on a doubt", func() bool { n, _ := ask(`ALERTS{alertname="TillpostInDoubt"}`); return n > 0 })
	if n, _ := ask(`ALERTS{alertname=~"TillpostDown|TillpostAPIUnreachable|TillpostClockWrong|TillpostDiskFull"}`); n > 0 {
		t.Error("an alert stands without a cause")
	}
}

// prometheusHere returns the program, which CI fetches.
func prometheusHere(t testing.TB) string {
	t.Helper()
	fetched, err := filepath.Abs("../../../.tools/prometheus")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(fetched); err == nil {
		return fetched
	}
	installed, err := exec.LookPath("prometheus")
	if err != nil {
		proctest.Lacks(t, "prometheus is missing: .ci/run fetches it")
	}
	return installed
}

// prometheus runs it in the world's folder until the test ends.
func (w *world) prometheus(addr string, flags ...string) {
	w.Helper()
	command := exec.CommandContext(w.Context(), prometheusHere(w), append(flags, "--web.listen-address="+addr, "--log.level=warn")...)
	command.Dir = w.Dir
	w.Must(command.Start())
	w.Cleanup(func() { _ = command.Process.Kill(); _ = command.Wait() })
}

// series is one that an expression came to, with its value or values.
type series struct {
	Metric map[string]string
	Value  sample
	Values []sample
}

// sample is a moment in seconds and the value.
type sample [2]any

func (s sample) at() float64 { at, _ := s[0].(float64); return at }

// asked has a Prometheus answer an expression; fault says why it did not.
func asked(t *testing.T, client *http.Client, base, expression string) (all []series, fault string) {
	t.Helper()
	rq, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/api/v1/query?query="+url.QueryEscape(expression), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(rq)
	if err != nil {
		return nil, err.Error() // it does not listen yet
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Status, Error string
		Data          struct{ Result []series }
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, fmt.Sprintf("%s: %v", resp.Status, err)
	}
	return answer.Data.Result, answer.Error
}

// lints has promtool look at the metrics: it has nothing to say.
func (w *world) lints(promtool, metrics string) {
	w.Helper()
	command := exec.CommandContext(w.Context(), promtool, "check", "metrics")
	command.Stdin = strings.NewReader(metrics)
	if out, err := command.CombinedOutput(); err != nil || len(out) > 0 {
		w.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// expression is one that Prometheus has to understand, and whether something is to be seen then.
type expression struct {
	text  string
	shows bool
}

func ruleExpressions(t *testing.T) (list []expression) {
	t.Helper()
	raw, err := os.ReadFile("../../../packaging/prometheus/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^ +expr: (.*)$`).FindAllStringSubmatch(string(raw), -1) {
		list = append(list, expression{text: m[1]})
	}
	if len(list) < 10 {
		t.Errorf("%d rules were found", len(list))
	}
	return list
}

func dashboardExpressions(t *testing.T) (list []expression) {
	t.Helper()
	raw, err := os.ReadFile("../../../packaging/grafana/tillpost.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			Type    string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	variable := regexp.MustCompile(`\$instance`)
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			// A filter may leave nothing over; all else has something to show.
			filtered := regexp.MustCompile(`(== 1|> 0)$`).MatchString(target.Expr)
			list = append(list, expression{variable.ReplaceAllString(target.Expr, ".*"), !filtered})
		}
	}
	return list
}
