package demo

import (
	"fmt"
	"strings"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// row is a line of the summary.
type row struct {
	name         string
	told, booked tally
	metric       int
}

func (v *result) rows() []row {
	of := func(name string, e end) row { return row{name, v.told[e.state], v.booked[e.state], v.metrics[e]} }
	return []row{
		of("sales paid", end{"order", "paid"}), of("refunds", end{"refund", "refunded"}),
		of("sales declined", end{"order", "declined"}), of("sales cancelled", end{"order", "cancelled"}),
	}
}

// table returns the summary in lines of less than 80 characters.
func (v *result) table() []string {
	lines := []string{"", fmt.Sprintf("  %-18s%16s%20s%16s", "", "told to the till", "at Front Payment", "in the metrics")}
	for _, r := range v.rows() {
		lines = append(lines, fmt.Sprintf("  %-18s%16s%20s%16d", r.name, r.told, r.booked, r.metric))
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
			fmt.Sprintf("    %-18s%s", "told to the till", r.told),
			fmt.Sprintf("    %-18s%s", "at Front Payment", r.booked),
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
		labels := map[string]string{}
		for _, label := range m.GetLabel() {
			labels[label.GetName()] = label.GetValue()
		}
		counted[end{labels["kind"], labels["state"]}] = int(m.GetCounter().GetValue())
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
