package simulator_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/api/simulator"
)

// TestACustomerTakesTime runs a whole server and client on a bubble's clock, and
// looks just before and just at each moment.
func TestACustomerTakesTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := overPipe(t, simulator.Options{Customer: simulator.Pay(7 * time.Second), RefundCustomer: simulator.Pay(24 * time.Hour)})
		uuid := r.create("TRML1")
		status := func() string {
			s, _ := r.call("GET", base+"terminal/orders/payment-status/"+uuid, "").body["order_status"].(string)
			return s
		}
		time.Sleep(7*time.Second - 1)
		if got := status(); got != "SENT" {
			t.Errorf("before the customer pays: %s", got)
		}
		r.want(r.call("POST", base+"terminal/orders/create", r.payload("TRML1")), 510, busyReply)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if got := status(); got != "PAID" {
			t.Errorf("when the customer pays: %s", got)
		}
		refund := func() string {
			s, _ := r.call("POST", statusPath+uuid, "").body["refund_status"].(string)
			return s
		}
		r.wantMessage(r.call("POST", refundPath+uuid, refundOf("42", "451=42")), 202, "terminalOrderRefundRequestSuccessfully")
		time.Sleep(24*time.Hour - 1)
		if got := refund(); got != "PENDING" {
			t.Errorf("before the refund: %s", got)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if got, o := refund(), r.order(uuid); got != "REFUNDED" || o.Status != simulator.PartiallyRefunded {
			t.Errorf("at the refund: %s, order %s", got, o.Status)
		}
	})
}

func TestApprovalsAreDecidedLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, simulator.Options{Approver: simulator.Deny(time.Hour)})
		uuid := r.create("TRML1")
		ask := `{"type":"regular","grandTotal":99,"message":"why","products":[{"id":451,"amount":99}]}`
		for _, want := range []string{"REJECTED", "REFUNDED"} {
			r.wantMessage(r.call("POST", approvalPath+uuid, ask), 201, "requestedOrderRefundSuccessfully")
			time.Sleep(time.Hour - 1)
			if got := r.call("GET", statusPath+uuid, "").body["refund_status"]; got != "PENDING" {
				t.Errorf("before the decision: %v", got)
			}
			time.Sleep(time.Nanosecond)
			synctest.Wait()
			if got := r.call("GET", statusPath+uuid, "").body["refund_status"]; got != want {
				t.Errorf("after the decision: %v, want %s", got, want)
			}
			r.sim.SetApprover(simulator.Grant(time.Hour))
		}
	})
}

// TestBusy checks what keeps a terminal from taking something new, and what frees it.
func TestBusy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, simulator.Options{Customer: simulator.WalkAway(), ShowFor: 90 * time.Second, ExpireAfter: time.Hour})
		create := func() answer { return r.call("POST", base+"terminal/orders/create", r.payload("TRML1")) }
		resend := func(uuid string) answer { return r.call("POST", base+"terminal/orders/resend/"+uuid, "") }

		first := r.create("TRML1")
		r.want(create(), 510, busyReply)
		r.create("TRML2") // one terminal's order is no other's trouble
		r.wantMessage(resend(first), 202, "orderSentSuccessfully")
		time.Sleep(90*time.Second - 1)
		r.want(create(), 510, busyReply)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		second := r.create("TRML1")
		r.want(resend(first), 510, busyReply)
		r.wantMessage(r.call("POST", base+"terminal/orders/cancel/"+second, `{"type":"payment"}`), 200, "cancelledOrderSuccessfully")
		r.wantMessage(resend(second), 510, "somethingWentWrong")
		if err := r.sim.SetCustomer("TRML1", simulator.Pay(time.Second)); err != nil {
			t.Fatal(err)
		}
		r.wantMessage(resend(first), 202, "orderSentSuccessfully")
		time.Sleep(time.Second)
		synctest.Wait()
		if o := r.order(first); o.Status != simulator.Paid || o.Shown != 3 {
			t.Errorf("sent again, the order is %s, shown %d times", o.Status, o.Shown)
		}
		r.wantMessage(resend(first), 400, "orderStatusAlreadyPaid")

		if err := r.sim.SetBusyFor("TRML1", 20*time.Second); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20*time.Second - 1)
		r.want(create(), 510, busyReply)
		r.want(r.call("POST", refundPath+first, refundOf("1", "451=1")), 510, busyReply)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		third := r.create("TRML1")
		time.Sleep(time.Second)
		synctest.Wait()
		if o := r.order(third); o.Status != simulator.Paid {
			t.Errorf("the order is %s", o.Status)
		}
		if r.sim.SetBusy("TRML9", true) == nil {
			t.Error("an unknown terminal can be busy")
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		for _, o := range r.sim.Orders() {
			if want := map[string]simulator.OrderStatus{first: simulator.Paid, second: simulator.Cancelled, third: simulator.Paid}[o.UUID]; want != "" && o.Status != want {
				t.Errorf("an order that had ended as %s is %s an hour later", want, o.Status)
			} else if want == "" && o.Status != simulator.Expired {
				t.Errorf("the order nobody paid is %s", o.Status)
			}
		}
	})
}

