package agent

import (
	"slices"
	"sync"
	"time"

	"tillpost/monitor"
	"tillpost/mqtt/message"
	"tillpost/outbox"
)

const chartHours = 24

// chartHour is what was accepted in one hour.
type chartHour struct {
	Start    message.Timestamp `json:"start"`
	Outcomes map[string]int    `json:"outcomes"`
	// Wait is the time from acceptance to the first end, of the middle and of the slow; left out where nothing ended.
	Wait *waitSeconds `json:"wait,omitempty"`
	took []float64
}

type waitSeconds struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
}

// chartsView is what the technician's page draws.
type chartsView struct {
	Now   message.Timestamp `json:"now"`
	Hours []*chartHour      `json:"hours"`
	// API is measured since the start of this process.
	API struct {
		Since      message.Timestamp         `json:"since"`
		Operations []monitor.OperationTiming `json:"operations"`
	} `json:"api"`
}

// chartsFor is how long charts are served again: every page asks for them once a minute, and they are read from the disk.
const chartsFor = 30 * time.Second

// keptCharts are the charts that were made last.
type keptCharts struct {
	mu   sync.Mutex
	view *chartsView
	made time.Time
}

// Charts implements monitor.Source: the orders and refunds of the last 24 hours, by the hour of acceptance.
func (a *Agent) Charts() (any, error) {
	a.charts.mu.Lock()
	defer a.charts.mu.Unlock()
	if a.charts.view != nil && time.Since(a.charts.made) < chartsFor {
		return a.charts.view, nil
	}
	v, err := a.drawCharts()
	if err == nil {
		a.charts.view, a.charts.made = v, time.Now()
	}
	return v, err
}

func (a *Agent) drawCharts() (*chartsView, error) {
	now := a.clock.Now().Time()
	first := now.Truncate(time.Hour).Add(-(chartHours - 1) * time.Hour)
	v := &chartsView{Now: message.At(now)}
	for i := range chartHours {
		v.Hours = append(v.Hours, &chartHour{Start: message.At(first.Add(time.Duration(i) * time.Hour)), Outcomes: map[string]int{}})
	}
	err := a.store.Before(0, func(r outbox.Request) bool {
		if i := int(r.Accepted.Time().Sub(first) / time.Hour); !r.Accepted.Time().Before(first) && i < chartHours && (r.Kind == outbox.KindOrder || r.Kind == outbox.KindRefund) {
			v.Hours[i].add(r)
		}
		return !surelyBefore(r, first)
	})
	for _, h := range v.Hours {
		h.end()
	}
	v.API.Since, v.API.Operations = message.At(a.since), a.metrics.APITimings()
	return v, err
}

func (h *chartHour) add(r outbox.Request) {
	state := "open"
	if r.State.Final() {
		state = r.State.String()
	}
	h.Outcomes[state]++
	if r.Finished != nil {
		if took, ok := r.Finished.Since(r.Accepted); ok {
			h.took = append(h.took, took.Seconds())
		}
	}
}

func (h *chartHour) end() {
	if n := len(h.took); n > 0 {
		slices.Sort(h.took)
		h.Wait = &waitSeconds{P50: h.took[n/2], P95: h.took[n*95/100]}
	}
}
