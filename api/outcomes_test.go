package api

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"tillpost/internal/proctest"
)

// What a server does with a submit, and what that means. Every case also shows
// that the server saw the submit exactly once.
func TestSubmitOutcomes(t *testing.T) {
	t.Parallel()
	text := func(s string) func(net.Conn) {
		return func(c net.Conn) { _, _ = c.Write([]byte(s)) }
	}
	uuid := `{"status_code":%d,"message":%q,"data":{"orderUuid":"ODR1"}}`
	tests := []struct {
		name  string
		reply func(net.Conn)
		want  Outcome
	}{
		{"closed without a byte", func(net.Conn) {}, OutcomeAmbiguous},
		{"reset without a byte", func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }, OutcomeAmbiguous},
		{"half a status line", text("HTTP/1.1 20"), OutcomeAmbiguous},
		{"half a header", text("HTTP/1.1 201 Created\r\nContent-Le"), OutcomeAmbiguous},
		{"half a body", text("HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{\"status_code\":201"), OutcomeAmbiguous},
		{"half a refusal", text("HTTP/1.1 417 X\r\nContent-Length: 500\r\n\r\n{\"status_code\":417"), OutcomeAmbiguous},
		{"not HTTP", text("220 mail.example ESMTP\r\n"), OutcomeAmbiguous},
		{"307", text("HTTP/1.1 307 X\r\nLocation: /api/v1/connect/terminal/orders/create\r\nContent-Length: 0\r\n\r\n"), OutcomeAmbiguous},
		{"308 with an envelope", text("HTTP/1.1 308 X\r\nLocation: /\r\n" + strings.TrimPrefix(rawReply(308, envelopeText(400, "orderNotFound")), "HTTP/1.1 308 X\r\n")), OutcomeAmbiguous},
		{"302", text("HTTP/1.1 302 X\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n"), OutcomeAmbiguous},
		{"101", text("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), OutcomeAmbiguous},
		{"200 from a captive portal", text(rawReply(200, "<html>log in</html>")), OutcomeAmbiguous},
		{"200 from another JSON speaker", text(rawReply(200, `{"message":"welcome"}`)), OutcomeAmbiguous},
		{"204", text("HTTP/1.1 204 X\r\n\r\n"), OutcomeAmbiguous},
		{"2xx of 20 MB", func(c net.Conn) {
			_, _ = fmt.Fprintf(c, "HTTP/1.1 201 X\r\n\r\n{\"message\":\"%s\"}", strings.Repeat("x", 20<<20))
		}, OutcomeAmbiguous},
		{"endless header", func(c net.Conn) {
			_, _ = fmt.Fprintf(c, "HTTP/1.1 201 X\r\nX: %s\r\n\r\n", strings.Repeat("x", 1<<20))
		}, OutcomeAmbiguous},
		{"404 from a gateway", text(rawReply(404, "<html>404</html>")), OutcomeAmbiguous},
		{"404 from a framework", text(rawReply(404, `{"message":"no Route matched"}`)), OutcomeAmbiguous},
		{"400 empty", text(rawReply(400, "")), OutcomeAmbiguous},
		{"408 empty", text(rawReply(408, "")), OutcomeAmbiguous},
		{"500 empty", text(rawReply(500, "")), OutcomeAmbiguous},
		{"502 HTML", text(rawReply(502, "<html>")), OutcomeAmbiguous},
		{"503 envelope", text(rawReply(503, envelopeText(503, "maintenance"))), OutcomeAmbiguous},
		{"510 with a refusal's message", text(rawReply(510, envelopeText(510, "refundRejectionForTransactionNotFound"))), OutcomeAmbiguous},
		{"510 whose body says why", text(rawReply(510, envelopeText(400, "orderProductsNotFound"))), OutcomeRefused},
		{"510 under 200", text(rawReply(200, envelopeText(510, "Something Went Wrong"))), OutcomeAmbiguous},
		{"is_error under 200", text(rawReply(200, `{"status_code":200,"message":"odd","is_error":true}`)), OutcomeAmbiguous},
		{"417 under 200", text(rawReply(200, envelopeText(417, "payloadValidationErrors"))), OutcomeRefused},
		{"404 under 200", text(rawReply(200, envelopeText(404, "Order Not Found"))), OutcomeNotFound},
		{"401 under 200", text(rawReply(200, envelopeText(401, "unauthenticated"))), OutcomeUnauthorized},
		{"success's words under 400", text(rawReply(400, fmt.Sprintf(uuid, 400, "terminalOrderAddedSuccessfully"))), OutcomeAmbiguous},
		{"unknown refusal", text(rawReply(422, envelopeText(422, "The given data was invalid."))), OutcomeRefused},
		{"401 empty", text(rawReply(401, "")), OutcomeUnauthorized},
		{"403 empty", text(rawReply(403, "")), OutcomeAmbiguous},
		{"403 of a proxy", text(rawReply(403, "<html>Forbidden</html>")), OutcomeAmbiguous},
		{"403 of a gateway", text(rawReply(403, `{"message":"Forbidden"}`)), OutcomeAmbiguous},
		{"403 of the API", text(rawReply(403, envelopeText(403, "forbidden"))), OutcomeRefused},
		{"a login page under 200", text(rawReply(200, "<html><form>log in</form></html>")), OutcomeAmbiguous},
		{"429 beside word of success", text(rawReply(429, envelopeText(429, "terminalOrderAddedSuccessfully"))), OutcomeAmbiguous},
		{"429 in the body beside an order", text(rawReply(201, fmt.Sprintf(uuid, 429, "tooMany"))), OutcomeAmbiguous},
		{"429 beside an order", text(rawReply(429, fmt.Sprintf(uuid, 201, "x"))), OutcomeAmbiguous},
		{"401 beside an order", text(rawReply(401, fmt.Sprintf(uuid, 201, "terminalOrderAddedSuccessfully"))), OutcomeAmbiguous},
		{"401 in the body beside word of success", text(rawReply(200, envelopeText(401, "terminalOrderRefundRequestSuccessfully"))), OutcomeAmbiguous},
		{"403 beside an order", text(rawReply(403, fmt.Sprintf(uuid, 403, "forbidden"))), OutcomeAmbiguous},
		{"busy beside an order", text(rawReply(510, fmt.Sprintf(uuid, 510, "terminalIsBusy"))), OutcomeAmbiguous},
		{"not found beside an order", text(rawReply(404, fmt.Sprintf(uuid, 404, "orderNotFound"))), OutcomeAmbiguous},
		{"429 HTML", text(rawReply(429, "<html>")), OutcomeRateLimited},
		{"busy", text(rawReply(510, envelopeText(510, "terminalIsBusy"))), OutcomeBusy},
		{"busy in a sentence", text(rawReply(510, envelopeText(510, "Terminal Is Busy."))), OutcomeBusy},
		{"busy under 200", text(rawReply(200, envelopeText(510, "terminalIsBusy:TRML1"))), OutcomeBusy},
		{"early hints, then a refusal", text("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + rawReply(417, envelopeText(417, "payloadValidationErrors"))), OutcomeRefused},
		{"early hints for ever", text(strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 50)), OutcomeAmbiguous},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, op := range []Operation{OpCreate, OpRefund, OpApproval} {
				s := serveRaw(t, tt.reply)
				c := newClient(t, options(s.base))
				wantOutcome(t, string(op), invoke(t, c, op), tt.want)
				if n := s.requests.Load(); n != 1 {
					t.Errorf("%s: the server saw %d requests, want exactly 1", op, n)
				}
			}
		})
	}
}

