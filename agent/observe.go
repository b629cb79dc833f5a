package agent

import (
	"tillpost/agent/health"
	"tillpost/api"
)

// observe is called with the end of every call to the API, held back ones included.
func (a *Agent) observe(c api.Call) {
	a.metrics.APICall(string(c.Operation), c.Outcome.String(), c.Duration)
	a.connections.sawAPI(c)
	if c.RateRemaining >= 0 {
		a.metrics.APIRateRemaining(c.RateRemaining)
	}
	if !c.Date.IsZero() {
		a.clock.SawDate(c.Date, c.At)
		a.clocks.look()
	}
	if c.Err != nil {
		a.health.NoteCause(c.Err)
	}
	if c.Held {
		return
	}
	a.health.Saw(c)
	if a.cfg.API.OrganizationUUID == "" && health.TokenAccepted(c) {
		a.health.Authorized() // there is no terminal list to show that the token is good again
	}
}
