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

// TestStateIsAssignedInOnePlace reads the package's own source. A record read from disk gets its state in a composite
// literal, which is no change of state.
func TestStateIsAssignedInOnePlace(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, stateWrites(t, name, string(b))...)
	}
	if !slices.Equal(found, []string{"step.go: to"}) {
		t.Errorf("State is assigned in %q, and may be in step.go: to only", found)
	}
	if got := stateWrites(t, "x.go", "package x\nfunc f() { r.State, b = 1, 2; p := &r.State; r.State++ }"); len(got) != 3 {
		t.Errorf("the search finds %q", got)
	}
}
