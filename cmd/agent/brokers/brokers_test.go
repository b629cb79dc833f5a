//go:build linux

package brokers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tillpost/agent"
	"tillpost/agent/check"
	"tillpost/agent/config"
	"tillpost/api/simulator"
	"tillpost/internal/proctest"
	"tillpost/mqtt"
	"tillpost/mqtt/message"
	"tillpost/mqtt/mqtttest"
)

const (
	token    = "tok-brokers"
	terminal = "TRML1000000001"
	// retention is how long statuses stay; they are cleared within half a minute after.
	retention = 20 * time.Second
)

// brand is one broker and what is known of it, as docs/brokers.md has it.
type brand struct {
	name  string
	start func(t *testing.T) (addr string, s server)
	// wildcards: what is retained comes to subscriptions with one; dots: an id may have one.
	wildcards, dots bool
	// crashes: what it acknowledged as retained outlives kill -9.
	crashes bool
	// told is what check says of it, beside that its own message came back.
	told []string
}

func brands() []brand {
	return []brand{
		{"mosquitto", startMosquitto, true, true, true, []string{"ok: mosquitto version", "warn: whether it keeps what waits"}},
		{"NATS", startNATS, true, true, true, []string{"ok: it speaks MQTT 3.1.1 only", "warn: whether it keeps what waits"}},
		{"RabbitMQ", startRabbitMQ, false, false, false, []string{
			"ok: RabbitMQ", "warn: it brings what is retained to no subscription with a wildcard", "warn: it takes a dot in an id for a level", "warn: whether it keeps what waits",
		}},
	}
}

// TestBrokers sells, refuses, pays back, stops and comes back on each of them, and holds what check says of it to what it
// does.
func TestBrokers(t *testing.T) {
	if os.Getenv("TILLPOST_BROKERS") == "" {
		t.Skip("make test-brokers runs it")
	}
	t.Setenv("TILLPOST_API_TOKEN", token)
	for _, m := range brands() {
		t.Run(m.name, func(t *testing.T) { try(t, m) })
	}
}

func try(t *testing.T, m brand) {
	addr, broker := m.start(t)
	s := newShop(t, addr)
	s.check(m.told)
	stop := s.run()
	s.sale("first")
	s.refuse()
	s.refund("first", "back")
	if got := s.brought(s.status("first"), s.status("first")); got == "" {
		t.Error("a till that subscribes to a status by name is not brought it")
	}
	if got := s.brought(s.status("+"), s.status("first")); (got != "") != m.wildcards {
		t.Errorf("a till that subscribes to all statuses is brought %q", got)
	}
	if heard := s.order("dotted.id", mqtt.Topics{Prefix: "tillpost"}.Status(terminal, "+"), 20*time.Second); heard != m.dots {
		t.Errorf("the status of an id with a dot is told: %t", heard)
	}

	stop()
	till := mqtttest.Connect(t, s.url)
	heard := till.Watch(s.status("waits"))
	till.Publish(s.request("waits"))
	stop = s.run()
	s.until(heard, "paid")

	if m.crashes {
		broker.Kill()
	} else {
		broker.Stop() // after a crash it may show the agent an old word of its own, which stops the sending
	}
	broker.Start()
	s.awaitOnline()
	s.sale("after")
	if !proctest.Eventually(time.Minute, func() bool { return s.brought(s.status("first"), s.status("first")) == "" }) {
		t.Error("the status of what has ended is not cleared")
	}
	stop()
	if n := len(s.sim.Orders()); n != 4 {
		t.Errorf("%d orders, want 4", n)
	}
}

// shop is an agent, the simulated API and tills, around a broker.
type shop struct {
	*testing.T
	url, file string
	sim       *simulator.Simulator
	log       *proctest.Output
}

func newShop(t *testing.T, broker string) *shop {
	t.Helper()
	s := &shop{T: t, url: "tcp://" + broker, log: proctest.NewOutput(0)}
	s.sim = simulator.New(simulator.Options{Token: token, Organization: "ORG1", Customer: simulator.Pay(0), Terminals: []simulator.Terminal{{UUID: terminal, Name: "Counter 1"}}})
	t.Cleanup(s.sim.Close)
	l, err := s.sim.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	proctest.Serve(t, l, s.sim)
	s.file = filepath.Join(t.TempDir(), "tillpost.toml")
	text := fmt.Sprintf("[api]\nbase_url = \"http://%s/api/v1\"\norganization_uuid = \"ORG1\"\n[mqtt]\nurl = %q\nstatus_retention = %q\n[outbox]\npath = \"outbox.db\"\n[http]\nlisten = \"127.0.0.1:0\"\n",
		l.Addr(), s.url, retention)
	if err := os.WriteFile(s.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the agent said:\n%s", s.log)
		}
	})
	return s
}

// check holds what tillpost check says of the broker to what it has to say.
func (s *shop) check(want []string) {
	s.Helper()
	var got []string
	check.Run(s.Context(), check.Options{File: s.file, Timeout: time.Minute}, func(f check.Finding) {
		if f.Subject == "broker" {
			got = append(got, strings.ToLower(f.Level.String())+": "+f.Text)
		}
	})
	s.Logf("check: %s", strings.Join(got, "\n"))
	if len(got) != len(want) {
		s.Fatalf("check says %q, want %q", got, want)
	}
	for i, w := range want {
		level, text, _ := strings.Cut(w, ": ")
		if !strings.HasPrefix(got[i], level+": ") || !strings.Contains(got[i], text) {
			s.Errorf("check says %q, want %q", got[i], w)
		}
	}
}

