package agent_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"tillpost/api/simulator"
)

// foreign places an order at the API that no request of ours holds.
func (w *world) foreign(terminal string) (uuid string) {
	w.Helper()
	order := strings.Replace(exampleOrder(time.Now().Format("02 Jan, 2006")), "{", `{"terminalUuid":"`+terminal+`",`, 1)
	rq := httptest.NewRequest(http.MethodPost, "/api/v1/connect/terminal/orders/create", strings.NewReader(order))
	rq.Header.Set("Authorization", "Bearer "+token)
	rq.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	w.sim.ServeHTTP(rec, rq)
	if rec.Code != http.StatusCreated {
		w.Fatalf("%d %s", rec.Code, rec.Body)
	}
	all := w.sim.Orders()
	return all[len(all)-1].UUID
}

// TestAResendOfAnotherTillsOrderThatHasEnded is rejected with the order's end, for which the API has no word of its own; while
// the order is pending, the API's failure is waited out.
func TestAResendOfAnotherTillsOrderThatHasEnded(t *testing.T) {
	inWorld(t, "", func(w *world) {
		uuid := w.foreign(oslo)
		w.sim.Inject(simulator.Fault{Operation: simulator.OpResend, Times: 2, Do: simulator.Refuse(510, "Execution Exception Occurred", "somethingWentWrong")})
		w.send(oslo, "resends", `{"requestId":"pending","orderUuid":"`+uuid+`"}`)
		w.until(15*time.Second, oslo, "pending", "done")
		w.send(oslo, "cancels", `{"requestId":"c","orderUuid":"`+uuid+`","type":"payment"}`)
		w.until(5*time.Second, oslo, "c", "done")
		w.send(oslo, "resends", `{"requestId":"ended","orderUuid":"`+uuid+`"}`)
		if s := w.until(5*time.Second, oslo, "ended", "rejected"); s.Reason.Code != "cancelled" {
			t.Errorf("reason %+v", s.Reason)
		}
	}, func(o *simulator.Options) { o.Customer = simulator.WalkAway() })
}

// TestACheckTakesNoProxysWord: that the API does not know an order is an answer, a 404 of somebody on the way is none.
func TestACheckTakesNoProxysWord(t *testing.T) {
	inWorld(t, "", func(w *world) {
		uuid := w.foreign(oslo)
		w.sim.Inject(simulator.Fault{Operation: simulator.OpPaymentStatus, Do: simulator.Status(404, "<html>not here</html>")})
		w.send(oslo, "checks", `{"requestId":"k","orderUuid":"`+uuid+`"}`)
		if s := w.until(10*time.Second, oslo, "k", "done"); s.Reason.Code != "pending" {
			t.Errorf("reason %+v", s.Reason)
		}
		w.send(oslo, "checks", `{"requestId":"none","orderUuid":"ODR0"}`)
		if s := w.until(10*time.Second, oslo, "none", "rejected"); s.Reason.Code != "orderNotFound" {
			t.Errorf("reason %+v", s.Reason)
		}
	}, func(o *simulator.Options) { o.Customer = simulator.WalkAway() })
}
