package agent

import (
	"context"
	"encoding/json"
	"time"

	"tillpost/agent/health"
	"tillpost/agent/lookups"
	"tillpost/agent/publish"
	"tillpost/mqtt/client"
	"tillpost/mqtt/message"

	"tillpost/api"
	"tillpost/monitor"
	"tillpost/mqtt"
	"tillpost/outbox"
)

const (
	terminalsEvery = 10 * time.Minute
	// terminalsAgain is how soon the list is asked for again while none was had since the start.
	terminalsAgain = 5 * time.Second
	pruneEvery     = time.Hour
	pruneBatch     = 500
)

// agentState is what {p}/agent says: degraded if and only if there are problems.
func (a *Agent) agentState() message.AgentState {
	id := a.store.Identity()
	s := message.AgentState{State: message.AgentOnline, Version: a.opts.Version, Since: message.At(a.since), Instance: id.Instance, Generation: id.Generation, SettledThrough: a.publish.SettledThrough()}
	for _, p := range a.problems.List() {
		s.State = message.AgentDegraded
		s.Problems = append(s.Problems, message.Problem{Code: string(p.Code), Message: p.Message, Since: message.At(p.Since), RequestID: p.RequestID})
	}
	if a.stopping.Load() {
		s.State = message.AgentOffline
	}
	return s
}

// will is the last will's payload: what the broker says for us once we can't.
func (a *Agent) will() []byte {
	s := a.agentState()
	s.State = message.AgentOffline
	raw, err := json.Marshal(s)
	if err != nil {
		a.log.Error("the last will could not be written as JSON", "err", err)
	}
	return raw
}

