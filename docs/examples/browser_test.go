package examples

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"tillpost/agent"
	"tillpost/agent/config"
	"tillpost/api/simulator"
	"tillpost/internal/proctest"
)

// webShop is an agent with the broker inside it, for tills that speak WebSockets, and a simulated API.
type webShop struct {
	*testing.T
	sim *simulator.Simulator
	url string // ws://…/mqtt
	cfg *config.Config
	log *proctest.Output
	// stop ends the agent, once.
	stop func()
}

const webShopConfig = `
[api]
base_url = "http://%s/api/v1"
token_file = %q
organization_uuid = "ORG1"
[mqtt.embedded]
listen = "127.0.0.1:0"
websocket_listen = %q
websocket_origins = [%s]
[outbox]
path = %q
[http]
listen = "127.0.0.1:0"
[policy]
poll_interval = "100ms"
`

// openWebShop runs one until the test ends; origins are quoted.
func openWebShop(t *testing.T, origins string) *webShop {
	t.Helper()
	s := &webShop{T: t}
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
	dir, addr := t.TempDir(), proctest.FreeAddr(t)
	tokenFile := filepath.Join(dir, "token")
	if err := os.WriteFile(tokenFile, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(webShopConfig, listener.Addr(), tokenFile, addr, origins, filepath.Join(dir, "outbox.db"))
	cfg, err := config.Parse("test.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s.cfg, s.log, s.url = cfg, proctest.NewOutput(0, token), "ws://"+addr+"/mqtt"
	s.start()
	t.Cleanup(func() {
		s.stop()
		s.log.Check(t, "the agent")
	})
	return s
}

// start runs the agent until stop is called.
func (s *webShop) start() {
	s.Helper()
	a, err := agent.New(agent.Options{
		Config: s.cfg, Version: "test", NoHTTP: true,
		Logger: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		s.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			s.Errorf("the agent ended: %v", err)
		}
	})
}

// TestTillOverWebSockets: MQTT.js in Node.js takes a payment and pays it back through the embedded broker's WebSockets.
func TestTillOverWebSockets(t *testing.T) {
	t.Parallel()
	command := javascript(t)
	s := openWebShop(t, "")
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	command = append(command, "--broker", s.url, "--terminal", terminal, "--patience", "1")
	out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "refund  refunded: The money is on its way back.") {
		t.Errorf("%v\n%s", err, out)
	}
}

// version5 connects with MQTT 5, and says what it hears of a request that is refused and of a subscription that can't be had.
const version5 = `
import mqtt from 'mqtt'
const client = await mqtt.connectAsync(process.argv[1], { protocolVersion: 5, reconnectPeriod: 0 })
client.on('packetreceive', packet => {
  const { cmd, reasonCode, granted, properties } = packet
  if (['puback', 'pubrec', 'suback'].includes(cmd)) console.log(cmd, reasonCode ?? granted, JSON.stringify(properties))
})
const request = ['tillpost/terminals/TRML1000000001/orders', '{"requestId":"r1"}', { qos: Number(process.argv[2]) }]
await client.publishAsync(...request).then(() => console.log('taken'), error => console.log('refused', error.code))
await client.subscribeAsync('$share/g/tillpost/agent').catch(() => {})
await client.endAsync()
`

// TestVersion5OverWebSockets: MQTT.js hands the reason code of a refusal on to the till.
func TestVersion5OverWebSockets(t *testing.T) {
	t.Parallel()
	command := javascript(t)
	s := openWebShop(t, "")
	for _, qos := range []string{"1", "2"} {
		ctx, cancel := context.WithTimeout(t.Context(), bound)
		defer cancel()
		till := exec.CommandContext(ctx, command[0], "--input-type=module", "-e", version5, s.url, qos)
		till.Dir = "javascript"
		out, err := till.CombinedOutput()
		for _, want := range []string{`"reasonString":"invalidRequest: /order is missing`, `"userProperties":{"code":"invalidRequest"}`, "refused 131", "suback [ 158 ]"} {
			if err != nil || !strings.Contains(string(out), want) {
				t.Errorf("QoS %s: %v, want %s\n%s", qos, err, want, out)
			}
		}
	}
}

// browse opens a browser, which ends with the test.
func browse(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		proctest.Lacks(t, "chromium is not installed: apt install chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox)
	ctx, end := context.WithTimeout(context.Background(), 2*bound)
	t.Cleanup(end)
	ctx, end = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(end)
	ctx, end = chromedp.NewContext(ctx)
	t.Cleanup(end)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("the browser does not start: %v", err)
	}
	return ctx
}

// servePage serves the page as a shop's web server would, with MQTT.js of one of the examples.
func servePage(t *testing.T) *httptest.Server {
	t.Helper()
	library := ""
	for _, folder := range []string{"browser", "javascript"} {
		path := folder + "/node_modules/mqtt/dist/mqtt.min.js"
		if _, err := os.Stat(path); err == nil && library == "" {
			library = path
		}
	}
	if library == "" {
		proctest.Lacks(t, "mqtt for Node.js is not installed: npm ci, in docs/examples/browser or docs/examples/javascript")
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir("browser")))
	mux.HandleFunc("/node_modules/mqtt/dist/mqtt.min.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, library) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// page is a browser with the till open.
type page struct {
	*testing.T
	ctx context.Context
}

func (p *page) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	// Its own bound leaves time to say what the page shows instead.
	ctx, cancel := context.WithTimeout(p.ctx, bound)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		text, _ := chromedp.Run(p.ctx, chromedp.Text(chromedp.CSS("body")))
		p.Fatalf("%s: %v; the page says:\n%s", what, err, text)
	}
}

