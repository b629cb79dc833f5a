package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/internal/proctest"
	"tillpost/mqtt"
	"tillpost/mqtt/mqtttest"
)

const (
	token        = "tok-7f3a-e2e-secret"
	newToken     = "tok-91bc-e2e-secret"
	organization = "ORG2074299506"
	// exampleTerminal is the one of the API's own example.
	exampleTerminal = "TRML1216693970"
	// soon is how long anything may take that has no time of its own.
	soon = proctest.Patience
)

// shop says what a world is made of. The zero value is two terminals and customers who pay at once.
type shop struct {
	terminals int
	customer  simulator.Customer
	policy    string // lines of [policy], beside the short times that all have
	timeout   string // of a call to the API; 5s unless said otherwise
	tables    string // further tables of the configuration
	broker    mqtttest.MosquittoOptions
	embedded  bool // over the embedded broker, whatever the run is over
}

// world is a shop: a broker, the simulated API, the agent as a process, and a till that hears everything.
type world struct {
	*testing.T
	shop    shop
	dir     string
	zone    *time.Location
	broker  *mqtttest.Mosquitto // nil where the agent is the broker
	sim     *simulator.Simulator
	apiAddr string
	web     string
	till    *mqtttest.Till
	heard   *ledger
	agent   *proctest.Process
	ledgers []*ledger
	// brokerAddr is host:port of either broker.
	brokerAddr string
	// webSocketAddr is where the embedded one takes WebSockets.
	webSocketAddr string
	// unfollow ends what the till adds to heard.
	unfollow func()
}

// newWorld makes a shop and starts its agent.
func newWorld(t *testing.T, s shop) *world {
	t.Helper()
	w := emptyWorld(t, s)
	w.start()
	return w
}

// emptyWorld is a shop whose agent does not run yet.
func emptyWorld(t *testing.T, s shop) *world {
	t.Helper()
	s.terminals = cmp.Or(s.terminals, 2)
	w := &world{T: t, shop: s, dir: t.TempDir(), zone: proctest.AwayFromMidnight(t), web: proctest.FreeAddr(t)}
	w.openBroker()
	w.simulate()
	w.write("token", token)
	w.configure(w.apiAddr)
	t.Cleanup(w.check)
	return w
}

// simulate serves the API.
func (w *world) simulate() {
	w.Helper()
	o := simulator.Options{
		Token: token, Organization: organization, Customer: w.shop.customer, Location: w.zone,
		Callbacks: &http.Client{Timeout: soon}, Thresholds: &simulator.Thresholds{}, Terminals: []simulator.Terminal{{UUID: exampleTerminal, Name: "Example"}},
	}
	for i := range w.shop.terminals {
		o.Terminals = append(o.Terminals, simulator.Terminal{UUID: terminal(i), Name: fmt.Sprintf("Counter %d", i)})
	}
	w.sim = simulator.New(o)
	w.apiAddr = w.serve(proctest.FreeAddr(w))
	w.Cleanup(w.sim.Close)
}

// serve opens an address of the API; there may be several.
func (w *world) serve(addr string) string {
	w.Helper()
	l, err := w.sim.Listen(w.Context(), addr)
	if err != nil {
		w.Fatal(err)
	}
	proctest.Serve(w, l, w.sim)
	return l.Addr().String()
}

// listen connects a till, with a new ledger.
func (w *world) listen() {
	w.Helper()
	w.newLedger()
	w.connect()
}

func (w *world) newLedger() {
	w.heard = newLedger()
	w.ledgers = append(w.ledgers, w.heard)
	w.unfollow = func() {}
}

// connect connects a till that goes on with the ledger where its former connection ended.
func (w *world) connect() {
	w.Helper()
	w.unfollow()
	w.till = mqtttest.Connect(w, "tcp://"+w.brokerAddr)
	w.unfollow = w.heard.follow(w.till.Watch("shop/#"))
	w.Cleanup(w.unfollow)
}

func (w *world) write(name, text string) {
	w.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
}

// read gives what was written.
func (w *world) read(name string) string {
	w.Helper()
	raw, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		w.Fatal(err)
	}
	return string(raw)
}

// configure writes the configuration, with the API at an address.
func (w *world) configure(apiAddr string) {
	w.Helper()
	w.write("tillpost.toml", fmt.Sprintf(`
[store]
name = "E2E"
timezone = "%s"
[api]
base_url = "http://%s/api/v1"
token_file = "token"
organization_uuid = %q
requests_per_minute = 100000
timeout = %q
%s
[outbox]
path = "outbox.db"
[http]
listen = %q
[log]
level = "debug"
[policy]
poll_interval = "50ms"
busy_backoff_min = "50ms"
busy_backoff_max = "500ms"
%s
%s
`, w.zone, apiAddr, organization, cmp.Or(w.shop.timeout, "5s"), w.mqttTables(), w.web, w.shop.policy, w.shop.tables))
}

