package monitor

import (
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"tillpost/internal/topic"
)

var (
	problemDesc = prometheus.NewDesc(prometheus.BuildFQName(namespace, "", "problem"),
		"Whether a problem stands (1) or not (0), by its code.", []string{"code"}, nil)
	terminalInfoDesc = prometheus.NewDesc(prometheus.BuildFQName(namespace, "", "terminal_info"),
		"A terminal that is known, with its name in the labels; the value is always 1.", []string{"terminal", "name"}, nil)
)

// maxNameBytes bounds a terminal's name as a label; a longer one is cut.
const maxNameBytes = 100

// standingCollector collects, at scrape time, which problems stand and which terminals there are.
type standingCollector struct {
	mu        sync.Mutex
	codes     labelSet
	problems  func() []string
	terminals func() map[string]string
}

// WatchProblems makes standing the source of tillpost_problem: it returns the codes of the problems that stand, repeats
// included. codes are all that there are; each has a series from the start, and any other code counts as "other".
func (m *Metrics) WatchProblems(codes []string, standing func() []string) {
	m.standing.mu.Lock()
	defer m.standing.mu.Unlock()
	m.standing.codes, m.standing.problems = newLabelSet(codes...), standing
}

// WatchTerminals makes names the source of tillpost_terminal_info: it returns the names of the known terminals, by uuid.
func (m *Metrics) WatchTerminals(names func() map[string]string) {
	m.standing.mu.Lock()
	defer m.standing.mu.Unlock()
	m.standing.terminals = names
}

// Describe implements prometheus.Collector.
func (c *standingCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- problemDesc
	ch <- terminalInfoDesc
}

// Collect implements prometheus.Collector.
func (c *standingCollector) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	codes, problems, terminals := c.codes, c.problems, c.terminals
	c.mu.Unlock()
	stands := map[string]bool{}
	if problems != nil {
		for _, code := range problems() {
			stands[fold(codes, code)] = true
		}
	}
	for code := range codes {
		ch <- prometheus.MustNewConstMetric(problemDesc, prometheus.GaugeValue, truth(stands[code]), code)
	}
	if stands[other] {
		ch <- prometheus.MustNewConstMetric(problemDesc, prometheus.GaugeValue, 1, other)
	}
	if terminals == nil {
		return
	}
	left := maxTerminals
	for uuid, name := range terminals() {
		if left == 0 || !topic.ValidID(uuid) {
			continue
		}
		left--
		ch <- prometheus.MustNewConstMetric(terminalInfoDesc, prometheus.GaugeValue, 1, uuid, strings.ToValidUTF8(name[:min(len(name), maxNameBytes)], ""))
	}
}
