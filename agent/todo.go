package agent

import "tillpost/agent/health"

// watchStanding has the metrics tell which problems stand, and what the terminals are called.
func (a *Agent) watchStanding() {
	a.metrics.WatchProblems(health.Codes(), func() []string {
		var stand []string
		for _, p := range a.problems.List() {
			stand = append(stand, string(p.Code))
		}
		return stand
	})
	a.metrics.WatchTerminals(func() map[string]string {
		names := map[string]string{}
		for _, t := range a.directory.List() {
			names[t.UUID] = t.Name
		}
		return names
	})
}
