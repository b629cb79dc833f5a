package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// With TLS in the web configuration, the daemon is found by it and known by its certificate, which is made out to
// whatever name it has outside.
func TestShowFindsTheDaemonBehindTLS(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/requests/till-1" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(`{"requestId":"till-1"}`))
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug) // strangers break the handshake off
	s.StartTLS()
	defer s.Close()
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	strange := append([]byte(nil), cert...)
	copy(strange[100:], "AAAAAAAAAAAAAAAA")
	write("cert.pem", string(cert))
	write("strange.pem", string(strange))
	write("text", "no certificate")
	for _, tc := range []struct {
		name, tls, id string
		code          int
		out, err      string
	}{
		{"known", "cert_file: cert.pem", "till-1", 0, `"requestId": "till-1"`, ""},
		{"not this request", "cert_file: cert.pem", "till-2", 1, "", "show till-2: at " + s.URL + " it says 404: "},
		{"somebody else", "cert_file: strange.pem", "till-1", 1, "", "it presents another certificate than the one in "},
		{"no certificate", "cert_file: text", "till-1", 1, "", "does not begin with one in PEM form; name the daemon's address with --url"},
		{"no file", "cert_file: none", "till-1", 1, "", "none: no such file or directory; name the daemon's address with --url"},
		{"a certificate in the text", "cert: x", "till-1", 1, "", "failed to verify certificate"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			web := write("web.yml", "tls_server_config:\n  "+tc.tls+"\n  key_file: key.pem\n")
			file := write("t.toml", "[api]\nbase_url = \"https://a\"\norganization_uuid = \"O\"\n[http]\nlisten = \""+
				strings.TrimPrefix(s.URL, "https://")+"\"\nweb_config_file = \""+filepath.ToSlash(web)+"\"\n")
			var out, errs bytes.Buffer
			code := execute(context.Background(), []string{"show", "--json", "--config", file, tc.id}, nil, &out, &errs)
			if code != tc.code || !strings.Contains(out.String(), tc.out) || !strings.Contains(errs.String(), tc.err) || strings.Count(errs.String(), "\n") > 1 {
				t.Errorf("exit %d, %s%s", code, &out, &errs)
			}
		})
	}
}
