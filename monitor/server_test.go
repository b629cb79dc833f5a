package monitor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tillpost/internal/certtest"
)

// usersYAML knows the user "prom" with the password "correct horse"; the cost
// of the hash is the lowest, to keep the test quick.
const usersYAML = `basic_auth_users:
  prom: $2a$04$h52O5X65KdAcYTXjt1N2R.Op9Ys7sdPFvkZu3/4JFSF/KFO5EiU7C
`

// start runs s until the end of the test and returns its address.
func start(t *testing.T, s *Server) string {
	t.Helper()
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return s.listener.Addr().String()
}

func get(t *testing.T, c *http.Client, url, user, password string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		req.SetBasicAuth(user, password)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// newClient returns a client with connections of its own, closed at the end.
func newClient(t *testing.T, config *tls.Config) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: config}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestServesOverTCP(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, nil)
	url := "http://" + start(t, s)
	if strings.HasSuffix(url, ":0") {
		t.Errorf("%q has no real port", url)
	}
	if status, body := get(t, newClient(t, nil), url+"/healthz", "", ""); status != 200 || body != "ok\n" {
		t.Errorf("/healthz: %d %q", status, body)
	}
}

func TestUsersOfTheWebConfig(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, func(o *ServerOptions) {
		o.WebConfigFile = writeFile(t, "web.yml", usersYAML)
	})
	url := "http://" + start(t, s)
	client := newClient(t, nil)
	for _, path := range []string{"/metrics", "/healthz", "/readyz", "/none"} {
		for _, c := range []struct {
			user, password string
			ok             bool
		}{
			{"", "", false},
			{"prom", "wrong", false},
			{"nobody", "correct horse", false},
			{"prom", "correct horse", true},
		} {
			status, _ := get(t, client, url+path, c.user, c.password)
			if (status != http.StatusUnauthorized) != c.ok {
				t.Errorf("%s as %q, %q: %d, want let in: %v", path, c.user, c.password, status, c.ok)
			}
		}
	}
}

func TestTLSOfTheWebConfig(t *testing.T) {
	t.Parallel()
	cert := certtest.New(t, certtest.Options{})
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert.PEM)
	s := newTestServer(t, func(o *ServerOptions) {
		o.WebConfigFile = writeFile(t, "web.yml",
			"tls_server_config: {cert_file: "+cert.CertFile+", key_file: "+cert.KeyFile+"}\n")
	})
	addr := start(t, s)
	client := newClient(t, &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12})
	if status, body := get(t, client, "https://"+addr+"/readyz", "", ""); status != 200 || body != "ready\n" {
		t.Errorf("/readyz: %d %q", status, body)
	}
	if status, _ := get(t, client, "http://"+addr+"/readyz", "", ""); status != http.StatusBadRequest {
		t.Errorf("plain HTTP got %d from a TLS server", status)
	}
}

func TestNewServerRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*ServerOptions)
		want   string
	}{
		"no port":      {func(o *ServerOptions) { o.Listen = "127.0.0.1" }, "http.listen"},
		"no readiness": {func(o *ServerOptions) { o.Ready = nil }, "Ready"},
		"no metrics":   {func(o *ServerOptions) { o.Metrics = nil }, "Metrics"},
		"missing file": {func(o *ServerOptions) { o.WebConfigFile = "/nonexistent/web.yml" }, "http.web_config_file /nonexistent/web.yml"},
		"no hash": {func(o *ServerOptions) {
			o.WebConfigFile = writeFile(t, "web.yml", "basic_auth_users: {prom: plain}\n")
		}, "http.web_config_file"},
		"unknown key": {func(o *ServerOptions) {
			o.WebConfigFile = writeFile(t, "web.yml", "basic_auth: {}\n")
		}, "http.web_config_file"},
	} {
		opts := ServerOptions{Listen: "127.0.0.1:0", Metrics: newTestMetrics(), Ready: func() []string { return nil }}
		c.change(&opts)
		if _, err := NewServer(opts); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one about %q", name, err, c.want)
		}
	}
}

func TestListenTellsWhatToDo(t *testing.T) {
	t.Parallel()
	first := newTestServer(t, nil)
	if err := first.Listen(); err != nil {
		t.Fatal(err)
	}
	taken := first.listener.Addr().String()
	second := newTestServer(t, func(o *ServerOptions) { o.Listen = taken })
	err := second.Listen()
	if err == nil || !strings.Contains(err.Error(), taken) || !strings.Contains(err.Error(), "choose another") {
		t.Errorf("error %v", err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if err := second.Listen(); err != nil {
		t.Errorf("after Close: %v", err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}
