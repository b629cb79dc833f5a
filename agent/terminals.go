package agent

import (
	"context"
	"time"

	"tillpost/agent/health"
	"tillpost/agent/lookups"
	"tillpost/agent/publish"
	"tillpost/api"
	"tillpost/mqtt/message"
)

const (
	// terminalsEvery is the longest pause between two look-ups of the list. It is up to a tenth less, by lot: shops that opened in one
	// moment don't go on in step.
	terminalsEvery = 10 * time.Minute
	// terminalsAgain is how soon the list is asked for again while none was had since the start.
	terminalsAgain = 5 * time.Second
)

// refreshTerminals asks the API for its terminals, or, where no organisation is configured, for anything at all.
func (a *Agent) refreshTerminals(ctx context.Context) api.Outcome {
	if a.cfg.API.OrganizationUUID == "" {
		return a.api.OrderStatuses(ctx, "SENT", func(api.OrderStatus) error { return nil }).Outcome
	}
	list, reply := a.api.ListTerminals(ctx)
	a.directory.LogFailure(reply)
	if lookups.Forbids(reply) {
		a.health.Unauthorized()
	}
	if reply.Outcome == api.OutcomeAccepted {
		if a.fence.SameAccount(ctx, list) && a.directory.Update(ctx, list) {
			a.showTerminals()
		}
		a.health.Authorized()
	}
	return reply.Outcome
}

// showTerminals publishes the list of terminals, and the display of each.
func (a *Agent) showTerminals() {
	for _, t := range a.directory.List() {
		a.lanes.Show(t.UUID)
	}
	a.publish.Touch(publish.SummaryTerminals)
}

// followTerminals asks for the list again and again, until ctx ends.
func (a *Agent) followTerminals(ctx context.Context) {
	a.showTerminals()
	for {
		wait := terminalsEvery - time.Duration(a.opts.Rand()*float64(terminalsEvery/10))
		if a.refreshTerminals(ctx) != api.OutcomeAccepted && !a.directory.Fresh() || a.gate.IsShut(health.GateWrongAccount) {
			wait = terminalsAgain
		}
		a.fence.Listed()
		if !sleep(ctx, wait) {
			return
		}
	}
}

func (a *Agent) terminalInfos() []message.TerminalInfo {
	infos := []message.TerminalInfo{}
	for _, t := range a.directory.List() {
		infos = append(infos, a.terminalInfo(t))
	}
	return infos
}

func (a *Agent) terminalInfo(t api.Terminal) message.TerminalInfo {
	q := a.lanes.QueueOf(t.UUID)
	return message.TerminalInfo{
		UUID: t.UUID, Name: t.Name, Active: t.Active, QueueLength: q.Length, Lane: string(q.Lane), Paused: a.pauses.Of(t.UUID),
	}
}