func (p *page) text(selector string) string {
	p.Helper()
	text, err := chromedp.Run(p.ctx, chromedp.Text(chromedp.CSS(selector)))
	if err != nil {
		p.Fatalf("reading %s: %v", selector, err)
	}
	return text
}

func (p *page) attribute(selector, name string) string {
	p.Helper()
	attribute, err := chromedp.Run(p.ctx, chromedp.AttributeValue(chromedp.CSS(selector), name))
	if err != nil || !attribute.Exists {
		p.Fatalf("reading %s of %s: %v", name, selector, err)
	}
	return attribute.Value
}

func (p *page) shows(selector string) {
	p.Helper()
	p.do("waiting for "+selector, chromedp.WaitVisible(chromedp.CSS(selector)))
}

// open connects the page to the shop.
func (p *page) open(address, broker string) {
	p.Helper()
	p.do("opening the page", chromedp.Navigate(address), chromedp.SetValue(chromedp.CSS(`[name=broker]`), broker), chromedp.Click(chromedp.CSS("#connect")))
}

// connectedPage is the page in a browser, connected to a shop whose customer comes later.
func connectedPage(t *testing.T) (*page, *webShop) {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes a while")
	}
	p := &page{t, browse(t)}
	server := servePage(t)
	s := openWebShop(t, fmt.Sprintf("%q", server.URL))
	if err := s.sim.SetNextCustomers(terminal, simulator.WalkAway()); err != nil {
		t.Fatal(err)
	}
	p.open(server.URL, s.url)
	p.shows(`#line[data-connected=yes]`)
	return p, s
}

// TestPage is a sale in a browser: the page is reloaded while the customer has not paid yet, and again while the money goes
// back, and pays once.
func TestPage(t *testing.T) {
	t.Parallel()
	p, s := connectedPage(t)
	p.do("paying", chromedp.Click(chromedp.CSS("#pay")))
	p.shows(`#order[data-state=awaiting_customer]`)
	id := p.attribute("#order", "data-request")
	p.do("reloading", chromedp.Reload())
	p.shows(`#order[data-state=awaiting_customer]`)
	if err := s.sim.Settle(s.sim.Orders()[0].UUID, simulator.Pays); err != nil {
		t.Fatal(err)
	}
	p.shows(`#order[data-state=paid]`)
	if again := p.attribute("#order", "data-request"); again != id {
		t.Errorf("after the reload it is another payment: %s, then %s", id, again)
	}
	p.do("paying back", chromedp.Click(chromedp.CSS("#refund")))
	p.shows(`#refunded:not([hidden])`)
	p.do("reloading", chromedp.Reload())
	p.shows(`#refunded[data-state=refunded]`)
	if words := p.text("#refunded .words"); !strings.Contains(words, "The money is on its way back.") {
		t.Errorf("the cashier reads %q", words)
	}
	if orders := s.sim.Orders(); len(orders) != 1 || len(orders[0].Refunds) != 1 {
		t.Errorf("%d orders at the API, want 1 with 1 refund: %+v", len(orders), orders)
	}
	p.do("taking the next customer", chromedp.Click(chromedp.CSS("#next")))
	p.shows("#sale")
}

// TestPageOverRestart: tillpost is gone while the customer pays. The page waits, and shows the end when it is back.
func TestPageOverRestart(t *testing.T) {
	t.Parallel()
	p, s := connectedPage(t)
	p.do("paying, twice in a hurry", chromedp.Click(chromedp.CSS("#pay")), chromedp.Evaluate[chromedp.Void](`document.querySelector('#sale').requestSubmit()`))
	p.shows(`#order[data-state=awaiting_customer]`)
	s.stop()
	p.shows(`#line[data-connected=no]`)
	if err := s.sim.Settle(s.sim.Orders()[0].UUID, simulator.Pays); err != nil {
		t.Fatal(err)
	}
	p.do("reloading without tillpost", chromedp.Reload())
	p.shows(`#order[data-state=awaiting_customer]`)
	s.start()
	p.shows(`#order[data-state=paid]`)
	if n := len(s.sim.Orders()); n != 1 {
		t.Errorf("%d orders at the API", n)
	}
}

// TestPageOfAnotherOrigin: a page that is not named in the configuration can't connect, and can do nothing.
func TestPageOfAnotherOrigin(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a browser takes a while")
	}
	p := &page{t, browse(t)}
	s := openWebShop(t, `"https://till.shop.example"`)
	p.open(servePage(t).URL, s.url)
	if !proctest.Eventually(bound, func() bool { return strings.Contains(p.text("#line"), "is this page among its websocket_origins?") }) {
		t.Errorf("the page says %q", p.text("#line"))
	}
	if p.attribute("#line", "data-connected") != "no" {
		t.Error("it is connected")
	}
}