// run starts the agent, and returns what stops it.
func (s *shop) run() (stop func()) {
	s.Helper()
	cfg, err := config.Load(s.file)
	if err != nil {
		s.Fatal(err)
	}
	a, err := agent.New(agent.Options{Config: cfg, Version: "tried", NoHTTP: true, Logger: slog.New(slog.NewTextHandler(s.log, nil))})
	if err != nil {
		s.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			s.Error(err)
		}
	}
	s.Cleanup(stop)
	s.awaitOnline()
	return stop
}

// awaitOnline waits until the agent's own word is there for who connects.
func (s *shop) awaitOnline() {
	s.Helper()
	const topic = "tillpost/agent"
	if !proctest.Eventually(proctest.Patience, func() bool { return strings.Contains(s.brought(topic, topic), `"online"`) }) {
		s.Fatalf("the agent is not online:\n%s", s.log)
	}
}

func (s *shop) status(id string) string { return mqtt.Topics{Prefix: "tillpost"}.Status(terminal, id) }

// brought is what a new subscription brings of what is retained on a topic, "" for nothing.
func (s *shop) brought(filter, topic string) string {
	s.Helper()
	c := mqtttest.Connect(s, s.url)
	defer c.Close()
	messages := c.Watch(filter)
	patience := time.NewTimer(time.Second)
	defer patience.Stop()
	for {
		select {
		case m := <-messages:
			if m.Retained && m.Topic == topic {
				return string(m.Payload)
			}
		case <-patience.C:
			return ""
		}
	}
}

func (s *shop) request(id string) mqtt.Message {
	payload := fmt.Sprintf(`{"requestId":%q,"order":{"products":[{"name":"Hair Wash","quantity":"1","rate":42,"tax":"0","amount":42}],
"orderSummary":{"subTotal":"42.00","totalTax":"0.00","totalDiscount":"0.00","grandTotal":"42.00"},"sendOrderBy":{"sms":false,"email":true},"receiptPrint":false,
"customerDetails":{"type":"private","countryCode":"+47","msisdn":"46567468","email":"customer@email.com","name":"Kari Nordmann",
"address":{"street":"Luramyrveien 65","zip":"4313","city":"Sandnes","country":"NO"}}}}`, id)
	return mqtt.Message{Topic: "tillpost/terminals/" + terminal + "/orders", Payload: []byte(payload)}
}

// sale sells, as a till does that follows each request by name.
func (s *shop) sale(id string) {
	s.Helper()
	if !s.order(id, s.status(id), proctest.Patience) {
		s.Fatalf("%s is not paid", id)
	}
}

// order places one, and reports whether its end is told on a subscription in time.
func (s *shop) order(id, filter string, within time.Duration) bool {
	s.Helper()
	till := mqtttest.Connect(s, s.url)
	defer till.Close()
	heard := till.Watch(filter)
	till.Publish(s.request(id))
	return s.heard(heard, id, "paid", within)
}

func (s *shop) refund(of, id string) {
	s.Helper()
	till := mqtttest.Connect(s, s.url)
	defer till.Close()
	heard := till.Watch(s.status(id))
	till.Publish(mqtt.Message{Topic: "tillpost/terminals/" + terminal + "/refunds", Payload: fmt.Appendf(nil, `{"requestId":%q,"orderRequestId":%q,"full":true}`, id, of)})
	if !s.heard(heard, id, "refunded", proctest.Patience) {
		s.Fatalf("%s is not refunded", id)
	}
}

// refuse publishes what nobody can take, and waits to be told.
func (s *shop) refuse() {
	s.Helper()
	till := mqtttest.Connect(s, s.url)
	defer till.Close()
	heard := till.Watch("tillpost/rejects")
	till.Publish(mqtt.Message{Topic: "tillpost/terminals/" + terminal + "/orders", Payload: []byte("hello")})
	select {
	case m := <-heard:
		if !bytes.Contains(m.Payload, []byte("notJSON")) {
			s.Errorf("refused as %s", m.Payload)
		}
	case <-time.After(proctest.Patience):
		s.Error("nobody is told of a refusal")
	}
}

func (s *shop) until(heard <-chan mqtt.Message, state string) {
	s.Helper()
	if !s.heard(heard, "", state, proctest.Patience) {
		s.Fatalf("%s is not told", state)
	}
}

// heard waits for a request's state, of whatever request for "".
func (s *shop) heard(messages <-chan mqtt.Message, id, state string, within time.Duration) bool {
	patience := time.NewTimer(within)
	defer patience.Stop()
	var told []string
	for {
		select {
		case m := <-messages:
			var st message.Status
			if json.Unmarshal(m.Payload, &st) != nil || id != "" && st.RequestID != id {
				continue
			}
			if told = append(told, st.State); st.State == state && slices.Contains(told, "queued") {
				return true
			}
		case <-patience.C:
			s.Logf("told was %v", told)
			return false
		}
	}
}
