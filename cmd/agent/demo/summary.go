package demo

import (
	"fmt"
	"strconv"
	"strings"
)

// row is a line of the summary.
type row struct {
	name   string
	by     [2]tally
	metric int
	state  string
}

func (v *verdict) rows() []row {
	m := v.metrics
	return []row{
		{"sales paid", v.paid, m.finished("order", "paid"), "paid"},
		{"refunds", v.refunded, m.finished("refund", "refunded"), "refunded"},
		{"sales declined", v.declined, m.finished("order", "declined"), "declined"},
		{"sales cancelled", v.cancelled, m.finished("order", "cancelled"), "cancelled"},
	}
}

// table is the summary in lines of less than 80 characters.
func (v *verdict) table() []string {
	lines := []string{"", fmt.Sprintf("  %-18s%16s%20s%16s", "", "told to the till", "at Front Payment", "in the metrics")}
	for _, r := range v.rows() {
		lines = append(lines, fmt.Sprintf("  %-18s%16s%20s%16d", r.name, r.by[0], r.by[1], r.metric))
	}
	return append(lines,
		fmt.Sprintf("  %-18s%16s%20d", "charged twice", "", v.twice),
		fmt.Sprintf("  %-18s%16d", "without an end", v.open))
}

// list is the same for a narrow screen, in lines of at most 36 characters.
func (v *verdict) list() []string {
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
func (t tally) String() string { return fmt.Sprintf("%d %11s", t.n, kroner(t.ore)) }

// metrics are the samples of an exposition whose values are whole numbers, by name and labels.
type metrics map[string]int

// parseMetrics reads the text format. Its samples of tillpost's counters have their labels in alphabetical order.
func parseMetrics(text string) metrics {
	m := metrics{}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if n, err := strconv.Atoi(value); ok && err == nil {
			m[name] = n
		}
	}
	return m
}

// add is the sum of two daemons' counters.
func (m metrics) add(other metrics) metrics {
	sum := metrics{}
	for _, from := range []metrics{m, other} {
		for name, n := range from {
			sum[name] += n
		}
	}
	return sum
}

// finished is how many requests of a kind entered a final state.
func (m metrics) finished(kind, state string) int {
	return m[fmt.Sprintf("tillpost_requests_finished_total{kind=%q,state=%q}", kind, state)]
}
