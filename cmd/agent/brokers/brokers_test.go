//go:build linux

package brokers

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tillpost/agent/check"
	"tillpost/internal/proctest"
	"tillpost/internal/shoptest"
	"tillpost/mqtt"
)

// retention is how long statuses stay; they are cleared within half a minute after.
const retention = 20 * time.Second

var (
	terminal = shoptest.Terminal(0)
	tillpost = proctest.Binary{Race: proctest.Race}
)

func TestMain(m *testing.M) { tillpost.Main(m) }

// brand is one broker and what is known of it, as docs/brokers.md has it.
type brand struct {
	name  string
	start func(t *testing.T) (addr string, s server)
	// wildcards: what is retained comes to subscriptions with one; dots: an id may have one.
	wildcards, dots bool
	// crashes: what it acknowledged as retained outlives kill -9.
	crashes bool
	// told is what check reports of it, beside that its own message came back.
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
	for _, m := range brands() {
		t.Run(m.name, func(t *testing.T) { try(t, m) })
	}
}

func try(t *testing.T, m brand) {
	addr, broker := m.start(t)
	s := newShop(t, addr)
	s.check(m.told)
	s.run()
	s.sale("first")
	s.refuse()
	s.refund("first", "back")
	if got := s.brought(s.status("first"), s.status("first")); got == "" {
		t.Error("a till that subscribes to a status by name is not brought it")
	}
	if got := s.brought(s.status("+"), s.status("first")); (got != "") != m.wildcards {
		t.Errorf("a till that subscribes to all statuses is brought %q", got)
	}
	if heard := s.order("dotted.id", s.status("+"), 20*time.Second); heard != m.dots {
		t.Errorf("the status of an id with a dot is told: %t", heard)
	}

	s.Stop()
	till := s.Connect()
	heard := till.Watch(s.status("waits"))
	s.Send(terminal, "orders", example("waits"))
	s.run()
	s.until(heard, "paid")

	if m.crashes {
		broker.Kill()
	} else {
		broker.Stop() // after a crash it may send the agent an old state of its own, which stops the sending
	}
	broker.Start()
	s.awaitOnline()
	s.sale("after")
	if !proctest.Eventually(time.Minute, func() bool { return s.brought(s.status("first"), s.status("first")) == "" }) {
		t.Error("the status of what has ended is not cleared")
	}
	s.Stop()
	if n := len(s.Sim.Orders()); n != 4 {
		t.Errorf("%d orders, want 4", n)
	}
}

// shop is one around a broker that a brand runs.
type shop struct {
	*shoptest.Shop
}

func newShop(t *testing.T, broker string) *shop {
	t.Helper()
	return &shop{shoptest.New(t, shoptest.Options{Program: &tillpost, Broker: broker, Settings: shoptest.Settings{"mqtt.status_retention": retention}})}
}

// check holds what tillpost check says of the broker to what it has to say.
func (s *shop) check(want []string) {
	s.Helper()
	var got []string
	check.Run(s.Context(), check.Options{File: filepath.Join(s.Dir, shoptest.ConfigFile), Timeout: time.Minute}, func(f check.Finding) {
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

// run starts the agent.
func (s *shop) run() {
	s.Helper()
	s.Run()
	s.awaitOnline()
}

// awaitOnline waits until the agent's state is retained.
func (s *shop) awaitOnline() {
	s.Helper()
	const topic = shoptest.Prefix + "/agent"
	if !proctest.Eventually(proctest.Patience, func() bool { return strings.Contains(s.brought(topic, topic), `"online"`) }) {
		s.Fatal("the agent is not online")
	}
}

func (s *shop) status(id string) string { return shoptest.Topic(terminal, "status/"+id) }

// brought returns what a new subscription gets of what is retained on a topic, "" for nothing.
func (s *shop) brought(filter, topic string) string {
	s.Helper()
	c := s.Connect()
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

func example(id string) string { return shoptest.Request(id, "order", shoptest.Example("", id)) }

// sale sells, as a till does that follows each request by name.
func (s *shop) sale(id string) {
	s.Helper()
	if !s.order(id, s.status(id), proctest.Patience) {
		s.Fatalf("%s is not paid", id)
	}
}

// order places one, and reports whether its end comes on a subscription in time.
func (s *shop) order(id, filter string, within time.Duration) bool {
	s.Helper()
	till := s.Connect()
	defer till.Close()
	heard := till.Watch(filter)
	s.Send(terminal, "orders", example(id))
	return s.heard(heard, id, "paid", within)
}

func (s *shop) refund(of, id string) {
	s.Helper()
	till := s.Connect()
	defer till.Close()
	heard := till.Watch(s.status(id))
	s.Send(terminal, "refunds", fmt.Sprintf(`{"requestId":%q,"orderRequestId":%q,"full":true}`, id, of))
	if !s.heard(heard, id, "refunded", proctest.Patience) {
		s.Fatalf("%s is not refunded", id)
	}
}

// refuse publishes what is always refused, and waits for the refusal.
func (s *shop) refuse() {
	s.Helper()
	till := s.Connect()
	defer till.Close()
	heard := till.Watch(shoptest.Prefix + "/rejects")
	s.Send(terminal, "orders", "hello")
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

// heard waits for a request's state, for that of any request if id is "".
func (s *shop) heard(messages <-chan mqtt.Message, id, state string, within time.Duration) bool {
	patience := time.NewTimer(within)
	defer patience.Stop()
	var told []string
	for {
		select {
		case m := <-messages:
			st, ok := shoptest.ParseStatus(m.Payload)
			if !ok || id != "" && st.RequestID != id {
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