func TestQueuedCustomers(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{})
	if err := r.sim.SetNextCustomers("TRML1", simulator.Decline(0), simulator.Pay(0), simulator.Decline(0)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []simulator.OrderStatus{simulator.Cancelled, simulator.Paid, simulator.Cancelled, simulator.Paid} {
		if o := r.order(r.create("TRML1")); o.Status != want || o.Declined != (want == simulator.Cancelled) {
			t.Errorf("the order is %s, declined %v, want %s", o.Status, o.Declined, want)
		}
	}
	late := r.create("TRML1")
	if err := r.sim.SetStatus(late, simulator.Cancelled); err != nil {
		t.Fatal(err)
	}
	if err := r.sim.Settle(late, simulator.Pays); err != nil {
		t.Fatal(err)
	}
	if o := r.order(late); o.Status != simulator.Paid {
		t.Errorf("a late payment leaves the order %s", o.Status)
	}
	if r.sim.Settle(late, simulator.WalksAway) == nil || r.sim.Settle("ODR0", simulator.Pays) == nil {
		t.Error("what settles nothing is taken")
	}
}

// TestDelays: a call that is delayed acts when it is its time, also if the client
// has given up by then; one whose reply is delayed has acted already.
func TestDelays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := overPipe(t, simulator.Options{})
		r.client.Timeout = 30 * time.Second
		r.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.Delay(40 * time.Second)})
		r.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DelayReply(40 * time.Second)})
		for i, step := range []struct{ before, after int }{{0, 1}, {2, 2}} {
			if a := r.call("POST", base+"terminal/orders/create", r.payload("TRML1")); a.err == nil {
				t.Errorf("call %d: HTTP %d", i, a.status)
			}
			if n := len(r.sim.Orders()); n != step.before {
				t.Errorf("call %d: %d orders when the client gives up, want %d", i, n, step.before)
			}
			time.Sleep(10 * time.Second)
			synctest.Wait()
			if n := len(r.sim.Orders()); n != step.after {
				t.Errorf("call %d: %d orders in the end, want %d", i, n, step.after)
			}
		}
		if calls := r.sim.Calls(); len(calls) != 2 || calls[0].Fault != simulator.KindDelay {
			t.Errorf("calls: %+v", calls)
		}
	})
}

// TestOutageInABubble refuses connections, and cuts off a call under way.
func TestOutageInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := overPipe(t, simulator.Options{})
		r.sim.Inject(simulator.Fault{Do: simulator.DelayReply(20 * time.Second)})
		start := time.Now()
		cut := make(chan answer)
		go func() { cut <- r.call("POST", base+"terminal/orders/create", r.payload("TRML1")) }()
		time.Sleep(10 * time.Second)
		if err := r.sim.SetDown(true); err != nil {
			t.Fatal(err)
		}
		if a := <-cut; a.err == nil || time.Since(start) != 10*time.Second {
			t.Errorf("the call under way got HTTP %d, %v, after %s", a.status, a.err, time.Since(start))
		}
		if a := r.call("POST", base+"terminal/orders/create", r.payload("TRML1")); !errors.Is(a.err, syscall.ECONNREFUSED) {
			t.Errorf("while down: %v", a.err)
		}
		if err := r.sim.SetDown(false); err != nil {
			t.Fatal(err)
		}
		r.create("TRML1")
		if n := len(r.sim.Orders()); n != 2 {
			t.Errorf("%d orders, want the cut-off one and the last", n)
		}
	})
}

