package outbox

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// stateWrites lists where a source assigns a field State, as "file: function".
func stateWrites(t *testing.T, name, source string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), name, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, d := range f.Decls {
		where := name
		if fn, ok := d.(*ast.FuncDecl); ok {
			where = fmt.Sprintf("%s: %s", name, fn.Name.Name)
		}
		isState := func(e ast.Expr) bool {
			sel, ok := e.(*ast.SelectorExpr)
			return ok && sel.Sel.Name == "State"
		}
		ast.Inspect(d, func(n ast.Node) bool {
			written := false
			switch n := n.(type) {
			case *ast.AssignStmt:
				written = slices.ContainsFunc(n.Lhs, isState)
			case *ast.IncDecStmt:
				written = isState(n.X)
			case *ast.UnaryExpr:
				written = n.Op == token.AND && isState(n.X)
			}
			if written {
				found = append(found, where)
			}
			return true
		})
	}
	return found
}

// clockReads lists where a source asks for the time or waits, as "file: call".
func clockReads(t *testing.T, name, source string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), name, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	clock := []string{"Now", "Since", "Until", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Sleep"}
	var found []string
	ast.Inspect(f, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == "time" && slices.Contains(clock, sel.Sel.Name) {
				found = append(found, fmt.Sprintf("%s: time.%s", name, sel.Sel.Name))
			}
		}
		return true
	})
	return found
}

// sources returns what each file of a folder holds that is no test, by its path.
func sources(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.ToSlash(name)] = string(b)
	}
	if len(all) == 0 {
		t.Fatalf("there is no source in %s", dir)
	}
	return all
}

// TestStateIsAssignedInOnePlace reads the package's own source, and that of the store in a file. A record read from disk gets its state in a composite
// literal, which is no change of state.
func TestStateIsAssignedInOnePlace(t *testing.T) {
	t.Parallel()
	var found []string
	for _, dir := range []string{".", "bolt"} {
		for name, source := range sources(t, dir) {
			found = append(found, stateWrites(t, name, source)...)
		}
	}
	if !slices.Equal(found, []string{"step.go: enter"}) {
		t.Errorf("State is assigned in %q, and may be in step.go: enter only", found)
	}
	if got := stateWrites(t, "x.go", "package x\nfunc f() { r.State, b = 1, 2; p := &r.State; r.State++ }"); len(got) != 3 {
		t.Errorf("the search finds %q", got)
	}
}

// TestNothingAsksForTheTime reads the package's own source: every moment comes with an event.
func TestNothingAsksForTheTime(t *testing.T) {
	t.Parallel()
	var found []string
	for name, source := range sources(t, ".") {
		found = append(found, clockReads(t, name, source)...)
	}
	if len(found) > 0 {
		t.Errorf("%q: the time comes with the event", found)
	}
	if got := clockReads(t, "x.go", "package x\nimport \"time\"\nvar now = time.Now\nfunc f() { time.Sleep(time.Since(t)); i.After(t) }"); len(got) != 3 {
		t.Errorf("the search finds %q", got)
	}
}
