package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/cobra"

	"tillpost/agent/config"
	"tillpost/api/simulator"
)

func TestCallLogHasEachCallOnce(t *testing.T) {
	t.Parallel()
	sim := simulator.New(simulator.Options{Token: "test-token"})
	t.Cleanup(sim.Close)
	var out strings.Builder
	calls := &callLog{sim: sim, out: &out}
	get := func(path string) {
		defer func() { _ = recover() }() // an aborted connection
		r := httptest.NewRequestWithContext(t.Context(), "GET", path, nil)
		r.Header.Set("Authorization", "Bearer test-token")
		calls.ServeHTTP(httptest.NewRecorder(), r)
	}
	get("/api/v1/connect/terminal/orders/payment-status/ODR1?to=nowhere")
	sim.Inject(simulator.Fault{Do: simulator.DropAfter()})
	get("/api/v1/connect/orders/status/ODR2")
	get("/api/v1/connect/orders/status/ODR3%1b")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	want := []string{"payment_status ODR1 404", "order_status ODR2 connection closed (fault drop_after)", "order_status ODR3· 404"}
	if len(lines) != len(want) {
		t.Fatalf("%q", lines)
	}
	for i := range want {
		if _, rest, _ := strings.Cut(lines[i], " "); rest != want[i] {
			t.Errorf("line %d: %s, want %s", i, rest, want[i])
		}
	}
}

func defaultSimulateFlags() *simulateFlags {
	f := &simulateFlags{}
	f.register(&cobra.Command{})
	return f
}

func TestSnippetIsAConfiguration(t *testing.T) {
	t.Parallel()
	f := defaultSimulateFlags()
	if err := f.check(); err != nil {
		t.Fatal(err)
	}
	api := &net.TCPAddr{IP: net.IPv4zero, Port: 9730}
	for _, control := range []net.Addr{nil, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9731}} {
		text := f.snippet(api, control)
		cfg, err := config.Parse("sim.toml", []byte(text))
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if cfg.API.BaseURL != "http://127.0.0.1:9730/api/v1" || cfg.API.OrganizationUUID != "ORG1000000001" {
			t.Errorf("%+v", cfg.API)
		}
		if strings.Contains(text, "curl http://127.0.0.1:9731/faults") != (control != nil) {
			t.Errorf("the control endpoint is told wrongly:\n%s", text)
		}
	}
}

// TestTheAPIsClockIsAhead: its replies are dated by it.
func TestTheAPIsClockIsAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, ahead := range []time.Duration{0, 8 * 8760 * time.Hour, -8760 * time.Hour} {
			f := defaultSimulateFlags()
			f.clockAhead = ahead
			if err := f.check(); err != nil {
				t.Fatal(err)
			}
			sim := simulator.New(f.options)
			t.Cleanup(sim.Close)
			w := httptest.NewRecorder()
			sim.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/api/v1/connect/orders/status", nil))
			if got, want := w.Header().Get("Date"), time.Now().Add(ahead).UTC().Format(http.TimeFormat); got != want {
				t.Errorf("ahead by %v: %s, want %s", ahead, got, want)
			}
		}
	})
}

func TestSimulateFlags(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]simulator.Customer{
		"pay:0s": simulator.Pay(0), "decline:1m": simulator.Decline(time.Minute), "walkaway": simulator.WalkAway(),
	} {
		if got, err := parseCustomer(text); got != want || err != nil {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "pay", "pay:", "pay:-1s", "pay:2", "walkaway:2s", "Pay:1s"} {
		if got, err := parseCustomer(text); err == nil {
			t.Errorf("%q is taken for %+v", text, got)
		}
	}
	if got, err := parseTerminal("T1=a=b"); got != (simulator.Terminal{UUID: "T1", Name: "a=b"}) || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{"", "T1", "T1=", "=a", "T 1=a", "T1=a\nb"} {
		if got, err := parseTerminal(text); err == nil {
			t.Errorf("%q is taken for %+v", text, got)
		}
	}
}

func TestControlAddress(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		listen, control string
		port            int
		want            string
	}{
		{"127.0.0.1:9730", "", 9730, "127.0.0.1:9731"},
		{"0.0.0.0:9730", "", 9730, "127.0.0.1:9731"},
		{"127.0.0.1:0", "", 40000, "127.0.0.1:0"},
		{"127.0.0.1:65535", "", 65535, "127.0.0.1:0"},
		{"127.0.0.1:9730", "[::1]:1", 9730, "[::1]:1"},
	} {
		f := &simulateFlags{listen: test.listen, control: test.control}
		if got := f.controlAddress(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: test.port}); got != test.want {
			t.Errorf("%+v: %s", test, got)
		}
	}
}
