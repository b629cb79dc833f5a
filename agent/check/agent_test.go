package check

import (
	"testing"

	"tillpost/mqtt/message"
)

func TestAgent(t *testing.T) {
	t.Parallel()
	here := outboxFacts{locked: true, instance: "a"}
	online := &message.AgentState{State: message.AgentOnline, Version: "v1", Instance: "a"}
	degraded := &message.AgentState{State: message.AgentDegraded, Instance: "a", Problems: []message.Problem{{Code: "unauthorized"}, {Code: "needsStaff"}}}
	offline := &message.AgentState{State: message.AgentOffline, Instance: "a"}
	for name, tc := range map[string]struct {
		held   outboxFacts
		daemon daemonFacts
		said   *message.AgentState
		want   string
	}{
		"nobody":                {outboxFacts{}, daemonFacts{}, nil, "ok agent does not run here"},
		"stopped":               {outboxFacts{instance: "a"}, daemonFacts{}, offline, "ok agent does not run here"},
		"here":                  {here, daemonFacts{ours: true}, online, "ok agent runs here, version v1"},
		"here, nothing said":    {here, daemonFacts{ours: true, version: "v2"}, nil, "ok agent runs here, version v2"},
		"here, behind a login":  {here, daemonFacts{}, nil, "ok agent runs here; "},
		"here, with problems":   {here, daemonFacts{ours: true}, degraded, "warn agent…problems: unauthorized, needsStaff"},
		"here, not ready":       {here, daemonFacts{ours: true, reasons: []string{"no broker"}}, nil, "warn agent…takes no requests: no broker"},
		"here, told offline":    {here, daemonFacts{ours: true}, offline, "warn agent…has it offline"},
		"another beside ours":   {outboxFacts{locked: true, instance: "b"}, daemonFacts{}, online, "FAIL agent another agent…topic_prefix"},
		"another, ours stopped": {outboxFacts{instance: "b"}, daemonFacts{}, degraded, "FAIL agent another agent…is degraded"},
		"elsewhere, none yet":   {outboxFacts{}, daemonFacts{}, online, "warn agent…but not on this machine"},
		"ended without a word":  {outboxFacts{instance: "a"}, daemonFacts{}, online, "warn agent…ended without a word, or runs elsewhere"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want(t, newChecker(t).agent(tc.held, tc.daemon, tc.said), tc.want)
		})
	}
}
