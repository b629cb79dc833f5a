package agent

import (
	"encoding/json"

	"tillpost/agent/publish"
	"tillpost/mqtt/message"

	"tillpost/api"
)

// agentState returns what is published on {p}/agent: degraded if and only if there are problems, offline at the end.
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

// will returns the last will's payload: what the broker publishes for us once we can't.
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
	a.lanes.ShowAll()
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
