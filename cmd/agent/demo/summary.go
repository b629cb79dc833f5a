package demo

import (
	"fmt"
	"strings"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// row is a line of the summary.
type row struct {
	name   string
	by     [2]tally
	metric int
	state  string
}

func (v *result) rows() []row {
	m := v.metrics
	return []row{
		{"sales paid", v.paid, m[end{"order", "paid"}], "paid"},
		{"refunds", v.refunded, m[end{"refund", "refunded"}], "refunded"},
		{"sales declined", v.declined, m[end{"order", "declined"}], "declined"},
		{"sales cancelled", v.cancelled, m[end{"order", "cancelled"}], "cancelled"},
	}
}

// table returns the summary in lines of less than 80 characters.
func (v *result) table() []string {
	lines := []string{"", fmt.Sprintf("  %-18s%16s%20s%16s", "", "told to the till", "at Front Payment", "in the metrics")}
	for _, r := range v.rows() {
		lines = append(lines, fmt.Sprintf("  %-18s%16s%20s%16d", r.name, r.by[0], r.by[1], r.metric))
	}
	return append(lines,
		fmt.Sprintf("  %-18s%16s%20d", "charged twice", "", v.twice),
		fmt.Sprintf("  %-18s%16d", "without an end", v.open))
}

// list returns the same for a narrow screen, in lines of at most 36 characters.
func (v *result) list() []string {
	lines := []string{""}
	for _, r := range v.rows() {
		lines = append(lines, "  "+r.name,
			fmt.Sprintf("    %-18s%s", "told to the till", r.by[0]),
			fmt.Sprintf("    %-18s%s", "at Front Payment", r.by[1]),
			fmt.Sprintf("    %-18s%d", "in the metrics", r.metric))
	}
	return append(lines, fmt.Sprintf("  %-20s%d", "charged twice", v.twice), fmt.Sprintf("  %-20s%d", "without an end", v.open))
}

// String implements fmt.Stringer: how many, and how much money.
func (t tally) String() string { return fmt.Sprintf("%d %11s", t.n, t.minor) }

// finished counts requests by kind and final state, as tillpost's metrics do.
type finished map[end]int

type end struct{ kind, state string }

// parseFinished reads an exposition in the text format.
func parseFinished(text string) (finished, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	counted := finished{}
	for _, m := range families["tillpost_requests_finished_total"].GetMetric() {
		var of end
		for _, label := range m.GetLabel() {
			switch label.GetName() {
			case "kind":
				of.kind = label.GetValue()
			case "state":
				of.state = label.GetValue()
			}
		}
		counted[of] = int(m.GetCounter().GetValue())
	}
	return counted, nil
}

// add returns the sum of two daemons' counts.
func (f finished) add(other finished) finished {
	sum := finished{}
	for _, from := range []finished{f, other} {
		for of, n := range from {
			sum[of] += n
		}
	}
	return sum
}
