package monitor

import (
	"strings"

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
	codes     labelSet
	problems  func() []string          // may be nil
	terminals func() map[string]string // may be nil
}

// Describe implements prometheus.Collector.
func (c *standingCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- problemDesc
	ch <- terminalInfoDesc
}

// Collect implements prometheus.Collector.
func (c *standingCollector) Collect(ch chan<- prometheus.Metric) {
	stands := map[string]bool{}
	if c.problems != nil {
		for _, code := range c.problems() {
			stands[fold(c.codes, code)] = true
		}
	}
	for code := range c.codes {
		ch <- prometheus.MustNewConstMetric(problemDesc, prometheus.GaugeValue, truth(stands[code]), code)
	}
	if stands[other] {
		ch <- prometheus.MustNewConstMetric(problemDesc, prometheus.GaugeValue, 1, other)
	}
	if c.terminals == nil {
		return
	}
	left := maxTerminals
	for uuid, name := range c.terminals() {
		if left == 0 || !topic.ValidID(uuid) {
			continue
		}
		left--
		ch <- prometheus.MustNewConstMetric(terminalInfoDesc, prometheus.GaugeValue, 1, uuid, strings.ToValidUTF8(name[:min(len(name), maxNameBytes)], ""))
	}
}