func TestCreateNeedsAnOrder(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		status     int
		uuid       string
		want       Outcome
	}{
		{"as documented", `{"status_code":201,"message":"terminalOrderAddedSuccessfully","data":{"orderUuid":"ODR1"}}`, 201, "ODR1", OutcomeAccepted},
		{"under 200", `{"status_code":201,"message":"Terminal Order Added Successfully","data":{"orderUuid":"ODR1"}}`, 200, "ODR1", OutcomeAccepted},
		{"no message", `{"data":{"orderUuid":"ODR1"}}`, 201, "ODR1", OutcomeAccepted},
		{"in a list", `{"message":"x","data":[{"orderUuid":"ODR1"}]}`, 201, "ODR1", OutcomeAccepted},
		{"in single quotes", `{'message':'x','data':['orderUuid':'ODR1']}`, 201, "ODR1", OutcomeAccepted},
		{"other case", `{"message":"x","data":{"order_uuid":"ODR1"}}`, 201, "ODR1", OutcomeAccepted},
		{"a number", `{"message":"x","data":{"orderUuid":1234}}`, 201, "1234", OutcomeAccepted},
		{"null data", `{"status_code":201,"message":"terminalOrderAddedSuccessfully","data":null}`, 201, "", OutcomeAmbiguous},
		{"empty", `{"message":"x","data":{"orderUuid":""}}`, 201, "", OutcomeAmbiguous},
		{"a path", `{"message":"x","data":{"orderUuid":"../../orders"}}`, 201, "", OutcomeAmbiguous},
		{"a terminal's uuid", `{"message":"x","data":{"uuid":"TRML1"}}`, 201, "", OutcomeAmbiguous},
		{"busy that names an order", `{"status_code":510,"message":"terminalIsBusy","data":{"orderUuid":"ODR1"}}`, 510, "", OutcomeAmbiguous},
		{"refusal that names an order", `{"status_code":417,"message":"payloadValidationErrors","data":{"orderUuid":"ODR1"}}`, 417, "", OutcomeAmbiguous},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			uuid, r := serve(t, answer(tt.status, tt.body)).CreateOrder(t.Context(), nil, []byte(`{}`))
			wantOutcome(t, tt.name, r, tt.want)
			if uuid != tt.uuid {
				t.Errorf("uuid %q, want %q", uuid, tt.uuid)
			}
		})
	}
}

