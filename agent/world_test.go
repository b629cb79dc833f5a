package agent_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/agent"
	"tillpost/agent/config"
	"tillpost/api/simulator"
	"tillpost/mqtt"
	"tillpost/mqtt/client"
	"tillpost/mqtt/mqtttest"
	"tillpost/outbox"
	"tillpost/outbox/bolt"
)

const (
	oslo   = "TRML1000000001"
	bergen = "TRML1000000002"
	token  = "test-token"
)

// bubbleClock is a clock that is known to be right, on the bubble's time.
type bubbleClock struct {
	start   time.Time
	boot    string
	unknown atomic.Bool
	ahead   atomic.Int64 // of the bubble's time
}

func (c *bubbleClock) Now() outbox.Instant {
	now := time.Now()
	return outbox.Instant{Wall: now.Add(time.Duration(c.ahead.Load())).UnixMilli(), Known: !c.unknown.Load(), Boot: "bubble" + c.boot, Mono: now.Sub(c.start)}
}
func (c *bubbleClock) SawDate(time.Time, time.Time) {}
func (c *bubbleClock) Synchronized() bool           { return !c.unknown.Load() }
func (c *bubbleClock) Skew() (time.Duration, bool)  { return 0, false }

// world is a shop in a bubble: the simulated API behind pipes, a broker in memory, the agent with a real outbox file.
type world struct {
	*testing.T
	sim    *simulator.Simulator
	broker *mqtttest.Broker
	ln     *simulator.Listener
	clock  *bubbleClock
	cfg    string
	dir    string
	log    *syncBuffer
	a      *agent.Agent
	stop   func()
	// handle answers in the API's place, unless it is nil.
	handle atomic.Pointer[http.HandlerFunc]
	// client is the agent's client id, "" for the usual one; deaf keeps its own topic from it; bus changes what connects it.
	client string
	deaf   bool
	bus    func(mqtt.Bus) mqtt.Bus
	// dial replaces the network under the API client, unless it is nil.
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// store replaces the outbox, unless it is nil.
	store func(bolt.Options) (outbox.Store, error)
	// hooks is where callbacks come in, nil while they are off.
	hooks *simulator.Listener
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

const baseConfig = `
[store]
name = "Test"
timezone = "Europe/Oslo"
[api]
base_url = "http://127.0.0.1:1/api/v1"
organization_uuid = "ORG1"
requests_per_minute = 100000
[mqtt]
url = "tcp://127.0.0.1:1883"
[outbox]
path = %q
[http]
listen = "127.0.0.1:0"
[policy]
%s
`

// inWorld runs a test in a bubble, with two terminals and customers who pay after three seconds.
func inWorld(t *testing.T, policy string, test func(w *world), change ...func(*simulator.Options)) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TILLPOST_API_TOKEN", token)
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, dir: dir, broker: mqtttest.NewBroker(), log: &syncBuffer{}}
		w.clock = &bubbleClock{start: time.Now().Add(-time.Hour)}
		w.cfg = fmt.Sprintf(baseConfig, filepath.Join(dir, "outbox.db"), policy)
		options := simulator.Options{
			Token: token, Organization: "ORG1", Customer: simulator.Pay(3 * time.Second),
			Terminals: []simulator.Terminal{{UUID: oslo, Name: "Oslo"}, {UUID: bergen, Name: "Bergen"}},
		}
		for _, c := range change {
			c(&options)
		}
		dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
			return w.hooks.DialContext(ctx, network, addr)
		}
		options.Callbacks = &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
		w.sim = simulator.New(options)
		w.ln = w.sim.ListenPipe()
		server := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if h := w.handle.Load(); h != nil {
				(*h)(rw, r)
				return
			}
			w.sim.ServeHTTP(rw, r)
		})}
		var serving sync.WaitGroup
		serving.Go(func() { _ = server.Serve(w.ln) })
		defer func() {
			if w.stop != nil {
				w.stop()
			}
			_ = server.Close()
			serving.Wait()
			w.sim.Close()
			if t.Failed() {
				t.Log(w.log.String())
			}
		}()
		w.broker.Publish(mqtt.Message{Topic: "tillpost/agent", Payload: []byte(`{"state":"offline","instance":"former"}`), Retained: true}) // as where an agent ran before
		w.start()
		test(w)
	})
}

