package agent

import (
	"log/slog"
	"testing"
	"time"

	"tillpost/agent/clock"
	"tillpost/agent/fence"
	"tillpost/agent/lane"
	"tillpost/agent/publish"
	"tillpost/monitor"
	"tillpost/mqtt"
	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

// countingPages checks, whenever something is published, whether it was counted.
type countingPages struct {
	metrics *monitor.Metrics
	told    int
	counted bool
}

func (p *countingPages) Publish(string, string, []byte) {
	p.told++
	families, err := p.metrics.Registry().Gather()
	for _, f := range families {
		for _, m := range f.GetMetric() {
			p.counted = p.counted || err == nil && f.GetName() == "tillpost_requests_finished_total" && m.GetCounter().GetValue() == 1
		}
	}
}

func (p *countingPages) Touch() {}

// Who has heard of an end finds it in the metrics: the demo compares the two.
func TestAnEndIsCountedBeforeItIsTold(t *testing.T) {
	store := outboxtest.Open(t, bolt.Options{})
	pages := &countingPages{metrics: monitor.NewMetrics(monitor.BuildInfo{}, monitor.Labels{}, monitor.Sources{})}
	o := publish.Options{
		Topics: mqtt.Topics{Prefix: "p"}, Store: store, Clock: clock.NewSystem(), Pages: pages, Log: slog.New(slog.DiscardHandler), Retention: time.Hour,
	}
	a := &Agent{
		log: o.Log, clock: o.Clock, store: store, publish: publish.New(o), metrics: pages.metrics,
		lanes: lane.New(lane.Options{Store: store, Clock: o.Clock, Log: o.Log}), fence: &fence.Fence{},
	}
	a.committed([]outbox.Change{{
		Request:  outbox.Request{Seq: 1, ID: "o-1", Kind: outbox.KindOrder, Terminal: "T1", State: outbox.StatePaid, Revision: 4},
		Previous: outbox.StateAwaitingCustomer,
	}})
	if pages.told == 0 || !pages.counted {
		t.Errorf("told %d times, counted before: %v", pages.told, pages.counted)
	}
}
