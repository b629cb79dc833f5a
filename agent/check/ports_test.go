package check

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPorts(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // after the subtests
	taken := l.Addr().String()
	free := "127.0.0.1:" + closedPort(t)
	for name, tc := range map[string]struct {
		lines  string
		locked bool
		daemon daemonFacts
		want   []string
	}{
		"all free": {fmt.Sprintf("[http]\nlisten = %q\n[callback]\nlisten = \"127.0.0.1:0\"\npublic_url = \"https://s\"\n[mqtt.embedded]\nlisten = \"127.0.0.1:0\"", free), false, daemonFacts{}, []string{"ok ports http.listen " + free + " is free; callback.listen…mqtt.embedded.listen…is free"}},
		"callback twice": {fmt.Sprintf("[http]\nlisten = %q\n[callback]\nlisten = \"127.0.0.1:0\"\npublic_url = \"https://s/callback\"", free), false, daemonFacts{},
			[]string{"ok ports", "warn ports callback.public_url ends in /callback…https://s/callback/callback/…take it off"}},
		"taken":             {fmt.Sprintf("[http]\nlisten = %q", taken), false, daemonFacts{}, []string{"FAIL ports http.listen " + taken + " is in use by another program…ss -ltnp"}},
		"held by ours":      {fmt.Sprintf("[http]\nlisten = %q", taken), true, daemonFacts{}, []string{"ok ports…held by the running agent"}},
		"answered by ours":  {fmt.Sprintf("[http]\nlisten = %q", taken), false, daemonFacts{ours: true}, []string{"ok ports…held by the running agent"}},
		"ours is elsewhere": {fmt.Sprintf("[http]\nlisten = %q", free), true, daemonFacts{}, []string{"warn ports…is free, though an agent runs here…restart"}},
		"not this machine":  {"[http]\nlisten = \"192.0.2.1:9720\"\nweb_config_file = \"x\"", false, daemonFacts{}, []string{"FAIL ports…does not have that address"}},
		"for everybody":     {"[http]\nlisten = \":0\"", false, daemonFacts{}, []string{"ok ports", "warn ports…everybody…http.web_config_file"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(tc.lines, "[mqtt") {
				tc.lines += "\n[mqtt]\nurl = \"tcp://b\"" // no listener for the embedded one
			}
			want(t, newChecker(t, tc.lines).ports(t.Context(), tc.locked, tc.daemon), tc.want...)
		})
	}
}

// page answers one path with a text.
func page(metrics, ready string, status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(map[string]string{"/metrics": metrics, "/readyz": ready}[r.URL.Path]))
	})
}

func TestDaemon(t *testing.T) {
	t.Parallel()
	const ours = "# HELP x\ntillpost_build_info{commit=\"c\",goversion=\"g\",version=\"v1.2.3\"} 1\n"
	for name, tc := range map[string]struct {
		server  *httptest.Server
		want    daemonFacts
		reasons string
	}{
		"ready":     {httptest.NewServer(page(ours, "ready\n", 200)), daemonFacts{ours: true, version: "v1.2.3"}, ""},
		"not ready": {httptest.NewServer(page(ours, "not connected\nno disk\n", 503)), daemonFacts{ours: true, version: "v1.2.3"}, "not connected|no disk"},
		"over TLS":  {httptest.NewTLSServer(page(ours, "ready\n", 200)), daemonFacts{ours: true, version: "v1.2.3"}, ""},
		"guarded":   {httptest.NewServer(page("", "", 401)), daemonFacts{}, ""},
		"another":   {httptest.NewServer(page("node_exporter_build_info{version=\"1\"} 1\n", "", 200)), daemonFacts{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer tc.server.Close()
			c := newChecker(t)
			c.cfg.HTTP.Listen = tc.server.Listener.Addr().String()
			got := c.daemon(t.Context())
			if got.ours != tc.want.ours || got.version != tc.want.version || strings.Join(got.reasons, "|") != tc.reasons {
				t.Errorf("%+v", got)
			}
		})
	}
	c := newChecker(t)
	c.cfg.HTTP.Listen = "127.0.0.1:" + closedPort(t)
	if got := c.daemon(t.Context()); got.ours {
		t.Errorf("nobody is there: %+v", got)
	}
}
