package shoptest

import (
	"net/http"

	"tillpost/internal/proctest"
	"tillpost/mqtt/mqtttest"
)

// Process runs tillpost in the shop's folder until it ends or the test does. What it writes is then looked through.
func (s *Shop) Process(args ...string) *proctest.Process {
	s.Helper()
	said := s.said
	if said == nil {
		said = proctest.NewOutput(0, Private...)
	}
	p := s.program.Start(s.TB, proctest.Options{Dir: s.Dir, Under: s.Under, Said: said}, args...)
	if s.said == nil {
		s.Cleanup(p.Finish)
	}
	return p
}

// Do runs tillpost to its end, and returns its exit code and what it wrote.
func (s *Shop) Do(args ...string) (code int, said string) {
	s.Helper()
	p := s.Process(args...)
	code = p.Wait(proctest.Patience)
	return code, p.Said.String()
}

// Run starts the agent, and does not wait for it.
func (s *Shop) Run() {
	s.Helper()
	s.Agent = s.Process("run", "--config", ConfigFile)
}

// Start starts the agent, and returns when the till that listens has got its state. Where the agent is the broker, that till
// connects again.
func (s *Shop) Start() {
	s.Helper()
	before := len(s.Heard.Messages(agentTopic))
	s.Run()
	if s.Embedded() {
		s.awaitBroker()
		s.follow()
	}
	s.Until("the agent to be there", func() bool {
		s.mustRun()
		state, _ := s.State()
		return len(s.Heard.Messages(agentTopic)) > before && (state == "online" || state == "degraded")
	})
}

// awaitBroker waits until the agent lets tills in.
func (s *Shop) awaitBroker() {
	s.Helper()
	s.Until("the embedded broker to let tills in", func() bool {
		s.mustRun()
		conn, err := mqtttest.Dial(s.Context(), s.Broker, "knocks", 0)
		if err == nil {
			_ = conn.Close() // it has served
		}
		return err == nil
	})
}

// AwaitReady waits until the agent says that it takes requests. No till has to listen.
func (s *Shop) AwaitReady() {
	s.Helper()
	s.Until("the agent to be ready", func() bool {
		s.mustRun()
		code, _ := s.Get("/readyz")
		return code == http.StatusOK
	})
}

// mustRun ends the test if the agent has ended.
func (s *Shop) mustRun() {
	s.Helper()
	if !s.Agent.Running() {
		s.Fatalf("the agent ended with %d", s.Agent.Code())
	}
}

// Stop ends the agent in order.
func (s *Shop) Stop() {
	s.Helper()
	if code := s.Agent.Stop(); code != 0 {
		s.Errorf("the agent ended with %d", code)
	}
}

// Restart ends it in order and starts it.
func (s *Shop) Restart() {
	s.Helper()
	s.Stop()
	s.Start()
}

// Crash is kill -9 and a new start.
func (s *Shop) Crash() {
	s.Helper()
	s.Agent.Kill()
	s.Start()
}

// Get reads a page of the agent. The code is 0 where nobody answers.
func (s *Shop) Get(path string) (code int, text string) {
	s.Helper()
	return proctest.Get(s, "http://"+s.Web+path)
}
