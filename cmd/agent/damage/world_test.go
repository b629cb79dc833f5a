package damage

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/internal/proctest"
	"tillpost/mqtt"
	"tillpost/mqtt/mqtttest"
)

const (
	token = "tok-damage-secret"
	oslo  = "TRML1000000001"
)

// world is mosquitto, the simulated API, and the agent as a process.
type world struct {
	*testing.T
	dir    string // the configuration's and, unless a test says otherwise, the outbox's
	zone   *time.Location
	broker *mqtttest.Mosquitto
	sim    *simulator.Simulator
	api    string
	web    string
	till   *mqtttest.Till
	agent  *proctest.Process
	before string

	mu    sync.Mutex
	heard map[string][]byte
}

// newWorld makes one whose agent does not run yet.
func newWorld(t *testing.T) *world {
	t.Helper()
	if testing.Short() {
		t.Skip("runs processes for a while; left out by -short")
	}
	w := &world{T: t, dir: t.TempDir(), zone: proctest.AwayFromMidnight(t), web: proctest.FreeAddr(t), heard: map[string][]byte{}}
	w.broker = mqtttest.StartMosquitto(t, mqtttest.MosquittoOptions{})
	w.sim = simulator.New(simulator.Options{
		Token: token, Organization: "ORG1", Customer: simulator.Pay(50 * time.Millisecond), Location: w.zone,
		Terminals: []simulator.Terminal{{UUID: oslo, Name: "Oslo"}, {UUID: "TRML1000000002", Name: "Bergen"}},
	})
	t.Cleanup(w.sim.Close)
	w.api = "http://" + w.serve(nil)
	w.configure("outbox.db")
	w.listen()
	return w
}

// serve opens an address of the API, with or without TLS.
func (w *world) serve(config *tls.Config) string {
	w.Helper()
	var l net.Listener
	l, err := w.sim.Listen(w.Context(), proctest.FreeAddr(w))
	if err != nil {
		w.Fatal(err)
	}
	addr := l.Addr().String()
	if config != nil {
		l = tls.NewListener(l, config)
	}
	proctest.Serve(w, l, w.sim)
	return addr
}

// configure writes the configuration; more are further lines of [api].
func (w *world) configure(outbox string, more ...string) {
	w.Helper()
	w.write("tillpost.toml", fmt.Sprintf(`
[store]
timezone = "%s"
[api]
base_url = "%s/api/v1"
organization_uuid = "ORG1"
requests_per_minute = 100000
timeout = "5s"
%s
[mqtt]
url = %q
[outbox]
path = %q
[http]
listen = %q
[policy]
poll_interval = "50ms"
`, w.zone, w.api, strings.Join(more, "\n"), w.broker.URL, outbox, w.web))
}

func (w *world) write(name, text string) {
	w.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
}

// listen connects a till that keeps the latest message of each topic.
func (w *world) listen() {
	w.Helper()
	w.till = mqtttest.Connect(w, w.broker.URL)
	messages := w.till.Watch("tillpost/#")
	stop := make(chan struct{})
	w.Cleanup(func() { close(stop) })
	go func() {
		for {
			select {
			case m := <-messages:
				w.mu.Lock()
				w.heard[m.Topic] = m.Payload
				w.mu.Unlock()
			case <-stop:
				return
			}
		}
	}()
}

// start runs the agent and returns when it has told that it is there.
func (w *world) start() {
	w.Helper()
	w.forget("tillpost/agent")
	w.agent = start(w, w.dir, w.before, "run", "--config", "tillpost.toml")
	w.until("the agent to be there", func() bool {
		if !w.agent.Running() {
			w.Fatalf("the agent ended with %d", w.agent.Code())
		}
		state, _ := w.state()
		return state == "online" || state == "degraded"
	})
}

func (w *world) stop() {
	w.Helper()
	if code := w.agent.Stop(); code != 0 {
		w.Errorf("the agent ended with %d", code)
	}
}

func (w *world) forget(topic string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.heard, topic)
}

func (w *world) latest(topic string, v any) {
	w.Helper()
	w.mu.Lock()
	raw := w.heard[topic]
	w.mu.Unlock()
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, v); err != nil {
			w.Fatal(err)
		}
	}
}

// state is the agent's word on itself.
func (w *world) state() (state string, problems map[string]string) {
	w.Helper()
	var s struct {
		State    string
		Problems []struct{ Code, Message string }
	}
	w.latest("tillpost/agent", &s)
	problems = map[string]string{}
	for _, p := range s.Problems {
		problems[p.Code] = p.Message
	}
	return s.State, problems
}

func (w *world) problem(code string) string {
	w.Helper()
	w.until("the problem "+code, func() bool { _, p := w.state(); return p[code] != "" })
	_, p := w.state()
	return p[code]
}

type status struct {
	State    string
	Revision int
	Waiting  struct{ Code string }
}

func (w *world) now(id string) (s status) {
	w.Helper()
	w.latest("tillpost/terminals/"+oslo+"/status/"+id, &s)
	return s
}

func (w *world) untilState(id string, states ...string) {
	w.Helper()
	if !proctest.Eventually(proctest.Patience, func() bool { return slices.Contains(states, w.now(id).State) }) {
		_, problems := w.state()
		w.Fatalf("%s is %+v, not %v; problems %v", id, w.now(id), states, problems)
	}
}

func (w *world) until(what string, is func() bool) {
	w.Helper()
	if !proctest.Eventually(proctest.Patience, is) {
		state, problems := w.state()
		w.Fatalf("waited %v for %s; the agent is %q %v", proctest.Patience, what, state, problems)
	}
}

// order publishes the API's example order.
func (w *world) order(id string) {
	w.Helper()
	w.till.Publish(mqtt.Message{Topic: "tillpost/terminals/" + oslo + "/orders", Payload: fmt.Appendf(nil, `{"requestId":%q,"order":{
"products":{"0":{"name":"Hair Wash","productId":"VFDDF","quantity":"1","rate":42,"discount":0,"tax":"0","amount":42}},
"orderSummary":{"subTotal":"42.00","totalTax":"0.00","totalDiscount":"0.00","grandTotal":"42.00"},
"sendOrderBy":{"sms":false,"email":true},"receiptPrint":false,
"customerDetails":{"type":"private","countryCode":"+47","msisdn":"46567468","email":"customer@email.com","name":"Kari Nordmann",
"address":{"street":"Luramyrveien 65","zip":"4313","city":"Sandnes","country":"NO"}},
"invoiceReferences":{"customerReference":%q}}}`, id, id)})
}

// once checks that no request has two orders at the API.
func (w *world) once() {
	w.Helper()
	n := map[string]int{}
	for _, o := range w.sim.Orders() {
		var body struct {
			InvoiceReferences struct{ CustomerReference string }
		}
		if err := json.Unmarshal(o.Body, &body); err != nil {
			w.Fatal(err)
		}
		n[body.InvoiceReferences.CustomerReference]++
	}
	for id, orders := range n {
		if orders > 1 {
			w.Errorf("%d orders for %s", orders, id)
		}
	}
}

// get reads a page of the agent.
func (w *world) get(path string) (int, string) {
	w.Helper()
	return proctest.Get(w, "http://"+w.web+path)
}