func (a *Agent) problemsChanged() {
	a.publish.Touch(publish.SummaryAgent)
	a.lanes.Show()
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

// refreshTerminals asks the API for its terminals, or, where no organisation is configured, for anything at all.
func (a *Agent) refreshTerminals(ctx context.Context) api.Outcome {
	if a.cfg.API.OrganizationUUID == "" {
		return a.api.OrderStatuses(ctx, "SENT", func(api.OrderStatus) error { return nil }).Outcome
	}
	list, reply := a.api.ListTerminals(ctx)
	a.listFailures.Log(reply)
	if lookups.Forbids(reply) {
		a.health.Unauthorized()
	}
	if reply.Outcome == api.OutcomeAccepted {
		a.terminalsListed(ctx, list)
		a.health.Authorized()
	}
	return reply.Outcome
}

func (a *Agent) terminalsListed(ctx context.Context, list []api.Terminal) {
	if a.fence.SameAccount(ctx, list) && a.directory.Update(ctx, list) {
		a.showTerminals()
	}
}

// showTerminals has every terminal known by now told, with a display of its own.
func (a *Agent) showTerminals() {
	for _, t := range a.directory.List() {
		a.lanes.Show(t.UUID)
	}
	a.publish.Touch(publish.SummaryTerminals)
}

// followTerminals keeps the list fresh.
func (a *Agent) followTerminals(ctx context.Context) {
	a.showTerminals()
	for {
		wait := terminalsEvery
		if a.refreshTerminals(ctx) != api.OutcomeAccepted && !a.directory.Fresh() || a.gate.IsShut(health.GateWrongAccount) {
			wait = terminalsAgain
		}
		a.fence.Listed()
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// prune removes what ended longer ago than the retention, and clears the retained statuses that are still there. Where
// little is kept it looks more often: a short retention is chosen for a small disk, which an hour's worth may fill.
func (a *Agent) prune(ctx context.Context) {
	tick := time.NewTicker(min(pruneEvery, max(a.cfg.Outbox.Retention/4, time.Second)))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for more := true; more; {
			// Without a broker the retained statuses could not be cleared.
			more = a.bus.Connected() && a.pruneSome(ctx) == pruneBatch && ctx.Err() == nil
		}
	}
}

func (a *Agent) pruneSome(ctx context.Context) int {
	now := a.clock.Now()
	gone, err := a.store.Prune(ctx, func(r outbox.Request) bool {
		if r.Finished == nil {
			return false
		}
		age, ok := now.Since(*r.Finished)
		return ok && age > a.cfg.Outbox.Retention
	}, pruneBatch)
	if err != nil && ctx.Err() == nil {
		a.log.Error("old requests could not be pruned", "err", err)
	}
	for _, r := range gone {
		a.publish.Pruned(r)
		a.problems.Clear(health.ProblemLatePayment, r.ID)
		a.problems.Clear(health.ProblemFurtherOrder, r.ID)
	}
	return len(gone)
}

func (a *Agent) openBus() (mqtt.Bus, error) {
	handlers := mqtt.Handlers{Deliver: a.intake.Deliver, Up: a.busUp, Down: a.busDown, Agent: a.fence.SawAgent, Status: a.fence.SawStatus}
	open := a.opts.Bus
	switch {
	case open != nil:
	case a.cfg.MQTT.Embedded != nil:
		open = a.embeddedBroker
	default:
		open = a.externalBroker
	}
	return open(a.topics, a.will, handlers)
}

func (a *Agent) externalBroker(topics mqtt.Topics, will func() []byte, handlers mqtt.Handlers) (mqtt.Bus, error) {
	c := a.cfg.MQTT
	return client.New(client.Options{
		URL: c.URL, ClientID: c.ClientID, Topics: topics, Username: c.Username, Password: a.cfg.PasswordReader(),
		CAFile: c.CAFile, CertFile: c.CertFile, KeyFile: c.KeyFile, Will: will, CloseGrace: busGrace,
	}, handlers)
}

func (a *Agent) busUp() {
	if a.connectedBefore.Swap(true) {
		a.metrics.MQTTReconnect()
	}
	a.metrics.MQTTConnected(true)
	a.connections.sawBroker(true, nil)
	a.intake.Connected()
	a.fence.Connected()
	a.log.Info("connected to the broker")
	a.publish.Connected(true)
}

func (a *Agent) busDown(err error) {
	a.metrics.MQTTConnected(false)
	a.connections.sawBroker(false, err)
	a.publish.Connected(false)
	if err != nil {
		a.log.Warn("no connection to the broker; it is tried again", "err", err)
	}
}

func (a *Agent) openCallbacks() (*callbacks, error) {
	if a.cfg.Callback == nil {
		return nil, nil
	}
	c := newCallbacks(a.store, a.lanes, a.log)
	if err := c.listen(a.cfg.Callback.Listen, a.opts.ListenCallbacks); err != nil {
		return nil, err
	}
	a.opened.push(c.close)
	return c, nil
}

func (a *Agent) openWeb() (*monitor.Server, error) {
	if a.opts.NoHTTP {
		return nil, nil
	}
	web, err := monitor.NewServer(monitor.ServerOptions{
		Listen: a.cfg.HTTP.Listen, WebConfigFile: a.cfg.HTTP.WebConfigFile, Metrics: a.metrics, Ready: a.notReady, Logger: a.log,
		Source: a, Events: a.board.events, Build: a.build(), Hosts: a.cfg.HTTP.Hosts,
	})
	if err != nil {
		return nil, err
	}
	if err := web.Listen(); err != nil {
		return nil, err
	}
	a.opened.push(web.Close)
	return web, nil
}

// notReady says why the agent can't do its work. The API's absence is a problem, not unreadiness: requests are kept.
func (a *Agent) notReady() []string {
	var why []string
	if !a.running.Load() {
		why = append(why, "the lanes are not running")
	}
	if !a.bus.Connected() {
		why = append(why, "the broker is not connected and subscribed")
	}
	if a.problems.Has(health.ProblemOutboxFull) {
		why = append(why, "the outbox takes no requests: the disk is full")
	}
	if a.problems.Has(health.ProblemOutboxFailed) {
		why = append(why, "the outbox takes no requests: its disk can't be written")
	}
	return why
}

func (a *Agent) outboxSize() (int64, bool) {
	return a.store.Stats().FileSize, true
}

func (a *Agent) freeDisk() (int64, bool) {
	free := a.store.Stats().DiskFree
	return free, free >= 0
}
