package monitor

import (
	"math"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promauto"

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

// Sources are read at every scrape, possibly by several at once, so they must be
// cheap and safe for that. What has no source has no value.
type Sources struct {
	// Queues returns the state of all queues; the slice is the caller's to keep. A
	// terminal that is not in it has no gauges.
	Queues func() []QueueStat
	// OutboxSize returns the size of the outbox's file, FreeDisk what is free to us
	// on its disk; ok is false while that is not known.
	OutboxSize, FreeDisk func() (bytes int64, ok bool)
	// Problems returns the codes of the problems that stand, repeats included.
	// ProblemCodes are all that there are; any other code counts as "other".
	Problems     func() []string
	ProblemCodes []string
	// Terminals returns the names of the known terminals, by uuid.
	Terminals func() map[string]string
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
func NewMetrics(build BuildInfo, labels Labels, sources Sources) *Metrics {
	registry := prometheus.NewRegistry()
	made := factory{promauto.With(registry)}
	m := &Metrics{
		registry:     registry,
		queues:       newQueueCollector(sources.Queues),
		standing:     &standingCollector{newLabelSet(sources.ProblemCodes...), sources.Problems, sources.Terminals},
		ignoredPairs: make(map[[2]string]struct{}),
		reasons:      newLabelSet(labels.Refusals...),
		operations:   newLabelSet(labels.Operations...),
		outcomes:     newLabelSet(labels.Outcomes...),
		kinds:        make(map[string]labelSet),

		accepted: made.counterVec("requests_accepted_total",
			"Requests taken into the outbox, by kind.", "kind"),
		refused: made.counterVec("requests_refused_total",
			"Messages refused at the door, by the code of the reason.", "reason"),
		finished: made.counterVec("requests_finished_total",
			"Entries of requests into a final state, by kind and state.", "kind", "state"),
		endToEnd: made.histogramVec("end_to_end_seconds",
			"Time from the acceptance of a request to its first final state, by kind.", endToEndBuckets, "kind"),
		latePayments: made.counter("late_payments_total",
			"Payments found after their order had ended otherwise."),
		stuck: made.counter("stuck_requests_total",
			"Requests that nothing would have moved on, found and taken up anew. Each is a fault of tillpost; please report it."),
		ignored: made.counterVec("ignored_events_total",
			"Events that had no meaning in the state of their request.", "state", "event"),

		apiCalls: made.counterVec("api_calls_total",
			"Calls of the payment API, by operation and outcome.", "operation", "outcome"),
		apiDuration: made.histogramVec("api_call_duration_seconds",
			"Duration of the calls of the payment API, by operation.", apiBuckets, "operation"),
		apiUp: made.gauge("api_up",
			"Whether the payment API answers (1) or not (0)."),
		rateRemaining: made.gauge("api_rate_remaining",
			"Calls that the payment API still allows in its current window, NaN until it told."),

		mqttConnected: made.gauge("mqtt_connected",
			"Whether the broker is connected and subscribed (1) or not (0)."),
		mqttReconnects: made.counter("mqtt_reconnects_total",
			"Connections to the broker made after the first one."),
		commitDuration: made.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "outbox_commit_duration_seconds",
			Help: "Duration of the outbox's durable commits.", Buckets: commitBuckets,
		}),
		clockSynced: made.gauge("clock_synchronized",
			"Whether the clock is known to be right (1) or not (0)."),
		clockSkew: made.gauge("clock_skew_seconds",
			"How far the clock is ahead of the payment API's, negative if behind, NaN until known."),
	}
	made.bytes("outbox_size_bytes", "Size of the outbox's file, NaN while not known.", sources.OutboxSize)
	made.bytes("outbox_free_disk_bytes", "Bytes free on the disk that holds the outbox, NaN while not known.", sources.FreeDisk)
	made.buildInfo(build)
	for _, kind := range outbox.Kinds() {
		m.kinds[kind.String()] = finalStates(kind)
	}
	m.zero()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), m.queues, m.standing)
	return m
}

// Registry returns the registry that holds all of m's metrics.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

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

// factory makes metrics under our namespace, and registers them.
type factory struct{ promauto.Factory }

func (f factory) buildInfo(b BuildInfo) {
	f.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info",
		Help: "The build that is running, in its labels; the value is always 1.",
		ConstLabels: prometheus.Labels{
			"version": b.Version, "commit": b.Commit, "date": b.Date, "goversion": b.GoVersion,
		},
	}).Set(1)
}

func (f factory) counter(name, help string) prometheus.Counter {
	return f.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help})
}

func (f factory) counterVec(name, help string, labels ...string) *prometheus.CounterVec {
	return f.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func (f factory) gauge(name, help string) prometheus.Gauge {
	return f.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help})
}

func (f factory) histogramVec(name, help string, buckets []float64, label string) *prometheus.HistogramVec {
	return f.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, []string{label})
}

// bytes makes a gauge that asks its source at scrape time. It is NaN where there is none, and while it does not know.
func (f factory) bytes(name, help string, source func() (bytes int64, ok bool)) {
	f.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, func() float64 {
		if source != nil {
			if n, ok := source(); ok {
				return float64(n)
			}
		}
		return math.NaN()
	})
}
