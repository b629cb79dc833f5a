package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"tillpost/monitor"
	"tillpost/mqtt/message"
)

// constants are the texts of the constants of a Go file whose names begin with a prefix.
func constants(t *testing.T, name, prefix string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.FromSlash(name), nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, prefix) {
			return true
		}
		if lit, ok := spec.Values[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
			text, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, text)
		}
		return true
	})
	if len(texts) == 0 {
		t.Errorf("%s has no constants %s…", name, prefix)
	}
	return texts
}

// TestEveryCode wants each of our codes explained where its reader looks.
func TestEveryCode(t *testing.T) {
	t.Parallel()
	wanted := map[string][]string{
		"messages.md":   append(constants(t, "../outbox/codes.go", "Wait"), constants(t, "../outbox/codes.go", "Code")...),
		"operations.md": constants(t, "../agent/health/problems.go", "Problem"),
	}
	for _, c := range message.Codes() {
		wanted["messages.md"] = append(wanted["messages.md"], string(c))
	}
	for _, p := range message.Phases() {
		wanted["messages.md"] = append(wanted["messages.md"], string(p))
	}
	// What the API says is passed on, and not for us to explain.
	theirs := map[string]bool{}
	for _, name := range []string{"CodeAmountThreshold", "CodeWeeklyThreshold", "CodeAlreadySubmitted", "CodeAlreadyPaid"} {
		for _, text := range constants(t, "../outbox/codes.go", name) {
			theirs[text] = true
		}
	}
	for page, codes := range wanted {
		text := read(t, page)
		for _, code := range codes {
			if !theirs[code] && !strings.Contains(text, "`"+code+"`") {
				t.Errorf("%s does not explain `%s`", page, code)
			}
		}
	}
}

func oneTerminal() []monitor.QueueStat {
	return []monitor.QueueStat{{Terminal: "TRML1", Lane: monitor.LaneIdle}}
}

// TestEveryMetric wants each metric of ours explained.
func TestEveryMetric(t *testing.T) {
	t.Parallel()
	m := monitor.NewMetrics(monitor.BuildInfo{}, monitor.Labels{Operations: []string{"create"}, Outcomes: []string{"busy"}},
		monitor.Sources{Queues: oneTerminal})
	m.IgnoredEvent("queued", "Due")
	families, err := m.Registry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	page, ours := read(t, "operations.md"), 0
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "tillpost_") {
			continue
		}
		ours++
		if !strings.Contains(page, "| `"+f.GetName()+"` |") {
			t.Errorf("operations.md does not explain %s", f.GetName())
		}
	}
	if ours < 20 {
		t.Errorf("only %d metrics were found", ours)
	}
}
