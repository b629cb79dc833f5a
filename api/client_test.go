package api

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for _, base := range []string{
		"https://demo-api.frontpayment.no/api/v1", "https://demo-api.frontpayment.no/api/v1/", "http://127.0.0.1:8080/api/v1", "http://[::1]/x", "http://localhost:1",
	} {
		if _, err := New(options(base)); err != nil {
			t.Errorf("%s: %v", base, err)
		}
	}
	for _, base := range []string{
		"", "demo-api.frontpayment.no", "ftp://x/y", "http://demo-api.frontpayment.no", "http://10.0.0.1", "http://localhost.example", "http://127.0.0.1.example",
		"https://user:hunter2@x/y", "https://x/y?z=1", "https://x/y#z", "https://", "https://x:hunter2/",
	} {
		if _, err := New(options(base)); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", base, err)
		}
	}
	for name, change := range map[string]func(*Options){
		"token":        func(o *Options) { o.Token = nil },
		"organisation": func(o *Options) { o.OrganizationUUID = "a/b" },
		"timeout":      func(o *Options) { o.Timeout = -1 },
		"limit":        func(o *Options) { o.RequestsPerMinute = -1 },
	} {
		o := options("https://x")
		change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("a bad %s was taken", name)
		}
	}
	o := options("https://x")
	o.OrganizationUUID = ""
	if r := invoke(t, newClient(t, o), OpListTerminals); r.Outcome != OutcomeRefused || r.Code != "invalidRequest" {
		t.Errorf("a list without an organisation: %+v", r)
	}
}

func TestObserverIsToldOfEveryCall(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Ratelimit-Remaining", "17")
		w.Header().Set("Date", "Fri, 20 Nov 2026 10:00:00 GMT")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"status_code":404,"message":"orderNotFound"}`)
	})
	var calls []Call
	c.observe = func(call Call) { calls = append(calls, call) }
	before := time.Now()
	for _, op := range Operations() {
		invoke(t, c, op)
	}
	if len(calls) != len(Operations()) {
		t.Fatalf("told of %d calls", len(calls))
	}
	for i, op := range Operations() {
		call := calls[i]
		want := OutcomeNotFound
		if op == OpOrderStatuses {
			want = OutcomeAccepted
		}
		if call.Operation != op || call.Outcome != want || call.HTTPStatus != 202 || !call.Replied || call.RateRemaining != 17 ||
			!call.Date.Equal(time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)) || call.At.Before(before) || call.Duration <= 0 {
			t.Errorf("%+v", call)
		}
	}
	calls = nil
	c.tokens.read = func() (string, error) { return "", errors.New("lost") }
	c.tokens.refused(secret)
	invoke(t, c, OpCreate)
	if len(calls) != 1 || calls[0].Replied || calls[0].RateRemaining != -1 || calls[0].Outcome != OutcomeUnauthorized || calls[0].At.IsZero() {
		t.Errorf("held back: %+v", calls)
	}
}

func TestRateLimited(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"Retry-After: 7\r\n": 7 * time.Second, "Retry-After: 86400\r\n": longestRetryAfter, "": defaultRetryAfter, "Retry-After: soon\r\n": defaultRetryAfter,
		"Retry-After: 0\r\n": time.Second, "Retry-After: 99999999999999999999\r\n": defaultRetryAfter,
		"Date: Fri, 20 Nov 2026 10:00:00 GMT\r\nRetry-After: Fri, 20 Nov 2026 10:01:00 GMT\r\n": time.Minute,
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newClient(t, pipes(readThen(func(conn net.Conn) {
				_, _ = io.WriteString(conn, "HTTP/1.1 429 X\r\n"+header+"Content-Length: 0\r\n\r\n")
			})))
			r := invoke(t, c, OpCreate)
			wantOutcome(t, header, r, OutcomeRateLimited)
			if r.RetryAfter != want {
				t.Errorf("%q: RetryAfter %v, want %v", header, r.RetryAfter, want)
			}
			if want == time.Second {
				return
			}
			// The others are held back too, without a call.
			time.Sleep(want - 2*time.Second)
			if r := invoke(t, c, OpPaymentStatus); r.Outcome != OutcomeRateLimited || r.HTTPStatus != 0 || r.RetryAfter != 2*time.Second {
				t.Errorf("%q: during the pause: %+v", header, r)
			}
			time.Sleep(2 * time.Second)
			if r := invoke(t, c, OpPaymentStatus); r.HTTPStatus != http.StatusTooManyRequests {
				t.Errorf("%q: after the pause: %+v", header, r)
			}
		})
	}
}

// A proxy's page is a reply, but none of the API's.
func TestOwnReplies(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		status int
		body   string
		own    bool
		held   bool // said 401 or 429
	}{
		{"accepted", 200, envelopeText(200, "orderPaymentConfirmed"), true, false},
		{"failed in the API's words", 510, envelopeText(510, "somethingWentWrong"), true, false},
		{"401 in the API's words", 401, envelopeText(401, "unauthenticated"), true, true},
		{"429 in the body alone", 200, envelopeText(429, "orderPaymentConfirmed"), true, true},
		{"429 outside, done within", 429, envelopeText(200, "orderPaymentConfirmed"), true, true},
		{"429 page", 429, "<html>Slow down</html>", false, true},
		{"502 page", 502, "<html>Bad Gateway</html>", false, false},
		{"login page", 200, "<html>Log in</html>", false, false},
		{"a gateway's JSON", 503, `{"message":"no healthy upstream"}`, false, false},
	} {
		var seen []Call
		o := options(serveRaw(t, func(c net.Conn) { _, _ = io.WriteString(c, rawReply(tt.status, tt.body)) }).base)
		o.Observe = func(c Call) { seen = append(seen, c) }
		_, r := newClient(t, o).PaymentStatus(t.Context(), "ODR1")
		if r.FromAPI != tt.own || r.Withheld != tt.held || len(seen) != 1 || seen[0].FromAPI != tt.own || seen[0].Withheld != tt.held || !seen[0].Replied {
			t.Errorf("%s: own %t, withheld %t, observed %+v; want %t, %t", tt.name, r.FromAPI, r.Withheld, seen, tt.own, tt.held)
		}
	}
}

func TestUnansweredCalls(t *testing.T) {
	t.Parallel()
	asked, reply := make(chan struct{}), make(chan struct{})
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-reply
		answer(200, envelopeText(200, "orderPaymentConfirmed"))(w, nil)
	})
	if !c.Unanswered().IsZero() {
		t.Error("nothing was asked yet")
	}
	before := time.Now()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.PaymentStatus(context.Background(), "ODR1")
	}()
	<-asked
	if since := c.Unanswered(); since.Before(before) || since.After(time.Now()) {
		t.Errorf("a call waits since %v", since)
	}
	close(reply)
	<-done
	if !c.Unanswered().IsZero() {
		t.Error("a call is still waiting after its reply")
	}
}