// TestCloseEndsWhatWaits: no timer fires and no call hangs after Close.
func TestCloseEndsWhatWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := overPipe(t, simulator.Options{Customer: simulator.Pay(time.Minute), ExpireAfter: time.Hour})
		uuid := r.create("TRML1")
		r.sim.Inject(simulator.Fault{Do: simulator.Delay(45 * time.Second)})
		cut := make(chan answer)
		start := time.Now()
		go func() { cut <- r.call("POST", base+"terminal/orders/create", r.payload("TRML2")) }()
		time.Sleep(time.Second)
		r.sim.Close()
		if a := <-cut; a.err == nil || time.Since(start) != time.Second {
			t.Errorf("the waiting call: HTTP %d, %v, after %s", a.status, a.err, time.Since(start))
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if o := r.order(uuid); o.Status != simulator.Sent || len(r.sim.Orders()) != 1 {
			t.Errorf("after Close the order became %s, of %d", o.Status, len(r.sim.Orders()))
		}
	})
}

// TestManyAtOnce is for the race detector, and for sums that must come out even.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{})
	var wg sync.WaitGroup
	body := r.payload("TRML1")
	for i := range 8 {
		wg.Go(func() {
			for range 25 {
				a := r.call("POST", base+"terminal/orders/create", body)
				if a.status != 201 {
					t.Errorf("worker %d: HTTP %d %s", i, a.status, a.raw)
				}
				_, _ = r.sim.Orders(), r.sim.Calls()
				r.call("GET", base+"orders/status", "")
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for i, o := range r.sim.Orders() {
		seen[o.UUID] = true
		if o.Seq != i+1 {
			t.Errorf("order %d has seq %d", i+1, o.Seq)
		}
	}
	if len(seen) != 200 || r.sim.Count(simulator.OpCreate) != 200 || len(r.sim.Calls()) != 400 {
		t.Errorf("%d orders, %d creates, %d calls", len(seen), r.sim.Count(simulator.OpCreate), len(r.sim.Calls()))
	}
}

// TestTerminalsComeAndGo also checks that the ring of calls forgets the oldest.
func TestTerminalsComeAndGo(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{Customer: simulator.WalkAway()})
	uuid := r.create("TRML1")
	r.sim.RemoveTerminal("TRML1")
	r.sim.AddTerminal(simulator.Terminal{UUID: "TRML2", Name: "Renamed", Inactive: true})
	r.sim.AddTerminal(simulator.Terminal{UUID: "TRML3", Name: "New"})
	r.want(r.call("GET", base+"terminal/lists/ORG1", ""), 200,
		`{"status_code":200,"status_message":"OK","message":"terminalsRetrievedSuccessfully","is_data":true,"data":[
		{"uuid":"TRML2","name":"Renamed","status":0,"organization_uuid":"ORG1"},{"uuid":"TRML3","name":"New","status":1,"organization_uuid":"ORG1"}]}`)
	r.wantMessage(r.call("POST", base+"terminal/orders/resend/"+uuid, ""), 510, "somethingWentWrong")
	r.wantMessage(r.call("POST", base+"terminal/orders/cancel/"+uuid, `{"type":"payment"}`), 200, "cancelledOrderSuccessfully")
	for range 1000 {
		rec := httptest.NewRecorder()
		r.sim.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/nothing", http.NoBody))
	}
	calls := r.sim.Calls()
	if len(calls) != 1000 || calls[0].Operation != simulator.OpUnknown || calls[999].Operation != simulator.OpUnknown {
		t.Errorf("%d calls are remembered, the first %+v", len(calls), calls[0])
	}
}