// start runs the agent and returns when it has told that it is there.
func (w *world) start() {
	w.Helper()
	before := len(w.heard.messages("shop/agent"))
	w.agent = start(w, w.dir, "run", "--config", "tillpost.toml")
	if w.embedded() {
		w.letIn()
	}
	w.until(soon, "the agent to be there", func() bool {
		if !w.agent.Running() {
			w.Fatalf("the agent ended with %d", w.agent.Code())
		}
		state, _ := w.agentState()
		return len(w.heard.messages("shop/agent")) > before && (state == "online" || state == "degraded")
	})
}

// stop ends the agent in order.
func (w *world) stop() {
	w.Helper()
	if code := w.agent.Stop(); code != 0 {
		w.Errorf("the agent ended with %d", code)
	}
}

func (w *world) restart() {
	w.Helper()
	w.stop()
	w.start()
}

// crash is kill -9 and a new start.
func (w *world) crash() {
	w.Helper()
	w.agent.Kill()
	w.start()
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func terminal(i int) string { return fmt.Sprintf("TRML10000000%02d", i) }

// send publishes what a till publishes.
func (w *world) send(terminal, segment, payload string) {
	w.Helper()
	w.till.Publish(mqtt.Message{Topic: "shop/terminals/" + terminal + "/" + segment, Payload: []byte(payload)})
}

// order publishes the example order, with room for a mark.
func (w *world) order(terminal, id string) {
	w.Helper()
	w.send(terminal, "orders", request(id, "order", example(w.today(), id)))
}

// sale has an order paid and gives its uuid.
func (w *world) sale(terminal, id string) string {
	w.Helper()
	w.order(terminal, id)
	return w.untilState(soon, terminal, id, "paid").OrderUUID
}

// today is the shop's date, as the API writes it.
func (w *world) today() string {
	return time.Now().In(w.zone).Format("02 Jan, 2006")
}

// now is the latest status of a request, zero if none was told.
func (w *world) now(terminal, id string) (s status) {
	w.Helper()
	raw := w.heard.on("shop/terminals/" + terminal + "/status/" + id)
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &s); err != nil {
			w.Fatal(err)
		}
	}
	return s
}

// agentState is the latest word of the agent on itself.
func (w *world) agentState() (state string, problems []string) {
	var s struct {
		State    string
		Problems []struct{ Code string }
	}
	_ = json.Unmarshal(w.heard.on("shop/agent"), &s)
	for _, p := range s.Problems {
		problems = append(problems, p.Code)
	}
	return s.State, problems
}

func (w *world) until(within time.Duration, what string, is func() bool) {
	w.Helper()
	if !proctest.Eventually(within, is) {
		state, problems := w.agentState()
		w.Fatalf("waited %v for %s; the agent is %s %v", within, what, state, problems)
	}
}

// untilState waits for a request to be in a state.
func (w *world) untilState(within time.Duration, terminal, id, state string) status {
	w.Helper()
	return w.untilStatus(within, terminal, id, state, func(s status) bool { return s.State == state })
}

func (w *world) untilWaits(within time.Duration, terminal, id, code string) status {
	w.Helper()
	return w.untilStatus(within, terminal, id, "waiting for "+code, func(s status) bool { return s.waits() == code })
}

func (w *world) untilStatus(within time.Duration, terminal, id, what string, is func(status) bool) (s status) {
	w.Helper()
	if !proctest.Eventually(within, func() bool { s = w.now(terminal, id); return is(s) }) {
		w.Fatalf("%s is %q (waits %q, reason %q) after %v, not %s; told %v", id, s.State, s.waits(), s.reason(), within, what, w.heard.states(id))
	}
	return s
}

// untilTold waits for something to have been told of a request at any time, which may not be so for long.
func (w *world) untilTold(id, what string, is func(status) bool) {
	w.Helper()
	if !proctest.Eventually(soon, func() bool { return slices.ContainsFunc(w.heard.told(id), is) }) {
		w.Fatalf("%s was never %s; told %v", id, what, w.heard.states(id))
	}
}

func (w *world) untilProblem(within time.Duration, code string) {
	w.Helper()
	w.until(within, "the problem "+code, func() bool {
		state, problems := w.agentState()
		return state == "degraded" && slices.Contains(problems, code)
	})
}

func (w *world) untilOnline(within time.Duration) {
	w.Helper()
	w.until(within, "online", func() bool { state, _ := w.agentState(); return state == "online" })
}

// down cuts the API off, or brings it back.
func (w *world) down(is bool) {
	w.Helper()
	w.must(w.sim.SetDown(is))
}

// customers says who comes next to a terminal.
func (w *world) customers(terminal string, c ...simulator.Customer) {
	w.Helper()
	w.must(w.sim.SetNextCustomers(terminal, c...))
}

// get reads a page of the agent.
func (w *world) get(path string) (code int, text string) {
	w.Helper()
	return proctest.Get(w, "http://"+w.web+path)
}

// history are the states that a request went through, as the agent shows them. A till that was not connected all the
// time may not have heard of each.
func (w *world) history(id string) (states []string) {
	w.Helper()
	code, text := w.get("/api/v1/requests/" + id)
	var r struct{ History []struct{ State string } }
	if err := json.Unmarshal([]byte(text), &r); err != nil || code != http.StatusOK {
		w.Fatalf("the history of %s: %d %s", id, code, text)
	}
	for _, e := range r.History {
		states = append(states, e.State)
	}
	return states
}
