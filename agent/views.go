package agent

import (
	"strings"

	"tillpost/agent/health"
	"tillpost/monitor"
	"tillpost/mqtt/message"
	"tillpost/outbox"
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

// evidence is one look that was made for a request whose fate was not known.
type evidence struct {
	At     message.Timestamp `json:"at"`
	Looked string            `json:"looked"` // at what
	Seen   string            `json:"seen"`
}

// doubtChecks says what the events of a doubt looked at, and what was seen there.
var doubtChecks = map[string]evidence{
	outbox.Ambiguous.String():     {Looked: "the reply to the call", Seen: "no reply that says whether it was carried out"},
	outbox.Found.String():         {Looked: "the orders at Front Payment", Seen: "an order that bears our mark"},
	outbox.NotFound.String():      {Looked: "the orders at Front Payment", Seen: "no order that bears our mark"},
	outbox.StatusSeen.String():    {Looked: "the order's status at Front Payment", Seen: "a status"},
	outbox.StatementSeen.String(): {Looked: "the order's books at Front Payment", Seen: "what was paid and paid back"},
	outbox.CallbackSeen.String():  {Looked: "a call from Front Payment", Seen: "it named an order"},
	outbox.HintRead.String():      {Looked: "the order that Front Payment's call named", Seen: "what its details show"},
	outbox.DoubtTimeout.String():  {Looked: "all of it, for as long as the policy says", Seen: "nothing that decides"},
	outbox.Restarted.String():     {Looked: "the outbox, at a start", Seen: "a call that was under way when tillpost ended"},
}

// evidenceOf returns what was looked at while a request was in doubt, nil where it never was.
func evidenceOf(r outbox.Request) []evidence {
	var list []evidence
	was := false
	for _, e := range r.History {
		is := e.State == outbox.StateInDoubt || e.State == outbox.StateUnresolved
		if look, ok := doubtChecks[e.Event]; ok && (is || was) { // what ended the doubt is evidence too
			look.At = message.At(e.At.Time())
			list = append(list, look)
		}
		was = is
	}
	return list
}
