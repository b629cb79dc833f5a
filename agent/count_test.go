package agent

import (
	"log/slog"
	"runtime"
	"testing"
	"time"

	"tillpost/monitor"
	"tillpost/mqtt"
	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

// Who has heard of an end finds it in the metrics: the demo compares the two.
func TestAnEndIsCountedBeforeItIsTold(t *testing.T) {
	store := outboxtest.Open(t, bolt.Options{})
	log := slog.New(slog.DiscardHandler)
	clock := NewSystemClock()
	a := &Agent{
		log: log, clock: clock, store: store, publish: newPublisher(mqtt.Topics{Prefix: "p"}, store, log, newEndings(clock, day)), problems: newProblems(func() {}),
		metrics: monitor.NewMetrics(monitor.BuildInfo{}, nil),
		lanes:   &lanes{followers: newFollowers(), expiries: newExpiries(clock, store, func() bool { return false })},
	}
	a.publish.mu.Lock() // nothing can be told
	told := make(chan struct{})
	go func() {
		defer close(told)
		a.committed([]outbox.Change{{
			Request:  outbox.Request{Seq: 1, ID: "o-1", Kind: outbox.KindOrder, Terminal: "T1", State: outbox.StatePaid, Revision: 4},
			Previous: outbox.StateAwaitingCustomer,
		}})
	}()
	counted := func() bool {
		families, err := a.metrics.Registry().Gather()
		if err != nil {
			t.Error(err)
		}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				if f.GetName() == "tillpost_requests_finished_total" && m.GetCounter().GetValue() == 1 {
					return true
				}
			}
		}
		return false
	}
	for limit := time.Now().Add(10 * time.Second); !counted(); runtime.Gosched() {
		if time.Now().After(limit) {
			t.Error("it is told before it is counted")
			break
		}
	}
	a.publish.mu.Unlock()
	<-told
}
