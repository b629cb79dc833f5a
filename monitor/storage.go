package monitor

import (
	"math"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	outboxSizeDesc = prometheus.NewDesc(
		prometheus.BuildFQName(namespace, "", "outbox_size_bytes"),
		"Size of the outbox's file, NaN while not known.", nil, nil)
	outboxFreeDesc = prometheus.NewDesc(
		prometheus.BuildFQName(namespace, "", "outbox_free_disk_bytes"),
		"Bytes free on the disk that holds the outbox, NaN while not known.", nil, nil)
)

// storageGauges collects the outbox's size and the free disk at scrape time.
type storageGauges struct {
	mu         sync.Mutex
	size, free func() (bytes int64, ok bool)
}

func (g *storageGauges) watch(size, free func() (int64, bool)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.size, g.free = size, free
}

// Describe implements prometheus.Collector.
func (g *storageGauges) Describe(ch chan<- *prometheus.Desc) {
	ch <- outboxSizeDesc
	ch <- outboxFreeDesc
}

// Collect implements prometheus.Collector.
func (g *storageGauges) Collect(ch chan<- prometheus.Metric) {
	g.mu.Lock()
	size, free := g.size, g.free
	g.mu.Unlock()
	ch <- prometheus.MustNewConstMetric(outboxSizeDesc, prometheus.GaugeValue, bytesOrNaN(size))
	ch <- prometheus.MustNewConstMetric(outboxFreeDesc, prometheus.GaugeValue, bytesOrNaN(free))
}

func bytesOrNaN(f func() (int64, bool)) float64 {
	if f == nil {
		return math.NaN()
	}
	n, ok := f()
	if !ok {
		return math.NaN()
	}
	return float64(n)
}
