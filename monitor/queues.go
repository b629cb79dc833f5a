package monitor

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tillpost/internal/topic"
)

// LaneState is what a terminal's lane is doing.
type LaneState string

// The states of a lane.
const (
	LaneIdle    LaneState = "idle"     // nothing to do
	LaneBusy    LaneState = "busy"     // a request is at the API or the customer
	LaneInDoubt LaneState = "in_doubt" // held by a request of unknown fate
	LanePaused  LaneState = "paused"   // stopped by a person
	LaneWaiting LaneState = "waiting"  // has work that may not be sent yet
)

var laneStates = []LaneState{LaneIdle, LaneBusy, LaneInDoubt, LanePaused, LaneWaiting}

// QueueStat is one terminal's queue at one moment.
type QueueStat struct {
	Terminal  string        // the terminal's uuid
	Length    int           // requests that wait for their turn
	OldestAge time.Duration // since the acceptance of the oldest of them; 0 if none
	InDoubt   int           // requests in doubt
	Lane      LaneState
}

// queueCollector turns what its source returns into the metrics per terminal. The busy
// counters live here too, so that they exist with zero for every terminal that
// the source lists; a counter, unlike the gauges, stays when its terminal goes.
type queueCollector struct {
	length, oldest, inDoubt, lane, busy *prometheus.Desc

	source func() []QueueStat // may be nil

	mu     sync.Mutex
	counts map[string]uint64 // busy answers per terminal, at most maxTerminals and other
}

func newQueueCollector(source func() []QueueStat) *queueCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help,
			append([]string{"terminal"}, labels...), nil)
	}
	return &queueCollector{
		length: desc("queue_length", "Requests that wait for their turn, by terminal."),
		oldest: desc("queue_oldest_age_seconds",
			"Age of the oldest waiting request, by terminal; 0 if none waits."),
		inDoubt: desc("requests_in_doubt", "Requests in doubt, by terminal."),
		lane: desc("lane_state",
			"What the terminal's lane is doing: 1 for its current state, 0 for the others.", "state"),
		busy: desc("terminal_busy_total",
			"Answers of the payment API that the terminal is busy, by terminal."),
		source: source, counts: make(map[string]uint64),
	}
}

func (c *queueCollector) terminalBusy(terminal string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.counts[terminal]; !known &&
		(len(c.counts) >= maxTerminals || !topic.ValidID(terminal)) {
		terminal = other
	}
	c.counts[terminal]++
}

// Describe implements prometheus.Collector.
func (c *queueCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.length, c.oldest, c.inDoubt, c.lane, c.busy} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *queueCollector) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	busy := maps.Clone(c.counts)
	c.mu.Unlock()

	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	var stats []QueueStat
	if c.source != nil {
		stats = boundStats(c.source())
	}
	for _, s := range stats {
		gauge(c.length, float64(s.Length), s.Terminal)
		gauge(c.oldest, max(s.OldestAge, 0).Seconds(), s.Terminal)
		gauge(c.inDoubt, float64(s.InDoubt), s.Terminal)
		if s.Terminal == other {
			continue // a sum of terminals has no lane, nor a zero to start from
		}
		for _, state := range laneStates {
			gauge(c.lane, truth(state == s.Lane), s.Terminal, string(state))
		}
		busy[s.Terminal] += 0
	}
	for terminal, n := range busy {
		ch <- prometheus.MustNewConstMetric(c.busy, prometheus.CounterValue, float64(n), terminal)
	}
}

// boundStats returns at most one entry per terminal and maxTerminals of them,
// the first by name so that they stay the same from scrape to scrape; what is
// left over, or has a name that no label may bear, is summed up as other.
func boundStats(stats []QueueStat) []QueueStat {
	sorted := slices.SortedStableFunc(slices.Values(stats), func(a, b QueueStat) int {
		return cmp.Compare(a.Terminal, b.Terminal)
	})
	kept := make([]QueueStat, 0, min(len(sorted), maxTerminals)+1)
	rest := QueueStat{Terminal: other}
	folded := false
	for _, s := range sorted {
		switch {
		case len(kept) > 0 && kept[len(kept)-1].Terminal == s.Terminal:
			// Listed twice: the registry would refuse the whole scrape.
		case len(kept) < maxTerminals && s.Terminal != other && topic.ValidID(s.Terminal):
			kept = append(kept, s)
		default:
			folded = true
			rest.Length += s.Length
			rest.InDoubt += s.InDoubt
			rest.OldestAge = max(rest.OldestAge, s.OldestAge)
		}
	}
	if folded {
		kept = append(kept, rest)
	}
	return kept
}
