package simulator_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/api/simulator"
)

// TestControlBooks steers what the API itself has no call for, and sees it obey.
func TestControlBooks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var heard []string
		client := &http.Client{Transport: roundTrip(func(q *http.Request) (*http.Response, error) {
			heard = append(heard, q.URL.RawQuery)
			return httptest.NewRecorder().Result(), nil
		})}
		r := newRig(t, simulator.Options{Callbacks: client, Customer: simulator.WalkAway()})
		do := func(path, body string, want int) {
			t.Helper()
			if code, out := r.steer("POST", path, body); code != want || want == 400 && !strings.Contains(out, `"error"`) {
				t.Errorf("%s %s: HTTP %d %s, want %d", path, body, code, out, want)
			}
		}
		do("/lag", `{"list":"10s","details":"5s","status":"1s","refundStatus":"2s","history":"3s","references":"20s"}`, 204)
		uuid := r.create("TRML1")
		if r.listed(uuid) != "" || r.detailed(uuid) != nil {
			t.Error("it shows at once")
		}
		time.Sleep(10 * time.Second)
		if r.listed(uuid) != "SENT" || r.detailed(uuid)["invoiceReferences"] != nil {
			t.Error("it does not show in time, or its references too early")
		}
		do("/lag", `{"noReferences":true}`, 204)
		if other := r.create("TRML2"); r.listed(other) != "SENT" || r.detailed(other)["invoiceReferences"] != nil {
			t.Error("the lag is still that of before, or the references show")
		}
		do("/orders", `{"terminal":"TRML1","amount":"42.00","status":"PAID","reference":"web"}`, 204)
		list := r.sim.OrdersByReference("web")
		if len(list) != 1 {
			t.Fatalf("%d orders from elsewhere", len(list))
		}
		do("/orders/"+list[0].UUID+"/refunds", `{"amount":"42.00","deed":"pays"}`, 204)
		do("/books", `{"newestFirst":true,"negativeHistory":true}`, 204)
		if got := r.refundsOf(list[0].UUID); got != "-42 done" {
			t.Errorf("the refund shows as %q", got)
		}
		do("/orders/"+uuid+"/callbacks", `{"order":"ODR9","approved":true,"refund":true,"amount":"1.00"}`, 204)
		synctest.Wait()
		if len(heard) != 1 || !strings.Contains(heard[0], "orderUuid=ODR9&shop=7&status=Approved&totalAmount=1&type=Payment_Refund") {
			t.Errorf("heard %v", heard)
		}
		for path, body := range map[string]string{
			"/lag": `{"list":"-1s"}`, "/orders": `{"amount":"much"}`, "/orders/" + list[0].UUID + "/refunds": `{"amount":"1.00","deed":"sings"}`,
			"/orders/" + list[0].UUID + "/callbacks": `{"order":"ODR9","amount":"1.00"}`, "/books": `{"newest":true}`,
			"/faults": `{"kind":"contradict","code":429,"side":"left"}`,
		} {
			do(path, body, 400)
		}
		do("/faults", `{"kind":"repeat","copies":3}`, 400)
		do("/orders/ODR0/refunds", `{"amount":"1.00"}`, 404)
		do("/orders/ODR0/callbacks", `{"order":"ODR9","amount":"1.00"}`, 404)
		do("/faults", `{"kind":"page","code":502,"for":"1m"}`, 204)
		_, out := r.steer("GET", "/faults", "")
		var left []map[string]any
		if err := json.Unmarshal([]byte(out), &left); err != nil || len(left) != 1 || left[0]["for"] != "1m0s" || left[0]["times"] != float64(-1) {
			t.Errorf("%v: the script is %s", err, out)
		}
	})
}