func TestReadOutcomes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		status int
		body   string
		want   Outcome
	}{
		{"HTML", 200, "<html>", OutcomeAmbiguous},
		{"redirect", 302, "", OutcomeAmbiguous},
		{"500", 500, "", OutcomeAmbiguous},
		{"510", 510, envelopeText(510, "Something Went Wrong"), OutcomeAmbiguous},
		{"404 of a route", 404, "", OutcomeAmbiguous},
		{"403 of a proxy", 403, "<html>", OutcomeAmbiguous},
		{"403 of the API", 403, envelopeText(403, "forbidden"), OutcomeRefused},
		{"401", 401, "", OutcomeUnauthorized},
		{"429", 429, "", OutcomeRateLimited},
		{"20 MB", 200, strings.Repeat(" ", 20<<20), OutcomeAmbiguous},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, op := range Operations() {
				if op.Submits() || op == OpOrderStatuses && tt.name == "20 MB" {
					continue
				}
				wantOutcome(t, string(op), invoke(t, serve(t, answer(tt.status, tt.body)), op), tt.want)
			}
		})
	}
}

func TestNothingListens(t *testing.T) {
	t.Parallel()
	nobody := "http://" + proctest.FreeAddr(t)
	for _, op := range Operations() {
		c := newClient(t, options(nobody))
		r := invoke(t, c, op)
		wantOutcome(t, string(op), r, OutcomeUnavailable)
		if r.RetryAfter <= 0 || c.breaker.reachable() {
			t.Errorf("%s: RetryAfter %v, reachable %t", op, r.RetryAfter, c.breaker.reachable())
		}
	}
}

func TestRefundStatusFallsBackToGet(t *testing.T) {
	t.Parallel()
	var seen []string
	s := serveMethods(t, &seen, "GET")
	for range 2 {
		if status, r := s.RefundStatus(t.Context(), "ODR1"); status != RefundDone {
			t.Errorf("%+v (%+v)", status, r)
		}
	}
	if got := strings.Join(seen, " "); got != "POST GET GET" {
		t.Errorf("methods %q: the one that works is remembered", got)
	}
	seen = nil
	s = serveMethods(t, &seen, "none")
	_, r := s.RefundStatus(t.Context(), "ODR1")
	wantOutcome(t, "neither", r, OutcomeAmbiguous)
	if got := strings.Join(seen, " "); got != "POST GET" {
		t.Errorf("methods %q: each is tried once", got)
	}
}

func TestInvalidIDsAreNotSent(t *testing.T) {
	t.Parallel()
	s := serveRaw(t, func(net.Conn) {})
	c := newClient(t, options(s.base))
	for _, id := range []string{"", ".", "..", "a/b", "../x", "a b", "ø", "x?y", strings.Repeat("a", 65)} {
		if r := c.Cancel(t.Context(), id, CancelPayment); r.Outcome != OutcomeRefused || r.Code != "invalidRequest" {
			t.Errorf("%q: %+v", id, r)
		}
	}
	if r := c.Cancel(t.Context(), "ODR1", "order"); r.Outcome != OutcomeRefused {
		t.Errorf("a cancel of no known type: %+v", r)
	}
	conn, err := c.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, r := c.Refund(t.Context(), conn, "a/b", nil); r.Outcome != OutcomeRefused {
		t.Errorf("refund: %+v", r)
	}
	_ = conn.link.wire.SetReadDeadline(time.Now())
	if _, err := conn.link.wire.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("the connection of a refused call is still open: %v", err)
	}
	if n := s.requests.Load(); n != 0 {
		t.Errorf("%d requests reached the server", n)
	}
}
