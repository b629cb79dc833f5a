// Package grafana_test holds the dashboard to what Grafana reads.
package grafana_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// TestGrafanaReadsTheDashboard decodes it strictly: a key that Grafana does not know, or a value of another type, is a
// panel that stays empty.
func TestGrafanaReadsTheDashboard(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("tillpost.json")
	if err != nil {
		t.Fatal(err)
	}
	plugins.RegisterDefaultPlugins()
	d := dashboard.NewDashboard()
	// Without a fault it gives an empty list of them, which is no nil error.
	if err := d.UnmarshalJSONStrict(raw); err != nil && err.Error() != "" {
		t.Fatal(err)
	}
	if d.Uid == nil || *d.Uid != "tillpost" || len(d.Panels) < 15 || len(d.Templating.List) != 2 {
		t.Errorf("%d panels, %d variables", len(d.Panels), len(d.Templating.List))
	}
}

// TestPanelsFitAndNameOurMetrics: panels don't lie on each other, and every metric of ours is one that there is.
func TestPanelsFitAndNameOurMetrics(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("tillpost.json")
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			Title, Description string
			GridPos            struct{ X, Y, W, H int }
			Targets            []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	known, err := os.ReadFile("../../monitor/testdata/fresh.txt")
	if err != nil {
		t.Fatal(err)
	}
	taken := map[[2]int]string{}
	for _, p := range d.Panels {
		if p.Description == "" || len(p.Targets) == 0 {
			t.Errorf("%s says nothing", p.Title)
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%s lies on %q", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		for _, target := range p.Targets {
			for _, name := range regexp.MustCompile(`tillpost_[a-z_]+`).FindAllString(target.Expr, -1) {
				name = strings.TrimSuffix(name, "_bucket")
				if !regexp.MustCompile(`(?m)^# TYPE `+name+` `).Match(known) && !perTerminal[name] {
					t.Errorf("%s asks for %s, which there is not", p.Title, name)
				}
			}
		}
	}
}

// perTerminal are the metrics that a fresh agent, which knows no terminal and no problem, does not have.
var perTerminal = map[string]bool{
	"tillpost_queue_length": true, "tillpost_queue_oldest_age_seconds": true, "tillpost_requests_in_doubt": true,
	"tillpost_lane_state": true, "tillpost_terminal_info": true, "tillpost_problem": true,
}
