package simulator_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tillpost/api/simulator"
)

// steer calls the control as curl does.
func (r *rig) steer(method, path, body string) (int, string) {
	r.t.Helper()
	req := httptest.NewRequestWithContext(r.t.Context(), method, path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	r.sim.Control().ServeHTTP(rec, req)
	return rec.Code, rec.Body.String()
}

// TestControl steers a simulator as a script would, and sees it obey.
func TestControl(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{})
	do := func(method, path, body string, want int) string {
		t.Helper()
		code, out := r.steer(method, path, body)
		if code != want {
			t.Errorf("%s %s %s: HTTP %d %s, want %d", method, path, body, code, out, want)
		}
		return out
	}
	create := func(status int, message string) {
		t.Helper()
		r.wantMessage(r.call("POST", base+"terminal/orders/create", r.payload("TRML1")), status, message)
	}
	do("POST", "/faults", `{"operation":"create","kind":"refuse","code":400,"statusText":"x","message":"scripted"}`, 204)
	if out := do("GET", "/faults", "", 200); !strings.Contains(out, `"message": "scripted"`) {
		t.Errorf("the script is %s", out)
	}
	create(400, "scripted")
	do("POST", "/faults", `{"kind":"delay","wait":"1h","times":-1}`, 204)
	do("DELETE", "/faults", "", 204)
	do("POST", "/busy", `{"terminal":"TRML1","busy":true,"for":"20s"}`, 204)
	create(510, "terminalIsBusy")
	do("POST", "/busy", `{"terminal":"TRML1","busy":false}`, 204)
	do("POST", "/customers", `{"terminal":"TRML1","deed":"walks_away","next":true}`, 204)
	create(201, "terminalOrderAddedSuccessfully")
	var list []simulator.Order
	if err := json.Unmarshal([]byte(do("GET", "/orders?reference=mark-1&status=SENT&terminal=TRML1", "", 200)), &list); err != nil || len(list) != 1 {
		t.Fatalf("%d orders, %v", len(list), err)
	}
	do("GET", "/orders/"+list[0].UUID, "", 200)
	do("POST", "/orders/"+list[0].UUID, `{"deed":"pays"}`, 204)
	do("POST", "/orders/"+list[0].UUID, `{"status":"INVOICED"}`, 204)
	if o := r.order(list[0].UUID); o.Status != simulator.Invoiced || o.PaidAt.IsZero() {
		t.Errorf("the order is %s, paid at %s", o.Status, o.PaidAt)
	}
	if out := do("GET", "/orders?status=SENT", "", 200); strings.TrimSpace(out) != "[]" {
		t.Errorf("orders still sent: %s", out)
	}
	do("POST", "/customers", `{"terminal":"TRML1","deed":"declines","after":"0s","refunds":true}`, 204)
	do("POST", "/approver", `{"decision":"grants","after":"10s"}`, 204)
	do("POST", "/lookups", `{"lookups":"forbidden"}`, 204)
	if a := r.call("GET", base+"orders/status", ""); a.status != 403 {
		t.Errorf("look-ups: HTTP %d", a.status)
	}
	do("POST", "/terminals", `{"uuid":"TRML3","name":"Kiosk"}`, 204)
	do("DELETE", "/terminals/TRML2", "", 204)
	if out := do("GET", "/terminals", "", 200); !strings.Contains(out, "Kiosk") || strings.Contains(out, "TRML2") {
		t.Errorf("terminals: %s", out)
	}
	if out := do("GET", "/calls", "", 200); strings.Count(out, `"operation": "create"`) != 3 {
		t.Errorf("calls: %s", out)
	}
	do("POST", "/down", `{"down":true}`, 204)
	func() {
		defer func() {
			if err, _ := recover().(error); !errors.Is(err, http.ErrAbortHandler) {
				t.Error("down, and yet a reply")
			}
		}()
		r.call("GET", base+"orders/status", "")
	}()
}

func TestControlRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{})
	for _, c := range []struct {
		path, body string
		want       int
		says       string // what would be right
	}{
		{"/faults", `{"kind":"explode"}`, 400, "delay, drop_before, "},
		{"/faults", `{"kind":"delay","wait":3}`, 400, "\\\"1.5s\\\""},
		{"/faults", `{"kind":"delay","wait":"-3s"}`, 400, "no time to wait"},
		{"/faults", `{"kind":"delay","wiat":"3s"}`, 400, "operation, terminal, "},
		{"/faults", `{"kind":"garbage","garbage":"some"}`, 400, "html, "},
		{"/faults", `{"kind":"delay","operation":"refuse"}`, 400, "callback, cancel, "},
		{"/faults", ``, 400, "operation, terminal, "},
		{"/customers", `{"deed":"sings"}`, 400, "pays, declines, walks_away"},
		{"/customers", `{"terminal":"TRML9","deed":"pays"}`, 404, "no such terminal"},
		{"/customers", `{"terminal":"TRML1","next":true,"refunds":true}`, 400, "not for refunds"},
		{"/approver", `{"decision":"maybe"}`, 400, "grants, denies"},
		{"/lookups", `{"lookups":"some"}`, 400, "shown, forbidden, hidden"},
		{"/busy", `{"terminal":"TRML9","busy":true}`, 404, "no such terminal"},
		{"/terminals", `{"name":"no uuid"}`, 400, "needs a uuid"},
		{"/orders/ODR0", `{"deed":"pays"}`, 404, "no such order"},
		{"/orders/ODR0", `{}`, 400, "either deed or status"},
		{"/orders/ODR0", `{"status":"LOST"}`, 400, "SENT, "},
	} {
		code, out := r.steer("POST", c.path, c.body)
		if code != c.want || !strings.Contains(out, `"error"`) || !strings.Contains(out, c.says) {
			t.Errorf("%s %s: HTTP %d %s, want %d and %s", c.path, c.body, code, out, c.want, c.says)
		}
	}
	if code, _ := r.steer("GET", "/orders/ODR0", ""); code != 404 {
		t.Errorf("an unknown order: HTTP %d", code)
	}
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/down", strings.NewReader(`{"down":true}`))
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	rec := httptest.NewRecorder()
	r.sim.Control().ServeHTTP(rec, req)
	if rec.Code != 403 {
		t.Errorf("another site's page: HTTP %d", rec.Code)
	}
}
