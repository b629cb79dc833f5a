package monitor

import (
	"math"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"tillpost/outbox"
)

const namespace = "tillpost"

// Buckets in seconds. The API's are wide, because a terminal call may take as
// long as the network lets it; a commit's start at a fast disk and end at an SD
// card that is about to die; end to end spans a tap of a card to a refund that
// waits for the next day.
var (
	apiBuckets      = []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	commitBuckets   = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5}
	endToEndBuckets = []float64{1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 21600, 86400}
)

// BuildInfo says which build is running. It becomes the labels of
// tillpost_build_info.
type BuildInfo struct {
	Version   string // of the release, "1.4.2"
	Commit    string // of the source, abbreviated or not; may be empty
	Date      string // of the commit, in RFC 3339; may be empty
	GoVersion string // of the toolchain, as runtime.Version returns it
}

// Metrics holds all metrics of one agent in a registry of its own, so that two
// agents in one process (in tests) don't mix. Its methods may be called from
// any goroutine, and none of them blocks on anything but a short mutex.
//
// Series whose labels form a closed list exist with the value zero from the
// start, so that rate() sees the first event. A gauge whose value is not known
// yet is NaN: present, and yet no alert rule compares true with it.
type Metrics struct {
	registry *prometheus.Registry
	queues   *queueCollector
	storage  *storageGauges
	standing *standingCollector

	accepted *prometheus.CounterVec   // kind
	refused  *prometheus.CounterVec   // reason
	finished *prometheus.CounterVec   // kind, state
	endToEnd *prometheus.HistogramVec // kind

	apiCalls      *prometheus.CounterVec   // operation, outcome
	apiDuration   *prometheus.HistogramVec // operation
	apiUp         prometheus.Gauge
	rateRemaining prometheus.Gauge

	mqttConnected  prometheus.Gauge
	mqttReconnects prometheus.Counter
	commitDuration prometheus.Histogram
	latePayments   prometheus.Counter
	clockSynced    prometheus.Gauge
	clockSkew      prometheus.Gauge

	stuck        prometheus.Counter
	ignored      *prometheus.CounterVec // state, event
	ignoredMu    sync.Mutex
	ignoredPairs map[[2]string]struct{}

	reasons, operations, outcomes labelSet
	kinds                         map[string]labelSet // kind to its final states
}

// NewMetrics returns the metrics of one agent, with those of the Go runtime and of
// the process.
func NewMetrics(build BuildInfo, labels Labels) *Metrics {
	m := &Metrics{
		registry:     prometheus.NewRegistry(),
		queues:       newQueueCollector(),
		storage:      &storageGauges{},
		standing:     &standingCollector{},
		ignoredPairs: make(map[[2]string]struct{}),
		reasons:      newLabelSet(labels.Refusals...),
		operations:   newLabelSet(labels.Operations...),
		outcomes:     newLabelSet(labels.Outcomes...),
		kinds:        make(map[string]labelSet),
	}
	for _, kind := range outbox.Kinds() {
		m.kinds[kind.String()] = finalStates(kind)
	}
	m.makeRequestMetrics()
	m.makeAPIMetrics()
	m.makeOtherMetrics()
	m.zero()
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		newBuildInfo(build), m.queues, m.storage, m.standing,
		m.accepted, m.refused, m.finished, m.endToEnd,
		m.apiCalls, m.apiDuration, m.apiUp, m.rateRemaining,
		m.mqttConnected, m.mqttReconnects, m.commitDuration,
		m.latePayments, m.clockSynced, m.clockSkew, m.ignored, m.stuck,
	)
	return m
}

// Registry returns the registry that holds all of m's metrics.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

func (m *Metrics) makeRequestMetrics() {
	m.accepted = newCounterVec("requests_accepted_total",
		"Requests taken into the outbox, by kind.", "kind")
	m.refused = newCounterVec("requests_refused_total",
		"Messages refused at the door, by the code of the reason.", "reason")
	m.finished = newCounterVec("requests_finished_total",
		"Entries of requests into a final state, by kind and state.", "kind", "state")
	m.endToEnd = newHistogramVec("end_to_end_seconds",
		"Time from the acceptance of a request to its first final state, by kind.",
		endToEndBuckets, "kind")
	m.latePayments = newCounter("late_payments_total",
		"Payments found after their order had ended otherwise.")
	m.stuck = newCounter("stuck_requests_total",
		"Requests that nothing would have moved on, found and taken up anew. Each is a fault of tillpost; please report it.")
	m.ignored = newCounterVec("ignored_events_total",
		"Events that had no meaning in the state of their request.", "state", "event")
}

func (m *Metrics) makeAPIMetrics() {
	m.apiCalls = newCounterVec("api_calls_total",
		"Calls of the payment API, by operation and outcome.", "operation", "outcome")
	m.apiDuration = newHistogramVec("api_call_duration_seconds",
		"Duration of the calls of the payment API, by operation.", apiBuckets, "operation")
	m.apiUp = newGauge("api_up",
		"Whether the payment API answers (1) or not (0).")
	m.rateRemaining = newGauge("api_rate_remaining",
		"Calls that the payment API still allows in its current window, NaN until it told.")
}

func (m *Metrics) makeOtherMetrics() {
	m.mqttConnected = newGauge("mqtt_connected",
		"Whether the broker is connected and subscribed (1) or not (0).")
	m.mqttReconnects = newCounter("mqtt_reconnects_total",
		"Connections to the broker made after the first one.")
	m.commitDuration = prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: namespace, Name: "outbox_commit_duration_seconds",
		Help: "Duration of the outbox's durable commits.", Buckets: commitBuckets,
	})
	m.clockSynced = newGauge("clock_synchronized",
		"Whether the clock is known to be right (1) or not (0).")
	m.clockSkew = newGauge("clock_skew_seconds",
		"How far the clock is ahead of the payment API's, negative if behind, NaN until known.")
}

// zero creates the series of closed label sets.
func (m *Metrics) zero() {
	m.rateRemaining.Set(math.NaN())
	m.clockSkew.Set(math.NaN())
	for kind, states := range m.kinds {
		m.accepted.WithLabelValues(kind)
		m.endToEnd.WithLabelValues(kind)
		for state := range states {
			m.finished.WithLabelValues(kind, state)
		}
	}
	m.refused.WithLabelValues(other)
	for reason := range m.reasons {
		m.refused.WithLabelValues(reason)
	}
	for operation := range m.operations {
		m.apiDuration.WithLabelValues(operation)
		for outcome := range m.outcomes {
			m.apiCalls.WithLabelValues(operation, outcome)
		}
	}
}

func newBuildInfo(b BuildInfo) prometheus.Collector {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info",
		Help: "The build that is running, in its labels; the value is always 1.",
		ConstLabels: prometheus.Labels{
			"version": b.Version, "commit": b.Commit, "date": b.Date, "goversion": b.GoVersion,
		},
	})
	info.Set(1)
	return info
}

func newCounter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{
		Namespace: namespace, Name: name, Help: help,
	})
}

func newCounterVec(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: name, Help: help,
	}, labels)
}

func newGauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: name, Help: help,
	})
}

func newHistogramVec(name, help string, buckets []float64, label string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: name, Help: help, Buckets: buckets,
	}, []string{label})
}
