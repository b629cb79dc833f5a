package monitor

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func newTestServer(t *testing.T, change func(*ServerOptions)) *Server {
	t.Helper()
	opts := ServerOptions{
		Listen:  "127.0.0.1:0",
		Metrics: newTestMetrics(),
		Ready:   func() []string { return nil },
		Logger:  slog.New(slog.DiscardHandler),
		Events:  NewEvents(func() {}),
	}
	if change != nil {
		change(&opts)
	}
	s, err := NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func ask(t *testing.T, s *Server, method, path string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody)
	r.Host = "127.0.0.1:9720"
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

func TestPaths(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, nil)
	for _, c := range []struct {
		method, path string
		status       int
		text         string
	}{
		{"GET", "/healthz", 200, "ok\n"},
		{"HEAD", "/healthz", 200, "ok\n"}, // the server, not the handler, drops a HEAD's body
		{"GET", "/readyz", 200, "ready\n"},
		{"POST", "/healthz", 405, "Method Not Allowed\n"},
		{"PUT", "/metrics", 405, "Method Not Allowed\n"},
		{"OPTIONS", "/readyz", 405, "Method Not Allowed\n"},
		{"GET", "/", 404, "404 page not found\n"},
		{"GET", "/healthz/", 404, "404 page not found\n"},
		{"GET", "/debug/vars", 404, "404 page not found\n"},
		{"GET", "/debug/pprof/", 404, "404 page not found\n"},
	} {
		w := ask(t, s, c.method, c.path)
		if w.Code != c.status || w.Body.String() != c.text {
			t.Errorf("%s %s: %d %q, want %d %q", c.method, c.path, w.Code, w.Body, c.status, c.text)
		}
		if got := w.Header().Get("Content-Type"); got != "text/plain; charset=utf-8" {
			t.Errorf("%s %s: Content-Type %q", c.method, c.path, got)
		}
		if got := w.Header().Get("Allow"); c.status == 405 && got != "GET, HEAD" {
			t.Errorf("%s %s: Allow %q", c.method, c.path, got)
		}
	}
}

func TestReadinessTellsTheReasons(t *testing.T) {
	t.Parallel()
	reasons := []string{"broker: not connected", "outbox:\n\tnot open "}
	s := newTestServer(t, func(o *ServerOptions) {
		o.Ready = func() []string { return reasons }
	})
	w := ask(t, s, http.MethodGet, "/readyz")
	const want = "broker: not connected\noutbox: not open\n"
	if w.Code != http.StatusServiceUnavailable || w.Body.String() != want {
		t.Errorf("%d %q, want 503 %q", w.Code, w.Body, want)
	}
	if h := ask(t, s, http.MethodGet, "/healthz"); h.Code != http.StatusOK {
		t.Errorf("/healthz %d while not ready; it tells of the process only", h.Code)
	}
	reasons = nil
	if w := ask(t, s, http.MethodGet, "/readyz"); w.Code != http.StatusOK {
		t.Errorf("%d once nothing is in the way", w.Code)
	}
}

func TestMetricsPage(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, nil)
	s.opts.Metrics.RequestAccepted("refund")
	w := ask(t, s, http.MethodGet, "/metrics")
	if w.Code != http.StatusOK {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	for _, want := range []string{
		`tillpost_build_info{commit="abc1234",date="",goversion="go1.26",version="1.2.3"} 1`,
		`tillpost_requests_accepted_total{kind="refund"} 1`,
		"# TYPE go_goroutines gauge",
	} {
		if !strings.Contains(w.Body.String(), want+"\n") {
			t.Errorf("/metrics lacks %q", want)
		}
	}
}
