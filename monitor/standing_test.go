package monitor

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestProblemsAndTerminals(t *testing.T) {
	t.Parallel()
	var stand []string
	m := metricsOf(Sources{
		ProblemCodes: []string{"apiUnreachable", "needsStaff"}, Problems: func() []string { return stand },
		Terminals: func() map[string]string {
			return map[string]string{"T1": "Counter 1", "T2": strings.Repeat("ø", 80) + "\xff", "a b": "no label"}
		},
	})
	const names = `
# HELP tillpost_terminal_info A terminal that is known, with its name in the labels; the value is always 1.
# TYPE tillpost_terminal_info gauge
tillpost_terminal_info{name="Counter 1",terminal="T1"} 1
`
	const head = `
# HELP tillpost_problem Whether a problem stands (1) or not (0), by its code.
# TYPE tillpost_problem gauge
`
	long := `tillpost_terminal_info{name="` + strings.Repeat("ø", 50) + `",terminal="T2"} 1` + "\n"
	check := func(want string) {
		t.Helper()
		if err := testutil.GatherAndCompare(m.Registry(), strings.NewReader(head+want+names+long), "tillpost_problem", "tillpost_terminal_info"); err != nil {
			t.Error(err)
		}
	}
	check("tillpost_problem{code=\"apiUnreachable\"} 0\ntillpost_problem{code=\"needsStaff\"} 0\n")
	stand = []string{"needsStaff", "needsStaff", "brandNew"}
	check("tillpost_problem{code=\"apiUnreachable\"} 0\ntillpost_problem{code=\"needsStaff\"} 1\ntillpost_problem{code=\"other\"} 1\n")
}
