package soak

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/internal/proctest"
	"tillpost/mqtt/mqtttest"
)

const (
	token        = "tok-5d1e-soak-secret"
	organization = "ORG2074299506"
	soon         = proctest.Patience
)

// shop is an agent as a process, its broker, the simulated API, and a till at each terminal.
type shop struct {
	*testing.T
	dir      string
	embedded bool
	zone     *time.Location
	broker   *mqtttest.Mosquitto // nil with the embedded one
	mqttAddr string
	sim      *simulator.Simulator
	apiAddr  string
	web      string
	callback string
	agent    *proctest.Process
	said     *proctest.Output
	books    *books
	// policy and outbox have lines of those tables.
	policy, outbox string
}

// newShop makes a shop whose agent does not run yet.
func newShop(t *testing.T, embedded bool, terminals int, policy, outbox string) *shop {
	t.Helper()
	s := &shop{
		T: t, dir: t.TempDir(), embedded: embedded, zone: proctest.AwayFromMidnight(t), web: proctest.FreeAddr(t), callback: proctest.FreeAddr(t), policy: policy, outbox: outbox,
		said: newListener(), books: newBooks(),
	}
	if embedded {
		s.mqttAddr = proctest.FreeAddr(t)
	} else {
		options := mqtttest.Packaged()
		options.Config += "\nlog_type error\nlog_type warning\nlog_type notice\nlog_type information"
		s.broker = mqtttest.StartMosquitto(t, options)
		s.mqttAddr = s.broker.Addr
	}
	o := simulator.Options{Token: token, Organization: organization, Location: s.zone, Thresholds: &simulator.Thresholds{},
		Callbacks: &http.Client{Timeout: 5 * time.Second}}
	for i := range terminals {
		o.Terminals = append(o.Terminals, simulator.Terminal{UUID: terminal(i), Name: fmt.Sprintf("Counter %d", i)})
	}
	s.sim = simulator.New(o)
	s.Cleanup(s.sim.Close)
	l, err := s.sim.Listen(t.Context(), proctest.FreeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	proctest.Serve(t, l, s.sim)
	s.write("token", token)
	s.apiAddr = l.Addr().String()
	s.configure(s.apiAddr)
	t.Cleanup(s.finish)
	return s
}

func terminal(i int) string { return fmt.Sprintf("TRML10000000%02d", i) }

func (s *shop) write(name, text string) {
	s.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
}

func (s *shop) configure(apiAddr string) {
	s.Helper()
	broker := fmt.Sprintf("[mqtt]\nurl = %q\ntopic_prefix = \"shop\"", "tcp://"+s.mqttAddr)
	if s.embedded {
		broker = fmt.Sprintf("[mqtt]\ntopic_prefix = \"shop\"\n[mqtt.embedded]\nlisten = %q", s.mqttAddr)
	}
	s.write("tillpost.toml", fmt.Sprintf(`
[store]
name = "Soak"
timezone = %q
[api]
base_url = "http://%s/api/v1"
token_file = "token"
organization_uuid = %q
requests_per_minute = 6000
timeout = "3s"
%s
[http]
listen = %q
[callback]
listen = %q
public_url = %q
[policy]
%s
[outbox]
path = "outbox.db"
%s
`, s.zone, apiAddr, organization, broker, s.web, s.callback, "http://"+s.callback, s.policy, s.outbox))
}

// run starts the agent and does not wait for it.
func (s *shop) run() {
	s.Helper()
	s.agent = start(s, s.dir, s.said, "run", "--config", "tillpost.toml")
}

// ready waits for the agent to take requests.
func (s *shop) ready() {
	s.Helper()
	ok := proctest.Eventually(soon, func() bool {
		if !s.agent.Running() {
			s.Fatalf("the agent ended with %d", s.agent.Code())
		}
		code, _ := s.get("/readyz")
		return code == http.StatusOK
	})
	if !ok {
		s.Fatal("the agent does not become ready")
	}
}

// finish ends the agent in order and looks through what all agents of this shop wrote.
func (s *shop) finish() {
	if s.agent != nil && s.agent.Running() {
		if code := s.agent.Stop(); code != 0 {
			s.Errorf("the agent ended with %d", code)
		}
	}
	s.said.Judge(s, "the agent")
}

// get reads a page of the agent.
func (s *shop) get(path string) (code int, text string) {
	s.Helper()
	return proctest.Get(s, "http://"+s.web+path)
}

// goroutines is what /metrics says, 0 if it says nothing.
func (s *shop) goroutines() int {
	_, text := s.get("/metrics")
	_, rest, _ := strings.Cut(text, "\ngo_goroutines ")
	line, _, _ := strings.Cut(rest, "\n")
	n, _ := strconv.Atoi(line)
	return n
}

func (s *shop) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}
