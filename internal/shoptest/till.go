package shoptest

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"tillpost/internal/proctest"
	"tillpost/mqtt"
	"tillpost/mqtt/mqtttest"
)

const (
	// Prefix is what the shop's topics begin with.
	Prefix     = "shop"
	agentTopic = Prefix + "/agent"
)

// Topic returns one of a terminal's topics, such as that of "orders" or "status/ID".
func Topic(terminal, segment string) string { return Prefix + "/terminals/" + terminal + "/" + segment }

// Listen has a new till receive everything from now on, in a ledger of its own. Where the agent is the broker and does not
// run, the till connects when it is started.
func (s *Shop) Listen() {
	s.Helper()
	s.Heard = NewLedger()
	s.Ledgers = append(s.Ledgers, s.Heard)
	s.unfollow = func() {} // the former till goes on in the former ledger
	if !s.Embedded() || s.Agent != nil && s.Agent.Running() {
		s.follow()
	}
}

// Connect connects a till, which from now on publishes what is sent.
func (s *Shop) Connect() *mqtttest.Till {
	s.Helper()
	s.Till = mqtttest.Connect(s, "tcp://"+s.Broker)
	return s.Till
}

// follow connects a till that goes on in the ledger where its former connection ended.
func (s *Shop) follow() {
	s.Helper()
	s.unfollow()
	s.unfollow = s.Heard.Follow(s.Connect().Watch(Prefix + "/#"))
	s.Cleanup(s.unfollow)
}

// Send publishes what a till publishes, and returns when the broker has acknowledged it.
func (s *Shop) Send(terminal, segment, payload string) {
	s.Helper()
	s.Till.Publish(mqtt.Message{Topic: Topic(terminal, segment), Payload: []byte(payload)})
}

// Order publishes the example order of today.
func (s *Shop) Order(terminal, id string) {
	s.Helper()
	s.Send(terminal, "orders", Request(id, "order", Example(s.Today(), id)))
}

// Sale publishes an order, waits until it is paid, and returns its uuid at the API.
func (s *Shop) Sale(terminal, id string) (uuid string) {
	s.Helper()
	s.Order(terminal, id)
	return s.UntilState(terminal, id, "paid").OrderUUID
}

// Today returns the shop's date, as the API writes it.
func (s *Shop) Today() string { return time.Now().In(s.Zone).Format("02 Jan, 2006") }

// Now returns the latest status of a request, zero if none was published.
func (s *Shop) Now(terminal, id string) Status {
	s.Helper()
	raw := s.Heard.On(Topic(terminal, "status/"+id))
	status, ok := ParseStatus(raw)
	if !ok && len(raw) > 0 {
		s.Fatalf("no status: %s", raw)
	}
	return status
}

// State returns the agent's latest state, with the message of each problem by its code.
func (s *Shop) State() (state string, problems map[string]string) {
	var word struct {
		State    string
		Problems []struct{ Code, Message string }
	}
	_ = json.Unmarshal(s.Heard.On(agentTopic), &word) // nothing was published yet
	problems = map[string]string{}
	for _, p := range word.Problems {
		problems[p.Code] = p.Message
	}
	return word.State, problems
}

// Until waits for something to be so.
func (s *Shop) Until(what string, is func() bool) {
	s.Helper()
	s.Within(proctest.Patience, what, is)
}

// Within is Until with another limit, for work that takes a slow machine longer.
func (s *Shop) Within(limit time.Duration, what string, is func() bool) {
	s.Helper()
	if proctest.Eventually(limit, is) {
		return
	}
	if s.Heard == nil {
		s.Fatalf("waited %v for %s", limit, what)
	}
	state, problems := s.State()
	s.Fatalf("waited %v for %s; the agent is %q %v", limit, what, state, problems)
}

// UntilState waits for a request to be in one of these states.
func (s *Shop) UntilState(terminal, id string, states ...string) Status {
	s.Helper()
	return s.UntilStatus(terminal, id, strings.Join(states, " or "), func(s Status) bool { return slices.Contains(states, s.State) })
}

// UntilWaits waits for a request to wait for something.
func (s *Shop) UntilWaits(terminal, id, code string) Status {
	s.Helper()
	return s.UntilStatus(terminal, id, "waiting for "+code, func(s Status) bool { return s.Waits() == code })
}

// UntilStatus waits for a request's latest status to be so.
func (s *Shop) UntilStatus(terminal, id, what string, is func(Status) bool) (now Status) {
	s.Helper()
	if !proctest.Eventually(proctest.Patience, func() bool { now = s.Now(terminal, id); return is(now) }) {
		state, problems := s.State()
		s.Fatalf("%s is %q (waits %q, reason %q), not %s; told %v; the agent is %q %v",
			id, now.State, now.Waits(), now.ReasonCode(), what, s.Heard.States(id), state, problems)
	}
	return now
}

// UntilTold waits until some status of a request, the latest or an earlier one, is so.
func (s *Shop) UntilTold(id, what string, is func(Status) bool) {
	s.Helper()
	if !proctest.Eventually(proctest.Patience, func() bool { return slices.ContainsFunc(s.Heard.Told(id), is) }) {
		s.Fatalf("%s was never %s; told %v", id, what, s.Heard.States(id))
	}
}

// UntilProblem waits for the agent to report a problem, and returns the message.
func (s *Shop) UntilProblem(code string) (message string) {
	s.Helper()
	s.Until("the problem "+code, func() bool {
		state, problems := s.State()
		message = problems[code]
		return state == "degraded" && message != ""
	})
	return message
}

// UntilOnline waits for the agent's state to be online.
func (s *Shop) UntilOnline() {
	s.Helper()
	s.Until("online", func() bool { state, _ := s.State(); return state == "online" })
}
