package monitor

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHostCheck(t *testing.T) {
	t.Parallel()
	check := newHostCheck("Till-7", "kasse.butikk.example.", "")
	for host, want := range map[string]bool{
		"127.0.0.1":                  true,
		"127.0.0.1:9720":             true,
		"192.0.2.7:80":               true,
		"[::1]":                      true,
		"[::1]:9720":                 true,
		"[fe80::1%eth0]:9720":        true,
		"localhost":                  true,
		"LocalHost.:9720":            true,
		"till-7:9720":                true,
		"TILL-7":                     true,
		"kasse.butikk.example:9720":  true,
		"":                           false,
		":9720":                      false,
		".":                          false,
		"evil.example":               false,
		"evil.example:9720":          false,
		"localhost.evil.example":     false,
		"127.0.0.1.evil.example":     false,
		"till-7.evil.example":        false,
		"[evil.example]":             false,
		"evil.example@localhost":     false,
		"butikk.example":             false,
		"127.0.0.1:9720.evil.com:80": false,
	} {
		if got := check.allows(host); got != want {
			t.Errorf("host %q: allowed %v, want %v", host, got, want)
		}
	}
}

// guarded answers every request that gets through with "in" and the length of
// its body, or 413 if that is too long.
func guarded() http.Handler {
	return guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		var tooLong *http.MaxBytesError
		if errors.As(err, &tooLong) {
			writeText(w, http.StatusRequestEntityTooLarge, "too long\n")
			return
		}
		writeText(w, http.StatusOK, "in\n")
	}), newHostCheck())
}

func TestGuard(t *testing.T) {
	t.Parallel()
	const host = "127.0.0.1:9720"
	for name, c := range map[string]struct {
		method, host, body string
		header             http.Header
		status             int
		text               string
	}{
		"read":                 {method: "GET", host: host, status: 200, text: "in\n"},
		"rebound name":         {method: "GET", host: "evil.example:9720", status: 421, text: wrongHostText + "\n"},
		"rebound write":        {method: "POST", host: "evil.example", header: http.Header{"Origin": {"http://evil.example"}}, status: 421, text: wrongHostText + "\n"},
		"read from elsewhere":  {method: "GET", host: host, header: http.Header{"Origin": {"http://evil.example"}}, status: 200, text: "in\n"},
		"write without origin": {method: "POST", host: host, status: 200, text: "in\n"},
		"write from own page":  {method: "POST", host: host, header: http.Header{"Origin": {"http://" + host}}, status: 200, text: "in\n"},
		"write from elsewhere": {method: "POST", host: host, header: http.Header{"Origin": {"http://evil.example"}}, status: 403, text: wrongOriginText + "\n"},
		"write, other port":    {method: "POST", host: host, header: http.Header{"Origin": {"http://127.0.0.1:8080"}}, status: 403, text: wrongOriginText + "\n"},
		"write, opaque origin": {method: "POST", host: host, header: http.Header{"Origin": {"null"}}, status: 403, text: wrongOriginText + "\n"},
		"delete, cross-site":   {method: "DELETE", host: host, header: http.Header{"Sec-Fetch-Site": {"cross-site"}}, status: 403, text: wrongOriginText + "\n"},
		"body at the bound":    {method: "POST", host: host, body: strings.Repeat("x", maxBodyBytes), status: 200, text: "in\n"},
		"body over the bound":  {method: "POST", host: host, body: strings.Repeat("x", maxBodyBytes+1), status: 413, text: "too long\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequestWithContext(t.Context(), c.method, "/anything", strings.NewReader(c.body))
			r.Host = c.host
			for k, v := range c.header {
				r.Header[k] = v
			}
			w := httptest.NewRecorder()
			guarded().ServeHTTP(w, r)
			if w.Code != c.status || w.Body.String() != c.text {
				t.Errorf("%d %q, want %d %q", w.Code, w.Body, c.status, c.text)
			}
			for _, kv := range securityHeaders {
				if got := w.Header().Get(kv[0]); got != kv[1] {
					t.Errorf("%s: %q, want %q", kv[0], got, kv[1])
				}
			}
		})
	}
}

func TestGuardKeepsTheOperatorsHeaders(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	r.Host = "localhost"
	w := httptest.NewRecorder()
	w.Header().Set("X-Frame-Options", "sameorigin")
	guarded().ServeHTTP(w, r)
	if got := w.Header().Values("X-Frame-Options"); len(got) != 1 || got[0] != "sameorigin" {
		t.Errorf("X-Frame-Options %q, want the operator's", got)
	}
}
