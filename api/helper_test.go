package api

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const secret = "s3cret-token"

// options returns those of a client whose jitter is none and whose limit is far off.
func options(base string) Options {
	return Options{
		BaseURL:           base,
		OrganizationUUID:  "ORG2074299506",
		Token:             func() (string, error) { return secret, nil },
		Timeout:           5 * time.Second,
		RequestsPerMinute: 60000,
		Rand:              func() float64 { return 0 },
	}
}

func newClient(t *testing.T, o Options) *Client {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// reachable reports whether the API could be reached last; before the first call it is true.
func (b *breaker) reachable() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failures == 0
}

// serve starts an HTTP server and returns a client of it.
func serve(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	o := options(srv.URL + "/api/v1")
	o.Timeout = time.Minute // by the machine's clock, which others use too
	return newClient(t, o)
}

// answer returns a handler that sends the same reply to everything.
func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// rawServer reads one request per connection and lets reply write what it likes
// before the connection is closed. It counts the requests that it saw whole.
type rawServer struct {
	base     string
	requests atomic.Int64
}

func serveRaw(t *testing.T, reply func(conn net.Conn)) *rawServer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &rawServer{base: "http://" + ln.Addr().String() + "/api/v1"}
	var wg sync.WaitGroup
	t.Cleanup(func() {
		_ = ln.Close()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = conn.Close() }()
				s.one(conn, reply)
			})
		}
	})
	return s
}

func (s *rawServer) one(conn net.Conn, reply func(net.Conn)) {
	rq, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	if _, err := io.Copy(io.Discard, rq.Body); err != nil {
		return
	}
	s.requests.Add(1)
	reply(conn)
}

// rawReply returns a reply with its length.
func rawReply(status int, body string) string {
	return fmt.Sprintf("HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
}

func envelopeText(status int, message string) string {
	return fmt.Sprintf(`{"status_code":%d,"status_message":"X","message":%q,"is_error":%t,"errors":"Array"}`, status, message, status >= 400)
}

func testdata(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func wantOutcome(t *testing.T, what string, r Reply, want Outcome) {
	t.Helper()
	if r.Outcome != want {
		t.Errorf("%s: outcome %v, want %v (%+v)", what, r.Outcome, want, r)
	}
	if (want == OutcomeAmbiguous || want == OutcomeUnavailable) && r.Err == nil {
		t.Errorf("%s: %v without a cause", what, want)
	}
	if strings.Contains(fmt.Sprintf("%+v %v", r, r.Err), secret) {
		t.Errorf("%s: the reply holds the token: %+v", what, r)
	}
}

// serveMethods answers a refund status to one method, 405 to others, and notes
// the methods it saw. The client must make its calls one after another.
func serveMethods(t *testing.T, seen *[]string, allowed string) *Client {
	t.Helper()
	var mu sync.Mutex
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		*seen = append(*seen, r.Method)
		mu.Unlock()
		if r.Method != allowed {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		answer(200, `{"status_code":200,"refund_status":"REFUNDED","message":"orderRefundedSuccessfully"}`)(w, r)
	})
}

// quiet silences a server whose failures are the test.
func quiet(srv *http.Server) {
	srv.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
}
