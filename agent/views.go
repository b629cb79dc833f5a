package agent

import (
	"encoding/json"
	"strings"

	"tillpost/agent/health"
	"tillpost/agent/publish"
	"tillpost/monitor"
	"tillpost/mqtt/message"
)

// agentView is what the HTTP side says of the agent. mayWrite is the client's, and added there.
type agentView struct {
	State       string            `json:"state"`
	Version     string            `json:"version"`
	Build       string            `json:"build"`
	Since       message.Timestamp `json:"since"`
	Now         message.Timestamp `json:"now"`
	Instance    string            `json:"instance"`
	Generation  uint64            `json:"generation"`
	Store       storeView         `json:"store"`
	Problems    []problemView     `json:"problems"`
	Connections []connectionView  `json:"connections"`
	Clock       clockView         `json:"clock"`
	Disk        diskView          `json:"disk"`
}

// storeView is where the tills stand, and in which zone the pages show times.
type storeView struct {
	Name     string `json:"name,omitempty"`
	Timezone string `json:"timezone"`
	Currency string `json:"currency"`
}

type problemView struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	// Todo is what a person does about it.
	Todo      string            `json:"todo"`
	Since     message.Timestamp `json:"since"`
	RequestID string            `json:"requestId,omitempty"`
	// StopsPayments: customers can't pay because of it, at one terminal at least.
	StopsPayments bool `json:"stopsPayments"`
}

// clockView is what is known of the clock. Skew is how far it is ahead of the API's, in seconds.
type clockView struct {
	Synchronized bool     `json:"synchronized"`
	Known        bool     `json:"known"`
	Skew         *float64 `json:"skewSeconds,omitempty"`
}

// diskView is what room there is. Free is left out where that is not known.
type diskView struct {
	Room   bool   `json:"room"`
	Outbox int64  `json:"outboxBytes"`
	Free   *int64 `json:"freeBytes,omitempty"`
}

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

// Agent implements monitor.Source.
func (a *Agent) Agent() any { return a.agentView() }

func (a *Agent) agentView() agentView {
	s := a.agentState()
	v := agentView{
		State: s.State, Version: s.Version, Build: a.build(), Since: s.Since, Now: message.At(a.clock.Now().Time()),
		Instance: s.Instance, Generation: s.Generation, Problems: []problemView{},
		Store:       storeView{Name: a.cfg.Store.Name, Timezone: a.cfg.Store.Location.String(), Currency: a.cfg.Store.Currency},
		Connections: a.connections.list(), Clock: a.clockView(), Disk: a.diskView(),
	}
	for _, p := range s.Problems {
		if api := &v.Connections[0]; p.Code == string(health.ProblemAPIUnreachable) && api.OK {
			// A lane found out first; the next call shows at which stage.
			*api = connectionView{Name: api.Name, Stage: stageConnection, Since: p.Since, Message: p.Message}
		}
		about := health.AdviceFor(health.ProblemCode(p.Code))
		v.Problems = append(v.Problems, problemView{
			Code: p.Code, Message: p.Message, Todo: about.Todo, Since: p.Since, RequestID: p.RequestID, StopsPayments: about.Stops,
		})
	}
	return v
}

// build identifies this build: the version, and the commit where that is known.
func (a *Agent) build() string {
	if a.opts.Commit == "" || strings.Contains(a.opts.Commit, " ") { // it is not known
		return a.opts.Version
	}
	return a.opts.Version + "+" + a.opts.Commit
}

func (a *Agent) clockView() clockView {
	v := clockView{Synchronized: a.clock.Synchronized(), Known: a.clock.Now().Known}
	if skew, ok := a.clock.Skew(); ok {
		seconds := skew.Round(1e6).Seconds()
		v.Skew = &seconds
	}
	return v
}

func (a *Agent) diskView() diskView {
	stats := a.store.Stats()
	v := diskView{Room: a.store.Room(), Outbox: stats.FileSize}
	if stats.DiskFree >= 0 {
		v.Free = &stats.DiskFree
	}
	return v
}

// Terminals implements monitor.Source.
func (a *Agent) Terminals() []monitor.Terminal {
	list := []monitor.Terminal{}
	for _, t := range a.terminalInfos() {
		list = append(list, monitor.Terminal{UUID: t.UUID, View: t})
	}
	return list
}

// Displays implements monitor.Source.
func (a *Agent) Displays() []monitor.Display {
	list := []monitor.Display{}
	for _, d := range a.lanes.Displays() {
		list = append(list, monitor.Display{Terminal: d.TerminalUUID, View: d})
	}
	return list
}
