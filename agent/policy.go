package agent

import (
	"tillpost/agent/config"
	"tillpost/outbox"
)

// policyOf is the operator's policy in the state machine's terms.
func policyOf(p config.Policy) outbox.Policy {
	means := outbox.BusyNotCreated
	if p.BusyMeans == config.BusyDoubt {
		means = outbox.BusyDoubt
	}
	return outbox.Policy{
		CustomerTimeout: p.CustomerTimeout, ResendAfter: p.ResendAfter, BusyMeans: means,
		DoubtCheck: p.DoubtCheck, DoubtHold: p.DoubtHold, PollInterval: p.PollInterval,
		BusyBackoffMin: p.BusyBackoffMin, BusyBackoffMax: p.BusyBackoffMax,
	}
}
