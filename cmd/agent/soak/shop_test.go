package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/mqtt/mqtttest"
)

const (
	token        = "tok-5d1e-soak-secret"
	organization = "ORG2074299506"
	soon         = 30 * time.Second
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
	web      string
	callback string
	agent    *process
	said     *listener
	books    *books
	// policy and outbox have lines of those tables.
	policy, outbox string
}

// newShop makes a shop whose agent does not run yet.
func newShop(t *testing.T, embedded bool, terminals int, policy, outbox string) *shop {
	t.Helper()
	s := &shop{
		T: t, dir: t.TempDir(), embedded: embedded, zone: awayFromMidnight(), web: freeAddr(t), callback: freeAddr(t), policy: policy, outbox: outbox,
		said: &listener{heard: map[string]bool{}}, books: newBooks(),
	}
	if embedded {
		s.mqttAddr = freeAddr(t)
	} else {
		// As packaging/mosquitto/tillpost.conf sets it up.
		s.broker = mqtttest.StartMosquitto(t, mqtttest.MosquittoOptions{Persistence: true, Config: "max_inflight_messages 100\nlog_type error\nlog_type warning\nlog_type notice\nlog_type information"})
		s.mqttAddr = s.broker.Addr
	}
	o := simulator.Options{Token: token, Organization: organization, Location: s.zone, Thresholds: &simulator.Thresholds{},
		Callbacks: &http.Client{Timeout: 5 * time.Second}}
	for i := range terminals {
		o.Terminals = append(o.Terminals, simulator.Terminal{UUID: terminal(i), Name: fmt.Sprintf("Counter %d", i)})
	}
	s.sim = simulator.New(o)
	s.Cleanup(s.sim.Close)
	l, err := s.sim.Listen(t.Context(), freeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: s.sim, ReadHeaderTimeout: soon}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	s.write("token", token)
	s.configure(l.Addr().String())
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
	ok := eventually(soon, func() bool {
		if !s.agent.running() {
			s.Fatalf("the agent ended with %d", s.agent.code)
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
	if s.agent != nil && s.agent.running() {
		if code := s.agent.end(syscall.SIGTERM); code != 0 {
			s.Errorf("the agent ended with %d", code)
		}
	}
	tail, heard := s.said.end()
	for _, text := range heard {
		s.Errorf("the agent wrote %q", text)
	}
	if s.Failed() {
		s.Logf("the agent said at last:\n%s", tail)
	}
}

// get reads a page of the agent.
func (s *shop) get(path string) (code int, text string) {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.web+path, nil)
	if err != nil {
		s.Fatal(err)
	}
	r.Close = true // what is measured are the agent's handles, not those kept for us
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	raw, err := io.ReadAll(reply.Body)
	if err = errors.Join(err, reply.Body.Close()); err != nil {
		return 0, err.Error()
	}
	return reply.StatusCode, string(raw)
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

// awayFromMidnight is a zone where it is around noon, so that no run has two todays.
func awayFromMidnight() *time.Location {
	ahead := 12 - time.Now().UTC().Hour()
	name := fmt.Sprintf("Etc/GMT%+d", -ahead)
	if ahead == 0 {
		name = "Etc/GMT"
	}
	location, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return location
}

var lastPort atomic.Int64

func init() { lastPort.Store(rand.Int64N(1000)) }

// freeAddr looks below the ports that the system gives out by itself, so that nobody takes it by chance while what
// listens there is away.
func freeAddr(t testing.TB) string {
	t.Helper()
	for range 1000 {
		addr := fmt.Sprintf("127.0.0.1:%d", 8000+lastPort.Add(1)%1900)
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", addr)
		if err == nil {
			_ = l.Close()
			return addr
		}
	}
	t.Fatal("found no free port")
	return ""
}
