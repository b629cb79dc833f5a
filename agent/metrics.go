package agent

import (
	"fmt"

	"tillpost/agent/health"
	"tillpost/api"
	"tillpost/monitor"
	"tillpost/mqtt/message"
	"tillpost/outbox"
)

func metricLabels() monitor.Labels {
	return monitor.Labels{Refusals: texts(message.Codes()), Operations: texts(api.Operations()), Outcomes: texts(api.Outcomes())}
}

// texts returns the values as they are printed.
func texts[T any](values []T) []string {
	var list []string
	for _, v := range values {
		list = append(list, fmt.Sprint(v))
	}
	return list
}

// count counts a request in the metrics that came in or ended; previous is its state before, 0 for a new one.
func (a *Agent) count(r outbox.Request, previous outbox.State) {
	if previous == 0 {
		a.metrics.RequestAccepted(r.Kind.String())
	}
	if r.State.Final() && r.State != previous {
		took, ok := a.clock.Now().Since(r.Accepted)
		a.metrics.RequestFinished(r.Kind.String(), r.State.String(), took, ok && !previous.Final())
	}
}

// metricSources returns what the metrics read at each scrape. The first scrape comes when all parts of the agent are made.
func (a *Agent) metricSources() monitor.Sources {
	return monitor.Sources{
		Queues:     func() []monitor.QueueStat { return a.lanes.Queues() },
		OutboxSize: func() (int64, bool) { return a.store.Stats().FileSize, true },
		FreeDisk: func() (int64, bool) {
			free := a.store.Stats().DiskFree
			return free, free >= 0
		},
		ProblemCodes: texts(health.Codes()),
		Problems: func() []string {
			var stand []string
			for _, p := range a.problems.List() {
				stand = append(stand, string(p.Code))
			}
			return stand
		},
		Terminals: func() map[string]string {
			names := map[string]string{}
			for _, t := range a.directory.List() {
				names[t.UUID] = t.Name
			}
			return names
		},
	}
}

// observe is called with the end of every call to the API, held back ones included.
func (a *Agent) observe(c api.Call) {
	a.metrics.APICall(string(c.Operation), c.Outcome.String(), c.Duration)
	if c.RateRemaining >= 0 {
		a.metrics.APIRateRemaining(c.RateRemaining)
	}
	if !c.Date.IsZero() {
		a.clock.SawDate(c.Date, c.At)
		a.lookAtClock()
	}
	if c.Err != nil {
		a.health.NoteCause(c.Err)
	}
	if c.Held {
		return // it was not tried
	}
	a.connections.sawAPI(c)
	a.health.Saw(c)
	if a.cfg.API.OrganizationUUID == "" && health.TokenAccepted(c) {
		a.health.Authorized() // there is no terminal list to show that the token is good again
	}
}