// start runs an agent on the world's outbox; stop ends it in order.
func (w *world) start() {
	w.Helper()
	w.launch()
	w.eventuallyOrFail(func() bool { state, _ := w.agentState(); return state == "online" || state == "degraded" })
}

// launch is start without waiting for the agent's message.
func (w *world) launch() {
	w.Helper()
	cfg, err := config.Parse("test.toml", []byte(w.cfg))
	if err != nil {
		w.Fatal(err)
	}
	dial := w.ln.DialContext
	if w.dial != nil {
		dial = w.dial
	}
	w.a, err = agent.New(agent.Options{
		Config: cfg, Version: "test", Clock: w.clock, DialAPI: dial, NoHTTP: true, Store: w.store,
		ListenCallbacks: func(context.Context, string, string) (net.Listener, error) {
			w.hooks = w.sim.ListenPipe()
			return w.hooks, nil
		},
		Logger: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Bus: func(topics mqtt.Topics, will func() []byte, h mqtt.Handlers) (mqtt.Bus, error) {
			if w.deaf {
				h.Agent = nil
			}
			bus := mqtt.Bus(mqtttest.NewBus(w.broker, client.Options{ClientID: cmp.Or(w.client, "tillpost"), Topics: topics, Will: will}, h))
			if w.bus != nil {
				bus = w.bus(bus)
			}
			return bus, nil
		},
	})
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.a.Run(ctx) }()
	w.stop = func() {
		cancel()
		begun := time.Now()
		if err := <-done; err != nil {
			w.Errorf("Run: %v", err)
		}
		if took := time.Since(begun); took > 5*time.Second {
			w.Errorf("the stop took %v", took)
		}
		w.stop = nil
	}
}

// anew starts over with an empty outbox, after a change of the API that no earlier life has known.
func (w *world) anew(change func()) {
	w.Helper()
	w.stop()
	names, err := filepath.Glob(w.outbox() + "*")
	for _, n := range names {
		err = errors.Join(err, os.Remove(n))
	}
	if err != nil {
		w.Fatal(err)
	}
	change()
	w.start()
}

func (w *world) restart() {
	w.Helper()
	w.stop()
	w.start()
}

// exampleOrder is the API's own example, with a date of today.
func exampleOrder(date string) string {
	return `{
"products": {"0": {"name": "Hair Wash","productId": "VFDDF","quantity": "1","rate": 42,"discount": 0,"tax": "0","amount": 42}},
"orderSummary": {"subTotal": "42.00","totalTax": "0.00","totalDiscount": "0.00","grandTotal": "42.00"},
"orderDate": "` + date + `",
"sendOrderBy": {"sms": false,"email": true},
"receiptPrint": false,
"customerDetails": {"type": "private","countryCode": "+47","msisdn": "46567468","email": "customer@email.com","customerUuid": null,
"name": "Kari Nordmann","preferredLanguage": "en","personalNumber": null,"organizationId": null,
"address": {"street": "Luramyrveien 65","zip": "4313","city": "Sandnes","country": "NO"}},
"invoiceReferences": {"referenceNo": "","customerReference": "3500","customerNotes": "","tnc": ""}
}`
}

// order publishes the example order.
func (w *world) order(terminal, id string) {
	w.send(terminal, "orders", fmt.Sprintf(`{"requestId":%q,"order":%s}`, id, exampleOrder(time.Now().Format("02 Jan, 2006"))))
}

func (w *world) send(terminal, kind, payload string) {
	w.broker.Publish(mqtt.Message{Topic: "tillpost/terminals/" + terminal + "/" + kind, Payload: []byte(payload)})
}

