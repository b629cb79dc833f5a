package proctest

import (
	"fmt"
	"strings"
	"testing"
)

// verdict records what a test would be failed with.
type verdict struct {
	testing.TB
	errors []string
}

func (*verdict) Helper()             {}
func (*verdict) Logf(string, ...any) {}
func (v *verdict) Failed() bool      { return len(v.errors) > 0 }
func (v *verdict) Errorf(format string, args ...any) {
	v.errors = append(v.errors, fmt.Sprintf(format, args...))
}

func TestOutputHearsWhatIsCutAnywhere(t *testing.T) {
	t.Parallel()
	const text = "level=INFO secret=hunter2 and on it goes\n"
	for _, keep := range []int{0, 1, 1000} {
		for size := 1; size <= len(text); size++ {
			o := NewOutput(keep, "hunter2", "unsaid")
			for range 3 {
				for rest := text; rest != ""; {
					n := min(size, len(rest))
					if _, err := o.Write([]byte(rest[:n])); err != nil {
						t.Fatal(err)
					}
					rest = rest[n:]
				}
			}
			v := &verdict{TB: t}
			o.Check(v, "it")
			if got := strings.Join(v.errors, "; "); got != `it wrote "hunter2"` {
				t.Errorf("%d bytes kept, written by %d: %s", keep, size, got)
			}
		}
	}
}

func TestOutputKeepsTheEnd(t *testing.T) {
	t.Parallel()
	all, some := NewOutput(0), NewOutput(100)
	for i := range 1000 {
		line := fmt.Appendf(nil, "line %d\n", i)
		for _, o := range []*Output{all, some} {
			if _, err := o.Write(line); err != nil {
				t.Fatal(err)
			}
		}
	}
	if s := all.String(); !strings.HasPrefix(s, "line 0\n") || !strings.HasSuffix(s, "line 999\n") {
		t.Errorf("of all, %d bytes are kept", len(s))
	}
	if s := some.String(); len(s) < 100 || len(s) > 200 || !strings.HasSuffix(s, "line 999\n") {
		t.Errorf("of some, %d bytes are kept", len(s))
	}
}
