package probe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tillpost/agent/probe"
	"tillpost/api"
	"tillpost/api/simulator"
)

const (
	terminal = "TRML1000000001"
	spare    = "TRML1000000002"
	customer = `{"type":"private","name":"Walk-in","countryCode":"+47","msisdn":"40000000","email":"receipts@shop.example","address":{"street":"Street 1","zip":"0001","city":"Oslo","country":"NO"}}`
)

// strange makes an API behave in one way or another.
type strange func(api http.Handler) http.Handler

// run probes a simulated API that is strange.
func run(t *testing.T, o simulator.Options, how strange) (probe.Report, *simulator.Simulator) {
	t.Helper()
	o.Terminals = []simulator.Terminal{{UUID: terminal, Name: "One"}, {UUID: spare, Name: "Two"}}
	sim := simulator.New(o)
	t.Cleanup(sim.Close)
	var handler http.Handler = sim
	if how != nil {
		handler = how(sim)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	client, err := api.New(api.Options{BaseURL: server.URL + "/api/v1", Token: func() (string, error) { return "token", nil }, RequestsPerMinute: 100000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	marks := 0
	report, err := probe.Run(t.Context(), probe.Options{
		Client: client, Terminal: terminal, Amount: "1.00", Customer: json.RawMessage(customer), OrderDate: time.Now().Format("02 Jan, 2006"),
		Mark:  func() string { marks++; return fmt.Sprintf("probe-mark-%d", marks) },
		Watch: 400 * time.Millisecond, Pace: 5 * time.Millisecond, Say: t.Logf,
		Raw: func(ctx context.Context, method, path string) (*http.Response, error) {
			r, err := http.NewRequestWithContext(ctx, method, server.URL+"/api/v1/"+path, http.NoBody)
			if err != nil {
				return nil, err
			}
			return http.DefaultClient.Do(r)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return report, sim
}

func value(t *testing.T, r probe.Report, question string) string {
	t.Helper()
	for _, a := range r.Answers {
		if strings.Contains(a.Question, question) {
			return fmt.Sprint(a.Value)
		}
	}
	t.Fatalf("nobody asked %q", question)
	return ""
}

func setting(r probe.Report, key string) string {
	for _, s := range r.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

// ended fails if an order is still on a terminal.
func ended(t *testing.T, sim *simulator.Simulator, r probe.Report) {
	t.Helper()
	if len(r.Left) > 0 {
		t.Errorf("left are %q", r.Left)
	}
	for _, o := range sim.Orders() {
		if o.Status == "SENT" {
			t.Errorf("%s is still on its terminal", o.UUID)
		}
	}
}

func TestAnAPIThatShowsEverything(t *testing.T) {
	t.Parallel()
	r, sim := run(t, simulator.Options{Customer: simulator.WalkAway(), RateLimit: 200}, nil)
	ended(t, sim, r)
	for question, want := range map[string]string{
		"show in the list": "yes", "our reference": "yes", "numbers": "yes", "busy terminal": "no", "POST or GET": "both", "waits for the customer": "[SENT]", "callbacks": "unknown",
	} {
		if got := value(t, r, question); got != want {
			t.Errorf("%s: %s, want %s", question, got, want)
		}
	}
	if setting(r, "policy.busy_means") != `"not_created"` || setting(r, "api.requests_per_minute") != "150" || setting(r, "callback.public_url") != "" {
		t.Errorf("settings %+v", r.Settings)
	}
}

func TestAnAPIThatHidesOrders(t *testing.T) {
	t.Parallel()
	for _, how := range []simulator.Lookups{simulator.LookupsForbidden, simulator.LookupsHidden} {
		r, sim := run(t, simulator.Options{Customer: simulator.WalkAway(), Lookups: how}, nil)
		ended(t, sim, r)
		if value(t, r, "show in the list") != "no" || value(t, r, "our reference") != "unknown" || value(t, r, "busy terminal") != "unknown" {
			t.Errorf("%s: %+v", how, r.Answers)
		}
		if setting(r, "policy.busy_means") != `"doubt"` || setting(r, "callback.public_url") == "" {
			t.Errorf("%s: settings %+v", how, r.Settings)
		}
	}
}

// A list that lags: the order shows only after some looks.
func TestAListThatLags(t *testing.T) {
	t.Parallel()
	var looks atomic.Int32
	r, sim := run(t, simulator.Options{Customer: simulator.WalkAway()}, func(api http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, rq *http.Request) {
			if strings.HasSuffix(rq.URL.Path, "/connect/orders/status") && looks.Add(1) <= 5 {
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, `{"status_code":200,"status_message":"OK","message":"ok","is_error":false,"data":[],"errors":[]}`)
				return
			}
			api.ServeHTTP(w, rq)
		})
	})
	ended(t, sim, r)
	if value(t, r, "show in the list") != "yes" || value(t, r, "busy terminal") != "no" {
		t.Errorf("%+v", r.Answers)
	}
}

// A busy answer beside which an order comes to exist all the same: it is found, and ended too.
func TestABusyAnswerThatStores(t *testing.T) {
	t.Parallel()
	r, sim := run(t, simulator.Options{Customer: simulator.WalkAway()}, func(api http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, rq *http.Request) {
			if !strings.HasSuffix(rq.URL.Path, "/create") {
				api.ServeHTTP(w, rq)
				return
			}
			body, _ := io.ReadAll(rq.Body)
			ask := func(text []byte) *httptest.ResponseRecorder {
				again := rq.Clone(rq.Context())
				again.Body, again.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
				said := httptest.NewRecorder()
				api.ServeHTTP(said, again)
				return said
			}
			said := ask(body)
			if strings.Contains(said.Body.String(), "Busy") || strings.Contains(said.Body.String(), "busy") {
				ask(bytes.ReplaceAll(body, []byte(terminal), []byte(spare)))
			}
			for key, values := range said.Header() {
				w.Header()[key] = values
			}
			w.WriteHeader(said.Code)
			_, _ = w.Write(said.Body.Bytes())
		})
	})
	ended(t, sim, r)
	if value(t, r, "busy terminal") != "yes" || setting(r, "policy.busy_means") != `"doubt"` || len(sim.Orders()) != 2 {
		t.Errorf("%d orders: %+v %+v", len(sim.Orders()), r.Answers, r.Settings)
	}
}

func TestARefundStatusThatWantsOneMethod(t *testing.T) {
	t.Parallel()
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		r, _ := run(t, simulator.Options{Customer: simulator.WalkAway()}, func(api http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, rq *http.Request) {
				if strings.Contains(rq.URL.Path, "/refund-status/") && rq.Method != method {
					w.WriteHeader(http.StatusMethodNotAllowed)
					return
				}
				api.ServeHTTP(w, rq)
			})
		})
		if got := value(t, r, "POST or GET"); got != method {
			t.Errorf("%s, want %s", got, method)
		}
	}
}

// Somebody is quicker and pays: it is paid back.
func TestAnOrderThatIsPaid(t *testing.T) {
	t.Parallel()
	r, sim := run(t, simulator.Options{}, nil)
	if len(r.Left) > 0 {
		t.Errorf("left are %q", r.Left)
	}
	for _, o := range sim.Orders() {
		if len(o.Refunds) != 1 {
			t.Errorf("%s is %s, with %d refunds", o.UUID, o.Status, len(o.Refunds))
		}
	}
	if value(t, r, "busy terminal") != "accepted" {
		t.Errorf("%+v", r.Answers)
	}
}
