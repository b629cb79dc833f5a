package agent

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"tillpost/api"
	"tillpost/monitor"
	"tillpost/mqtt"
	"tillpost/mqtt/client"
	"tillpost/mqtt/message"
	"tillpost/outbox"
)

const (
	terminalsEvery = 10 * time.Minute
	// terminalsAgain is how soon the list is asked for again while none was had since the start.
	terminalsAgain = 5 * time.Second
	clockEvery     = 5 * time.Second
	pruneEvery     = time.Hour
	pruneBatch     = 500
)

// agentState is what {p}/agent says: degraded if and only if there are problems.
func (a *Agent) agentState() message.AgentState {
	id := a.store.Identity()
	s := message.AgentState{State: message.AgentOnline, Version: a.opts.Version, Since: message.At(a.since), Instance: id.Instance, Generation: id.Generation, SettledThrough: a.publish.settledThrough()}
	for _, p := range a.problems.list() {
		s.State = message.AgentDegraded
		s.Problems = append(s.Problems, message.Problem{Code: string(p.Code), Message: p.Message, Since: message.At(p.Since), RequestID: p.RequestID})
	}
	if a.parting.Load() {
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
	a.publish.touch(summaryAgent)
	if a.lanes != nil {
		a.lanes.each(func(l *lane) { l.do(func() { l.show(outbox.Request{}) }) })
	}
}

func (a *Agent) terminalInfos() []message.TerminalInfo {
	infos := []message.TerminalInfo{}
	for _, t := range a.lanes.directory.list() {
		infos = append(infos, a.terminalInfo(t))
	}
	return infos
}

func (a *Agent) terminalInfo(t api.Terminal) message.TerminalInfo {
	q := a.lanes.queue(a.store.Lane(t.UUID), a.clock.Now())
	return message.TerminalInfo{
		UUID: t.UUID, Name: t.Name, Active: t.Active, QueueLength: q.Length, Lane: string(q.Lane), Paused: a.lanes.pauses.of(t.UUID),
	}
}

func (a *Agent) displays() []message.Display {
	var all []message.Display
	a.lanes.each(func(l *lane) {
		if d, ok := l.displayed(); ok {
			all = append(all, d)
		}
	})
	return all
}

// refreshTerminals asks the API for its terminals, or, where no organisation is configured, for anything at all.
func (a *Agent) refreshTerminals(ctx context.Context) api.Outcome {
	if a.cfg.API.OrganizationUUID == "" {
		return a.api.OrderStatuses(ctx, "SENT", func(api.OrderStatus) error { return nil }).Outcome
	}
	list, reply := a.api.ListTerminals(ctx)
	a.unlisted.tell(a.log, reply)
	if forbids(reply) {
		a.health.refused()
	}
	if reply.Outcome == api.OutcomeAccepted {
		a.terminalsListed(ctx, list)
		a.health.authorized()
	}
	return reply.Outcome
}

func (a *Agent) terminalsListed(ctx context.Context, list []api.Terminal) {
	if !a.sameAccount(ctx, list) {
		return
	}
	different := a.lanes.directory.update(list)
	if lacking, news := a.lanes.directory.lacking(); news && len(lacking) > 0 {
		a.log.Warn("the API does not have terminals that the configuration names; what is for them is refused", "terminals", strings.Join(lacking, " "))
	}
	if !different {
		return
	}
	raw, err := json.Marshal(list)
	if err == nil {
		err = a.store.PutBlob(ctx, terminalsBlob, raw)
	}
	if err != nil && ctx.Err() == nil {
		a.log.Warn("the terminal list could not be kept on disk", "err", err)
	}
	a.log.Info("terminals", "count", len(list))
	a.showTerminals()
}

// showTerminals has every terminal known by now told, with a display of its own.
func (a *Agent) showTerminals() {
	for _, t := range a.lanes.directory.list() {
		l := a.lanes.lane(t.UUID)
		l.do(func() { l.show(outbox.Request{}) })
	}
	a.publish.touch(summaryTerminals)
}

// followTerminals keeps the list fresh.
func (a *Agent) followTerminals(ctx context.Context) {
	a.showTerminals()
	for {
		wait := terminalsEvery
		if a.refreshTerminals(ctx) != api.OutcomeAccepted && !a.lanes.directory.fresh() || a.gate.isShut(gateWrongAccount) {
			wait = terminalsAgain
		}
		a.listing.end()
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// followClock tells what is known of the clock, and wakes what waited for it.
func (a *Agent) followClock(ctx context.Context) {
	tick := time.NewTicker(clockEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			a.clockChanged()
			if !a.clock.Now().Known {
				a.problems.raise(ProblemClockUnknown, "", "the clock is not known to be right: nothing expires, and what can't be aged waits; it is set by NTP or by the API's first reply", time.Now())
			}
		}
	}
}

// clockChanged looks whether the clock is known by now.
func (a *Agent) clockChanged() {
	known := a.clock.Now().Known
	a.metrics.ClockSynchronized(known)
	if skew, ok := a.clock.Skew(); ok {
		a.metrics.ClockSkew(skew)
	}
	if was := a.clockKnown.Swap(known); known && !was {
		a.problems.clear(ProblemClockUnknown, "")
		a.lanes.kickAll()
	}
}

// clearEvery bounds how much later than its time a status is cleared.
const clearEvery = 10 * time.Second

// clearStatuses clears the retained statuses of what ended longer ago than mqtt.status_retention, and keeps on disk how
// far that goes, once an hour and at the end.
func (a *Agent) clearStatuses(ctx context.Context) {
	look, keep := time.NewTicker(clearEvery), time.NewTicker(pruneEvery)
	defer look.Stop()
	defer keep.Stop()
	for {
		select {
		case <-ctx.Done():
			a.keepEndingsAtLast(ctx)
			return
		case <-keep.C:
			a.keepEndings(ctx)
		case <-look.C:
			if a.publish.endingsLowered() {
				a.keepEndings(ctx)
			}
			a.clearDue(ctx)
		}
	}
}

func (a *Agent) clearDue(ctx context.Context) {
	for more := true; more && ctx.Err() == nil; {
		var err error
		if more, err = a.publish.clearDue(); err != nil {
			a.log.Error("requests that have ended could not be read to clear their statuses", "err", err)
			return
		}
	}
}

// keepEndingsAtLast is keepEndings at the end of a process.
func (a *Agent) keepEndingsAtLast(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
	defer cancel()
	a.keepEndings(ctx)
}

// keepEndings writes down how far what was cleared goes. What is not written is found anew at the next start.
func (a *Agent) keepEndings(ctx context.Context) {
	if raw := a.publish.endingsToKeep(); raw != nil {
		if err := a.store.PutBlob(ctx, endingsBlob, raw); err != nil && ctx.Err() == nil {
			a.log.Warn("how far the retained statuses are cleared could not be kept on disk", "err", err)
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
		a.publish.pruned(r)
		a.problems.clear(ProblemLatePayment, r.ID)
		a.problems.clear(ProblemFurtherOrder, r.ID)
	}
	return len(gone)
}

func (a *Agent) openBus() error {
	handlers := mqtt.Handlers{Deliver: a.intake.deliver, Up: a.busUp, Down: a.busDown, Agent: a.agentHeard, Status: a.statusHeard}
	open := a.opts.Bus
	switch {
	case open != nil:
	case a.cfg.MQTT.Embedded != nil:
		open = a.embeddedBroker
	default:
		open = a.externalBroker
	}
	bus, err := open(a.topics, a.will, handlers)
	if err != nil {
		return err
	}
	a.bus, a.publish.bus = bus, bus
	if r, ok := bus.(mqtt.Recaller); ok {
		a.intake.forgotten.recall, a.intake.doubted = r.Recall, a.lanes.doubted
	}
	return nil
}

func (a *Agent) externalBroker(topics mqtt.Topics, will func() []byte, handlers mqtt.Handlers) (mqtt.Bus, error) {
	c := a.cfg.MQTT
	return client.New(client.Options{
		URL: c.URL, ClientID: c.ClientID, Topics: topics, Username: c.Username, Password: a.cfg.PasswordReader(),
		CAFile: c.CAFile, CertFile: c.CertFile, KeyFile: c.KeyFile, Will: will, CloseGrace: busGrace,
	}, handlers)
}

func (a *Agent) busUp() {
	if a.up.Swap(true) {
		a.metrics.MQTTReconnect()
	}
	a.metrics.MQTTConnected(true)
	a.reach.sawBroker(true, nil)
	a.intake.connected()
	a.gate.open(gateReading) // the bus has read before it is up
	a.lookedUp()
	a.log.Info("connected to the broker")
	a.publish.connected(true)
}

func (a *Agent) busDown(err error) {
	a.metrics.MQTTConnected(false)
	a.reach.sawBroker(false, err)
	a.publish.connected(false)
	if err != nil {
		a.log.Warn("no connection to the broker; it is tried again", "err", err)
	}
}

func (a *Agent) openCallbacks() error {
	if a.cfg.Callback == nil {
		return nil
	}
	c := &callbacks{store: a.store, log: a.log, open: a.opts.ListenCallbacks, seen: map[uint64]time.Time{}}
	c.keep, c.look = a.lanes.keepHint, a.lanes.hinted
	if err := c.listen(a.cfg.Callback.Listen); err != nil {
		return err
	}
	a.calls = c
	a.lanes.compose.callbackURL = a.cfg.Callback.PublicURL
	return nil
}

func (a *Agent) openWeb() error {
	if a.opts.NoHTTP {
		return nil
	}
	web, err := monitor.NewServer(monitor.ServerOptions{
		Listen: a.cfg.HTTP.Listen, WebConfigFile: a.cfg.HTTP.WebConfigFile, Metrics: a.metrics, Ready: a.notReady, Logger: a.log,
		Source: a, Events: a.board.events, Build: a.build(), Hosts: a.cfg.HTTP.Hosts,
	})
	if err != nil {
		return err
	}
	if err := web.Listen(); err != nil {
		return err
	}
	a.web = web
	return nil
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
	if a.problems.has(ProblemOutboxFull) {
		why = append(why, "the outbox takes no requests: the disk is full")
	}
	if a.problems.has(ProblemOutboxFailed) {
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
