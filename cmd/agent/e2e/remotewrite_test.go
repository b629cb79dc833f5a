package e2e

import (
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"tillpost/api/simulator"
	"tillpost/internal/proctest"
	"tillpost/internal/shoptest"
)

// asShop logs a shop in at the centre.
type asShop struct{ password string }

func (s asShop) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.SetBasicAuth("oslo-s", s.password)
	return http.DefaultTransport.RoundTrip(r)
}

// TestPrometheusInAgentMode runs the example of docs/fleet.md: a Prometheus in the shop scrapes the agent and writes to a
// central one, which was away at first. What it scraped meanwhile comes too.
func TestPrometheusInAgentMode(t *testing.T) {
	outside(t)
	prometheusHere(t)
	example, doc := repoFile(t, "packaging/bridge/prometheus-agent.yml"), repoFile(t, "docs/fleet.md")
	plain := regexp.MustCompile(`(?m)^ *#.*\n`).ReplaceAllString(example, "")
	if !strings.Contains(doc, "```yaml\n"+plain+"```") {
		t.Errorf("docs/fleet.md does not show what packaging/bridge/prometheus-agent.yml says:\n%s", plain)
	}
	w := newEmbedded(t, shoptest.Options{Customer: simulator.Pay(0)})
	w.Sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DropBefore()})
	w.Order(terminal(0), "doubt-1")
	w.UntilState(terminal(0), "doubt-1", "in_doubt")

	const password = "of the shop"
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	w.Must(err)
	w.Write("web.yml", "basic_auth_users: {oslo-s: "+string(hash)+"}\n")
	w.Write("central.yml", "global: {}\n")
	w.Write("remote-password", password)
	central, shopAddr := proctest.FreeAddr(t), proctest.FreeAddr(t)
	inShop := example
	for _, change := range [][2]string{
		{"scrape_interval: 30s", "scrape_interval: 1s"},
		{"127.0.0.1:9720", w.Web},
		{"https://prometheus.example.com/", "http://" + central + "/"},
		{"/etc/prometheus/remote-password", "remote-password"},
		{"max_backoff: 1m", "max_backoff: 1s"},
	} {
		if strings.Count(inShop, change[0]) != 1 {
			t.Fatalf("the example has no %q, or more than one", change[0])
		}
		inShop = strings.Replace(inShop, change[0], change[1], 1)
	}
	w.Write("prometheus-agent.yml", inShop)
	w.prometheus(shopAddr, exampleFlags(t, doc)...)
	scraped := regexp.MustCompile(`(?m)^prometheus_agent_samples_appended_total(\{.*\})? [1-9]`)
	w.Until("the shop's Prometheus to scrape", func() bool {
		_, text := proctest.Get(t, "http://"+shopAddr+"/metrics")
		return scraped.MatchString(text)
	})

	began := time.Now()
	w.prometheus(central, "--config.file=central.yml", "--storage.tsdb.path=tsdb", "--web.enable-remote-write-receiver", "--web.config.file=web.yml")
	client := &http.Client{Transport: asShop{password}}
	ask := func(expression string) []series {
		all, _ := asked(t, client, "http://"+central, expression)
		return all
	}
	var found []series
	w.Until("the centre to have what was scraped before it ran", func() bool {
		found = ask(`tillpost_build_info{shop="oslo-s"}[1h]`)
		return len(found) == 1 && found[0].Values[0].at() < float64(began.UnixMilli())/1000
	})
	if m := found[0].Metric; m["instance"] != "oslo-s" || m["job"] != "tillpost" {
		t.Errorf("it is labelled %v", m)
	}
	w.Until("the doubt at the centre", func() bool { return len(ask(fleetExpressions(t, doc)[1])) == 1 })
	if got := ask(fleetExpressions(t, doc)[1])[0].Metric["shop"]; got != "oslo-s" {
		t.Errorf("the doubt is of shop %q", got)
	}
	absent := fleetExpressions(t, doc)[0]
	if got := ask(absent); len(got) != 0 {
		t.Errorf("%s: %v", absent, got)
	}
	if other := strings.ReplaceAll(absent, "oslo-s", "bergen-1"); len(ask(other)) != 1 {
		t.Errorf("%s: nothing", other)
	}
}

// exampleFlags returns those of the command that docs/fleet.md shows, with files in the working folder.
func exampleFlags(t *testing.T, doc string) []string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^    prometheus (--.*)$`).FindStringSubmatch(doc)
	if m == nil {
		t.Fatal("docs/fleet.md shows no command")
	}
	line := strings.NewReplacer("/etc/prometheus/", "", "tillpost-agent.yml", "prometheus-agent.yml", "/var/lib/prometheus/", "").Replace(m[1])
	return strings.Fields(line)
}

// fleetExpressions returns those that docs/fleet.md shows: a shop that is away, and where something is in doubt.
func fleetExpressions(t *testing.T, doc string) []string {
	t.Helper()
	var list []string
	for _, m := range regexp.MustCompile("`((?:absent_over_time|sum by)[^`]*)`").FindAllStringSubmatch(doc, -1) {
		list = append(list, m[1])
	}
	if len(list) != 2 {
		t.Fatalf("docs/fleet.md shows %q", list)
	}
	return list
}

func repoFile(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile("../../../" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
