package examples

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"tillpost/agent"
	"tillpost/agent/config"
	"tillpost/api/simulator"
	"tillpost/internal/proctest"
	"tillpost/mqtt/mqtttest"
)

const (
	terminal = "TRML1000000001"
	token    = "test-token"
)

const shopConfig = `
[api]
base_url = "http://%s/api/v1"
token_file = %q
organization_uuid = "ORG1"
[mqtt]
url = %q
topic_prefix = %q
[outbox]
path = %q
[http]
listen = "127.0.0.1:0"
[policy]
poll_interval = "100ms"
busy_backoff_min = "200ms"
busy_backoff_max = "300ms"
`

// scene is a shop with a topic prefix of its own at the broker: a simulated API, and the agent once it runs.
type scene struct {
	*testing.T
	example example
	command []string
	broker  *mqtttest.Mosquitto
	name    string
	prefix  string
	sim     *simulator.Simulator
	cfg     string
	spy     *spy
	log     *proctest.Output
}

func newScene(t *testing.T, e example, command []string, broker *mqtttest.Mosquitto) *scene {
	t.Helper()
	name := strings.ReplaceAll(strings.TrimPrefix(t.Name(), "TestTills/all/"), "/", "-")
	s := &scene{T: t, example: e, command: command, broker: broker, name: name, prefix: "examples/" + name, log: proctest.NewOutput(0, token)}
	s.sim = simulator.New(simulator.Options{
		Token: token, Organization: "ORG1", Customer: simulator.Pay(200 * time.Millisecond),
		Terminals: []simulator.Terminal{{UUID: terminal, Name: "Counter 1"}},
	})
	t.Cleanup(s.sim.Close)
	listener, err := s.sim.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	proctest.Serve(t, listener, s.sim)
	dir := t.TempDir()
	tokenFile := filepath.Join(dir, "token")
	if err := os.WriteFile(tokenFile, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	s.cfg = fmt.Sprintf(shopConfig, listener.Addr(), tokenFile, broker.URL, s.prefix, filepath.Join(dir, "outbox.db"))
	s.spy = newSpy(t, broker.URL, s.prefix)
	t.Cleanup(func() { s.log.Check(t, "the agent") })
	return s
}

// runAgent runs the agent, with further lines of [policy], until the test ends.
func (s *scene) runAgent(policy ...string) {
	s.Helper()
	cfg, err := config.Parse("test.toml", []byte(s.cfg+strings.Join(policy, "\n")))
	if err != nil {
		s.Fatal(err)
	}
	a, err := agent.New(agent.Options{
		Config: cfg, Version: "test", NoHTTP: true,
		Logger: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		s.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	s.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			s.Errorf("the agent ended: %v", err)
		}
		s.spy.judge(s.T)
	})
	s.Cleanup(func() {
		if !s.Failed() {
			s.spy.await(s, 1, "/display") // a refusal is told before that
		}
	})
}

// spy reads all topics under a prefix.
type spy struct {
	client paho.Client
	prefix string

	mu       sync.Mutex
	messages []paho.Message
	changed  chan struct{}
}

func newSpy(t *testing.T, url, prefix string) *spy {
	t.Helper()
	s := &spy{prefix: prefix, changed: make(chan struct{}, 1)}
	s.client = paho.NewClient(paho.NewClientOptions().AddBroker(url).SetClientID("spy-" + filepath.Base(prefix)))
	wait := func(token paho.Token) {
		if !token.WaitTimeout(proctest.Patience) || token.Error() != nil {
			t.Fatalf("the spy is not let in: %v", token.Error())
		}
	}
	wait(s.client.Connect())
	t.Cleanup(func() { s.client.Disconnect(100) })
	wait(s.client.Subscribe(prefix+"/#", 1, func(_ paho.Client, m paho.Message) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.messages = append(s.messages, m)
		select {
		case s.changed <- struct{}{}:
		default:
		}
	}))
	return s
}

// seen are the messages so far.
func (s *spy) seen() []paho.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// await waits until n messages were published on topics that end so.
func (s *spy) await(t *scene, n int, suffix string) {
	t.Helper()
	limit := time.After(bound)
	for {
		count := 0
		for _, m := range s.seen() {
			if strings.HasSuffix(m.Topic(), suffix) {
				count++
			}
		}
		if count >= n {
			return
		}
		select {
		case <-s.changed:
		case <-limit:
			t.Fatalf("%d messages on %s, want %d", count, suffix, n)
		}
	}
}
