package probe_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/govalues/decimal"

	"tillpost/agent/probe"
	"tillpost/api"
	"tillpost/api/simulator"
)

const (
	terminal = "TRML1000000001"
	customer = `{"type":"private","name":"Walk-in","countryCode":"+47","msisdn":"40000000","email":"receipts@shop.example","address":{"street":"Street 1","zip":"0001","city":"Oslo","country":"NO"}}`
	callback = "http://127.0.0.1:9721/callback/probe"
)

// What the probe asks.
const (
	listed     = "do terminal orders show in the list"
	positionIn = "where does a new order stand in the list"
	referenced = "do details show our reference"
	numbered   = "do details show the products' numbers"
	pending    = "what is an order called that waits for the customer"
	stores     = "does a create on a busy terminal store an order"
	asked      = "is the refund status asked by POST or GET"
	rate       = "what do the headers say of the rate"
	callbacks  = "do callbacks come"
)

// transport is a function for a network.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// world is a simulated API, and what a probe found there.
type world struct {
	*testing.T
	sim     *simulator.Simulator
	answers map[string]probe.Answer
	probe.Report
}

// ask probes a simulated API on the bubble's clock, for two minutes, with a look a second. Before it begins, prepare may
// do something at the API.
func ask(t *testing.T, o simulator.Options, prepare func(*simulator.Simulator)) *world {
	t.Helper()
	var heard atomic.Int64
	url := ""
	if o.Callbacks != nil {
		url = callback
		o.Callbacks = &http.Client{Transport: transport(func(*http.Request) (*http.Response, error) {
			heard.Add(1)
			return httptest.NewRecorder().Result(), nil
		})}
	}
	o.Terminals = []simulator.Terminal{{UUID: terminal, Name: "One"}}
	sim := simulator.New(o)
	t.Cleanup(sim.Close)
	if prepare != nil {
		prepare(sim)
	}
	l := sim.ListenPipe()
	server := &http.Server{Handler: sim, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	client, err := api.New(api.Options{
		BaseURL: "http://127.0.0.1/api/v1", Token: func() (string, error) { return "token", nil }, RequestsPerMinute: 100000, DialContext: l.DialContext,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	raw := &http.Transport{DialContext: l.DialContext}
	t.Cleanup(raw.CloseIdleConnections)
	marks := 0
	w := &world{T: t, sim: sim, answers: map[string]probe.Answer{}}
	w.Report, err = probe.Run(t.Context(), probe.Options{
		Client: client, Terminal: terminal, Amount: "1.00", Customer: json.RawMessage(customer), OrderDate: time.Now().Format("02 Jan, 2006"),
		CallbackURL: url, Callbacks: func() int { return int(heard.Load()) },
		Mark:  func() string { marks++; return fmt.Sprintf("probe-mark-%d", marks) },
		Watch: 2 * time.Minute, Pace: time.Second, Say: t.Logf,
		Raw: func(ctx context.Context, method, path string) (*http.Response, error) {
			r, err := http.NewRequestWithContext(ctx, method, "http://127.0.0.1/api/v1/"+path, http.NoBody)
			if err != nil {
				return nil, err
			}
			return raw.RoundTrip(r)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range w.Answers {
		w.answers[a.Question] = a
	}
	return w
}

// wants compares some of the answers' values.
func (w *world) wants(want map[string]string) {
	w.Helper()
	for question, value := range want {
		if a, ok := w.answers[question]; !ok || fmt.Sprint(a.Value) != value {
			w.Errorf("%s: %v (%s), want %s", question, a.Value, a.Answer, value)
		}
	}
}

// says compares the words of an answer.
func (w *world) says(question, want string) {
	w.Helper()
	if got := w.answers[question].Answer; got != want {
		w.Errorf("%s: %q, want %q", question, got, want)
	}
}

// sets compares some of the settings, "" being none.
func (w *world) sets(want map[string]string) {
	w.Helper()
	got := map[string]string{}
	for _, s := range w.Settings {
		got[s.Key] = s.Value
	}
	for key, value := range want {
		if got[key] != value {
			w.Errorf("%s is set to %q, want %q", key, got[key], value)
		}
	}
}

// ended fails if an order is still on the terminal, or is left to a person.
func (w *world) ended() {
	w.Helper()
	if len(w.Left) > 0 {
		w.Errorf("left are %q", w.Left)
	}
	for _, o := range w.sim.Orders() {
		if o.Status == simulator.Sent && len(o.Calls) > 0 {
			w.Errorf("%s is still on its terminal", o.UUID)
		}
	}
}

// elsewhere places orders that are none of the probe's.
func elsewhere(t *testing.T, sim *simulator.Simulator, n int, reference string) {
	t.Helper()
	for range n {
		if _, err := sim.PlaceElsewhere(simulator.Elsewhere{Terminal: "TRML9", Amount: decimal.MustNew(100, 2), Status: simulator.Paid, Reference: reference}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnAPIThatShowsEverything(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := ask(t, simulator.Options{Customer: simulator.WalkAway(), RateLimit: 200}, nil)
		w.ended()
		w.wants(map[string]string{
			listed: "yes", positionIn: "unknown", referenced: "yes", numbered: "yes", pending: "[SENT]", stores: "no", asked: "both", callbacks: "unknown",
		})
		w.sets(map[string]string{
			"policy.busy_means": `"not_created"`, "api.requests_per_minute": "150", "callback.public_url": "", "policy.doubt_check": "",
		})
	})
}

func TestAnAPIThatHidesOrders(t *testing.T) {
	t.Parallel()
	for how, list := range map[simulator.Lookups]string{
		simulator.LookupsForbidden: "the list can't be read: refused (HTTP 403) forbidden",
		simulator.LookupsHidden:    "no, not within 2m0s; the list was answered accepted (HTTP 404) orderNotFound",
	} {
		t.Run(string(how), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := ask(t, simulator.Options{Customer: simulator.WalkAway(), Lookups: how}, nil)
				w.ended()
				w.wants(map[string]string{listed: "no", positionIn: "unknown", referenced: "unknown", numbered: "unknown", pending: "[SENT]", stores: "unknown"})
				w.says(listed, list)
				w.sets(map[string]string{"policy.busy_means": `"doubt"`, "callback.public_url": "…"})
			})
		})
	}
}

// TestSomebodyIsQuicker: what is paid is paid back.
func TestSomebodyIsQuicker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := ask(t, simulator.Options{}, nil)
		w.ended()
		for _, o := range w.sim.Orders() {
			if len(o.Refunds) != 1 {
				t.Errorf("%s is %s, with %d refunds", o.UUID, o.Status, len(o.Refunds))
			}
		}
		w.wants(map[string]string{stores: "accepted", pending: "[]"})
		w.sets(map[string]string{"policy.busy_means": `"doubt"`})
	})
}

// TestWhatIsPaidAndHasNoNumber can't be paid back by the probe, and is left to a person by name.
func TestWhatIsPaidAndHasNoNumber(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := ask(t, simulator.Options{Lag: simulator.Lag{Numbers: -1}}, nil)
		orders := w.sim.Orders()
		if len(orders) != 2 || len(w.Left) != 2 || w.Left[0] != orders[0].UUID || w.Left[1] != orders[1].UUID {
			t.Errorf("left are %q of %d orders", w.Left, len(orders))
		}
	})
}