// status is a status message as a till reads it.
type status struct {
	RequestID string `json:"requestId"`
	State     string `json:"state"`
	Final     bool   `json:"final"`
	Revision  int    `json:"revision"`
	OrderUUID string `json:"orderUuid"`
	Late      bool   `json:"late"`
	Position  int    `json:"queuePosition"`
	Waiting   *struct {
		Code     string
		Attempts int
	}
	Reason *struct{ Code, Message string }
}

// now is the retained status of a request, zero if there is none.
func (w *world) now(terminal, id string) (s status) {
	w.Helper()
	raw, ok := w.broker.Retained("tillpost/terminals/" + terminal + "/status/" + id)
	if ok {
		if err := json.Unmarshal(raw, &s); err != nil {
			w.Fatal(err)
		}
	}
	return s
}

// until waits, in the bubble's time, for a request to be in a state.
func (w *world) until(within time.Duration, terminal, id, state string) status {
	w.Helper()
	var s status
	if !w.eventually(within, func() bool { s = w.now(terminal, id); return s.State == state }) {
		w.Fatalf("%s is %+v (waiting %+v, reason %+v) after %v, want %s\n%s", id, s, s.Waiting, s.Reason, within, state, strings.Join(w.published(id), "\n"))
	}
	return s
}

func (w *world) untilWaiting(within time.Duration, terminal, id, code string) {
	w.Helper()
	if !w.eventually(within, func() bool { s := w.now(terminal, id); return s.Waiting != nil && s.Waiting.Code == code }) {
		w.Fatalf("%s is %+v, want it waiting for %s\n%s", id, w.now(terminal, id), code, strings.Join(w.published(id), "\n"))
	}
}

func (w *world) eventually(within time.Duration, is func() bool) bool {
	for end := time.Now().Add(within); ; time.Sleep(20 * time.Millisecond) {
		synctest.Wait()
		if is() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// published lists every status message of a request, as published.
func (w *world) published(id string) []string {
	var all []string
	for _, m := range w.broker.Log() {
		if strings.HasSuffix(m.Topic, "/status/"+id) {
			all = append(all, string(m.Payload))
		}
	}
	return all
}

// states lists the states of a request in the order published, repeats left out.
func (w *world) states(id string) []string {
	var all []string
	for _, raw := range w.published(id) {
		var s status
		if err := json.Unmarshal([]byte(raw), &s); err == nil && (len(all) == 0 || all[len(all)-1] != s.State) {
			all = append(all, s.State)
		}
	}
	return all
}

// rejects lists the reasons published on the rejects topic.
func (w *world) rejects() []string {
	var all []string
	for _, m := range w.broker.Log() {
		if m.Topic == "tillpost/rejects" {
			var r struct{ Reason struct{ Code string } }
			if err := json.Unmarshal(m.Payload, &r); err == nil {
				all = append(all, r.Reason.Code)
			}
		}
	}
	return all
}

// agentState is what the agent's retained message says.
func (w *world) agentState() (state string, problems []string) {
	raw, _ := w.broker.Retained("tillpost/agent")
	var s struct {
		State    string
		Problems []struct{ Code string }
	}
	_ = json.Unmarshal(raw, &s)
	for _, p := range s.Problems {
		problems = append(problems, p.Code)
	}
	return s.State, problems
}

func (w *world) eventuallyOrFail(is func() bool) {
	w.Helper()
	if !w.eventually(30*time.Second, is) {
		w.Fatal("it does not come to pass")
	}
}

// untilProblem waits for a problem to be published, which may take the pace of the summaries.
func (w *world) untilProblem(code string) {
	w.Helper()
	if !w.eventually(time.Second, func() bool { _, p := w.agentState(); return slices.Contains(p, code) }) {
		_, p := w.agentState()
		w.Fatalf("problems %v, want %s among them", p, code)
	}
}
