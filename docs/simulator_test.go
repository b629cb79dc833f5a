package docs_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tillpost/api/simulator"
)

var controlCall = regexp.MustCompile(`curl (?:(-X DELETE) )?localhost:9731(/[^ \n)]*)(?: -d '([^']*)')?`)

// TestControlCallsAreTaken makes every call of the simulator's control endpoint that a document shows.
func TestControlCallsAreTaken(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"simulator.md", "cli.md", "pos-guide.md", "../README.md"} {
		sim := simulator.New(simulator.Options{Terminals: []simulator.Terminal{{UUID: "TRML1000000001", Name: "Counter 1"}}})
		t.Cleanup(sim.Close)
		calls := controlCall.FindAllStringSubmatch(read(t, page), -1)
		if page == "simulator.md" && len(calls) < 20 {
			t.Errorf("only %d calls were found in %s", len(calls), page)
		}
		for _, m := range calls {
			if strings.Contains(m[2], "$ORDER") || m[3] == "{…}" {
				continue // the shell puts an order there; a pattern
			}
			method := http.MethodGet
			switch {
			case m[1] != "":
				method = http.MethodDelete
			case m[3] != "":
				method = http.MethodPost
			}
			rec := httptest.NewRecorder()
			sim.Control().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), method, strings.TrimSuffix(m[2], "`"), strings.NewReader(m[3])))
			if rec.Code/100 != 2 {
				t.Errorf("%s: %s is answered %d: %s", page, m[0], rec.Code, rec.Body)
			}
		}
	}
}

// TestEveryFaultIsExplained holds the tables of faults to the simulator.
func TestEveryFaultIsExplained(t *testing.T) {
	t.Parallel()
	kinds := []simulator.Kind{
		simulator.KindDelay, simulator.KindDropBefore, simulator.KindDropAfter, simulator.KindHalfReply, simulator.KindRefuse,
		simulator.KindStatus, simulator.KindUnauthorized, simulator.KindRateLimited, simulator.KindRedirect, simulator.KindBusyReply,
		simulator.KindBusyButCreated, simulator.KindUnder200, simulator.KindGarbage, simulator.KindPage, simulator.KindContradict,
		simulator.KindRefuseNaming, simulator.KindRepeat,
	}
	page := read(t, "simulator.md")
	table := page[strings.Index(page, "| `kind` |"):strings.Index(page, "## All of the control")]
	var told []simulator.Kind
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_0-9]+)` \\|").FindAllStringSubmatch(table, -1) {
		if row[1] != "kind" {
			told = append(told, simulator.Kind(row[1]))
		}
	}
	if !slices.Equal(told, kinds) {
		t.Errorf("the page explains %q, the simulator has %q", told, kinds)
	}
	for _, g := range []simulator.Garbage{
		simulator.GarbageHTML, simulator.GarbageSingleQuoted, simulator.GarbageEmpty, simulator.GarbageHuge, simulator.GarbageInvalidJSON,
	} {
		if !strings.Contains(table, "`"+string(g)+"`") {
			t.Errorf("the page lacks the garbage %q", g)
		}
	}
}
