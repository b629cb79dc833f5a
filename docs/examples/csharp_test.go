package examples

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tillpost/internal/proctest"
)

// parseCSharp parses files as C#, and returns what the parser says and whether they are.
func parseCSharp(t *testing.T, files ...string) (string, bool) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		proctest.Lacks(t, "Node.js is not installed")
	}
	if _, err := os.Stat("csharp/check/node_modules/web-tree-sitter"); err != nil {
		proctest.Lacks(t, "the parser of C# is not installed: npm ci, in docs/examples/csharp/check")
	}
	out, err := exec.CommandContext(t.Context(), "node", append([]string{"csharp/check/parse.mjs"}, files...)...).CombinedOutput()
	return string(out), err == nil
}

// The C# till is not run, for want of .NET; but it is C#, and says what the others say.
func TestCSharpParses(t *testing.T) {
	t.Parallel()
	if said, ok := parseCSharp(t, "csharp/Program.cs"); !ok {
		t.Errorf("it does not parse:\n%s", said)
	}
	program, err := os.ReadFile("csharp/Program.cs")
	if err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(t.TempDir(), "Broken.cs")
	if err := os.WriteFile(broken, []byte(strings.Replace(string(program), "var done = false;", "var done = = false", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, ok := parseCSharp(t, broken); ok {
		t.Errorf("what is no C# parses:\n%s", said)
	}
	python, err := os.ReadFile("python/till.py")
	if err != nil {
		t.Fatal(err)
	}
	words := regexp.MustCompile(`(?m)^    "\w+": ("[^"]+"),$`).FindAllSubmatch(python, -1)
	if len(words) < 15 {
		t.Fatalf("the till in Python has %d sentences", len(words))
	}
	for _, w := range words {
		if !strings.Contains(string(program), string(w[1])) {
			t.Errorf("it does not say %s", w[1])
		}
	}
}
