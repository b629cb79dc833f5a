// Package prometheus_test holds the alert rules to the documents, and to Prometheus where that is at hand.
package prometheus_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v2"

	"tillpost/internal/proctest"
)

type rules struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Alert, Expr, For    string
			Labels, Annotations map[string]string
		}
	}
}

func read(t *testing.T, name string, into any) string {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err == nil && into != nil {
		err = yaml.UnmarshalStrict(raw, into)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestEveryAlertIsExplained: each has a severity, says whether it stops payments, and leads to a heading that there is.
func TestEveryAlertIsExplained(t *testing.T) {
	t.Parallel()
	var r rules
	read(t, "alerts.yml", &r)
	pages := read(t, "../../docs/alerts.md", nil)
	for _, a := range r.Groups[0].Rules {
		page, anchor, _ := strings.Cut(a.Annotations["runbook_url"], "#")
		if filepath.Base(page) != "alerts.md" || anchor != strings.ToLower(a.Alert) || !strings.Contains(pages, "\n## "+a.Alert+"\n") {
			t.Errorf("%s leads to %s#%s", a.Alert, page, anchor)
		}
		if s := a.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s has the severity %q", a.Alert, s)
		}
		if s := a.Labels["stops_payments"]; s != "yes" && s != "no" {
			t.Errorf("%s stops payments: %q", a.Alert, s)
		}
		if a.Annotations["summary"] == "" || a.Annotations["description"] == "" || a.For == "" {
			t.Errorf("%s says too little", a.Alert)
		}
	}
	if n := len(r.Groups[0].Rules); n < 10 {
		t.Errorf("%d alerts", n)
	}
}

// TestEveryAlertIsTried, once where it fires and once where it keeps still.
func TestEveryAlertIsTried(t *testing.T) {
	t.Parallel()
	var r rules
	read(t, "alerts.yml", &r)
	var tests struct {
		RuleFiles []string `yaml:"rule_files"`
		Interval  string   `yaml:"evaluation_interval"`
		Tests     []struct {
			Interval    string
			InputSeries []map[string]string `yaml:"input_series"`
			Alerts      []struct {
				EvalTime  string `yaml:"eval_time"`
				Alertname string
				Expected  []map[string]map[string]string `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	read(t, "alerts_test.yml", &tests)
	fires, still := map[string]bool{}, map[string]bool{}
	for _, one := range tests.Tests {
		for _, a := range one.Alerts {
			if len(a.Expected) > 0 {
				fires[a.Alertname] = true
			} else {
				still[a.Alertname] = true
			}
		}
	}
	for _, a := range r.Groups[0].Rules {
		if !fires[a.Alert] || !still[a.Alert] {
			t.Errorf("%s fires in a test: %v, keeps still in one: %v", a.Alert, fires[a.Alert], still[a.Alert])
		}
	}
}

// TestPrometheusAgrees runs Prometheus' own checks.
func TestPrometheusAgrees(t *testing.T) {
	t.Parallel()
	promtool := filepath.Join("..", "..", ".tools", "promtool")
	if _, err := os.Stat(promtool); err != nil {
		if promtool, err = exec.LookPath("promtool"); err != nil {
			proctest.Lacks(t, "promtool is missing: .ci/run fetches it")
		}
	}
	for _, args := range [][]string{{"check", "rules", "--lint-fatal", "alerts.yml"}, {"test", "rules", "alerts_test.yml"}} {
		if out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
