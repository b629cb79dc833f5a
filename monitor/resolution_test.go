package monitor

import (
	"cmp"
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// decided notes the decisions that reach it.
type decided struct {
	emptySource
	id, body string
}

func (d *decided) Resolve(_ context.Context, id string, body []byte) (any, bool, error) {
	d.id, d.body = "resolution of "+id, string(body)
	return map[string]string{"state": "done"}, true, nil
}

func (d *decided) Pause(_ context.Context, terminal string, body []byte) (any, error) {
	d.id, d.body = "pause of "+terminal, string(body)
	return map[string]string{"lane": "paused"}, nil
}

func (d *decided) Move(_ context.Context, id string, body []byte) (any, error) {
	d.id, d.body = "move of "+id, string(body)
	return map[string]string{"state": "queued"}, nil
}

func (d *decided) Resume(_ context.Context, terminal string, body []byte) (any, error) {
	d.id, d.body = "resume of "+terminal, string(body)
	return map[string]string{"lane": "idle"}, nil
}

// Without users in the web configuration only this machine decides, and never on behalf of another site's page.
func TestWhoMayDecide(t *testing.T) {
	t.Parallel()
	const body = `{"outcome":"abandon","by":"Kari"} `
	for name, tc := range map[string]struct {
		from, host, origin, body string
		proxy                    string // a header that a proxy sets
		users                    bool
		status                   int
	}{
		"this machine":                     {from: "127.0.0.1:5", status: 200},
		"this machine, IPv6":               {from: "[::1]:5", status: 200},
		"this machine, both":               {from: "[::ffff:127.0.0.1]:5", status: 200},
		"its own page":                     {from: "127.0.0.1:5", origin: "http://127.0.0.1:9720", status: 200},
		"a proxy on this machine":          {from: "127.0.0.1:5", proxy: "X-Forwarded-For", status: 403},
		"another proxy on this machine":    {from: "[::1]:5", proxy: "Forwarded", status: 403},
		"a proxy, with users":              {from: "127.0.0.1:5", proxy: "X-Forwarded-Proto", users: true, status: 200},
		"another machine":                  {from: "192.0.2.1:5", status: 403},
		"another machine, IPv6":            {from: "[fe80::1%eth0]:5", status: 403},
		"nobody knows who":                 {from: "@", status: 403},
		"another machine, with users":      {from: "192.0.2.1:5", users: true, status: 200},
		"another site":                     {from: "127.0.0.1:5", origin: "https://evil.example", status: 403},
		"another site, with users":         {from: "127.0.0.1:5", origin: "https://evil.example", users: true, status: 403},
		"a page from nowhere":              {from: "127.0.0.1:5", origin: "null", status: 403},
		"a name that leads here":           {from: "127.0.0.1:5", host: "evil.example:9720", status: 421},
		"a name, and its own page":         {from: "127.0.0.1:5", host: "evil.example", origin: "http://evil.example", status: 421},
		"more than a decision":             {from: "127.0.0.1:5", body: strings.Repeat(" ", maxBodyBytes+1), status: 413},
		"more, from another machine's own": {from: "192.0.2.1:5", body: strings.Repeat(" ", maxBodyBytes+1), status: 403},
	} {
		for path, want := range map[string]string{
			"/api/v1/requests/till-1/resolution": "resolution of till-1",
			"/api/v1/requests/till-1/move":       "move of till-1",
			"/api/v1/terminals/T1/pause":         "pause of T1",
			"/api/v1/terminals/T1/resume":        "resume of T1",
		} {
			t.Run(name+": "+want, func(t *testing.T) {
				t.Parallel()
				var d decided
				s := newTestServer(t, func(o *ServerOptions) {
					o.Source = &d
					if tc.users {
						o.WebConfigFile = writeFile(t, "web.yml", usersYAML)
					}
				})
				sent := cmp.Or(tc.body, body)
				r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(sent))
				r.RemoteAddr, r.Host = tc.from, cmp.Or(tc.host, "127.0.0.1:9720")
				if tc.proxy != "" {
					r.Header.Set(tc.proxy, "192.0.2.7")
				}
				if tc.origin != "" {
					r.Header.Set("Origin", tc.origin)
				}
				w := httptest.NewRecorder()
				s.handler.ServeHTTP(w, r)
				if w.Code != tc.status {
					t.Errorf("answered %d %s, want %d", w.Code, w.Body, tc.status)
				}
				if taken := d.id == want && d.body == body; taken != (tc.status == 200) {
					t.Errorf("decided %q %q", d.id, d.body)
				}
			})
		}
	}
}

func TestWebTLS(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		cert string
		tls  bool
	}{
		usersYAML: {"", false}, "no: [": {"", false},
		"tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n": {"FOLDER/cert.pem", true},
		"tls_server_config:\n  cert_file: /etc/cert.pem\n":                 {"/etc/cert.pem", true},
		"tls_server_config:\n  cert: PEM\n  key: PEM\n":                    {"", true},
	} {
		file := writeFile(t, "web.yml", text)
		cert, tls := WebTLS(file)
		if cert != filepath.FromSlash(strings.Replace(want.cert, "FOLDER", filepath.ToSlash(filepath.Dir(file)), 1)) || tls != want.tls {
			t.Errorf("%q: %q, %v", text, cert, tls)
		}
	}
	for _, file := range []string{"", "/nonexistent/web.yml"} {
		if cert, tls := WebTLS(file); cert != "" || tls {
			t.Errorf("%q: %q, %v", file, cert, tls)
		}
	}
}
