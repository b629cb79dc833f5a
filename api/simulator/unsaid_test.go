package simulator_test

import (
	"testing"
	"testing/synctest"
	"time"

	"tillpost/api/simulator"
)

// TestUnsaid turns each switch for what no document says, by the control, and turns it back.
func TestUnsaid(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{Customer: simulator.WalkAway()})
	uuid := r.create("TRML1")
	one := func() string {
		data, _ := r.call("GET", base+"orders/status/"+uuid, "").body["data"].(map[string]any)
		s, _ := data["status"].(string)
		return s
	}
	detailed := func() string { s, _ := r.detailed(uuid)["status"].(string); return s }
	for _, c := range []struct{ body, payment, books, filter string }{
		{`{}`, "SENT", "SENT", "SENT"},
		{`{"pendingPayment":"WAITING","pendingBooks":"DRAFT"}`, "WAITING", "DRAFT", "DRAFT"},
		{`{"pendingPayment":"-","pendingBooks":"-"}`, "", "", ""},
		{`{}`, "SENT", "SENT", "SENT"},
	} {
		if code, out := r.steer("POST", "/unsaid", c.body); code != 204 {
			t.Fatalf("%s: HTTP %d %s", c.body, code, out)
		}
		if p, l, o, d := r.paymentStatus(uuid), r.listed(uuid), one(), detailed(); p != c.payment || l != c.books || o != c.books || d != c.books {
			t.Errorf("%s: payment %q, list %q, one %q, details %q", c.body, p, l, o, d)
		}
		list, _ := r.call("GET", base+"orders/status?type="+c.filter, "").body["data"].([]any)
		if len(list) != 1 {
			t.Errorf("%s: %d orders are called %q", c.body, len(list), c.filter)
		}
	}
	for by, want := range map[string][2]int{"": {404, 404}, "POST": {404, 405}, "GET": {405, 404}} {
		if code, out := r.steer("POST", "/unsaid", `{"refundStatusBy":"`+by+`"}`); code != 204 {
			t.Fatalf("HTTP %d %s", code, out)
		}
		if got := [2]int{r.call("POST", statusPath+uuid, "").status, r.call("GET", statusPath+uuid, "").status}; got != want {
			t.Errorf("by %q: POST and GET are answered %v, want %v", by, got, want)
		}
	}
	if code, _ := r.steer("POST", "/unsaid", `{"refundStatusBy":"PUT"}`); code != 400 {
		t.Errorf("PUT is taken: HTTP %d", code)
	}
}

// TestBusyStores: the order is in the books, on no terminal, and can be sent to it when that is free.
func TestBusyStores(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{Customer: simulator.WalkAway(), Unsaid: simulator.Unsaid{BusyStores: true}})
	first := r.create("TRML1")
	r.want(r.call("POST", base+"terminal/orders/create", r.payload("TRML1")), 510, busyReply)
	orders := r.sim.Orders()
	if len(orders) != 2 || orders[1].Shown != 0 || r.listed(orders[1].UUID) != "SENT" {
		t.Fatalf("the books hold %+v", orders)
	}
	r.wantMessage(r.call("POST", base+"terminal/orders/cancel/"+first, `{"type":"payment"}`), 200, "cancelledOrderSuccessfully")
	r.wantMessage(r.call("POST", base+"terminal/orders/resend/"+orders[1].UUID, ""), 202, "orderSentSuccessfully")
}

func TestNumbersLag(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, simulator.Options{})
		number := func(uuid string) any {
			list, _ := r.detailed(uuid)["productList"].([]any)
			line, _ := list[0].(map[string]any)
			return line["id"]
		}
		if code, out := r.steer("POST", "/lag", `{"numbers":"20s"}`); code != 204 {
			t.Fatalf("HTTP %d %s", code, out)
		}
		uuid := r.create("TRML1")
		just(20*time.Second, func() {
			if got := number(uuid); got != nil {
				t.Errorf("before: %v", got)
			}
		}, func() {
			if got := number(uuid); got != float64(451) {
				t.Errorf("after: %v", got)
			}
		})
		if code, out := r.steer("POST", "/lag", `{"noNumbers":true}`); code != 204 {
			t.Fatalf("HTTP %d %s", code, out)
		}
		uuid = r.create("TRML1")
		time.Sleep(time.Hour)
		if got := number(uuid); got != nil {
			t.Errorf("never: %v", got)
		}
	})
}
