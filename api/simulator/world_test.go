package simulator_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/govalues/decimal"

	"tillpost/api/simulator"
)

// TestPages has a proxy answer in the API's place, whatever is asked for.
func TestPages(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{})
	for code, says := range map[int]string{403: "403 Forbidden", 404: "404 Not Found", 502: "502 Bad Gateway", 503: "503 Service Unavailable", 200: "Sign in"} {
		r.sim.Inject(simulator.Fault{Times: 2, Do: simulator.Page(code)})
		for _, a := range []answer{
			r.call("POST", base+"terminal/orders/create", r.payload("TRML1")),
			r.call("GET", base+"orders/status", ""),
		} {
			if a.status != code || a.header.Get("Content-Type") != "text/html" || !strings.Contains(a.raw, says) || a.body != nil {
				t.Errorf("HTTP %d %s: %s", a.status, a.header.Get("Content-Type"), a.raw)
			}
		}
	}
	if n := len(r.sim.Orders()); n != 0 {
		t.Errorf("%d orders came to exist behind the pages", n)
	}
	r.create("TRML1")
}

// TestFaultsForATime: an outage that answers, and a fault that is used up before its time.
func TestFaultsForATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, simulator.Options{})
		status := func() int { return r.call("GET", base+"terminal/lists/ORG1", "").status }
		want := func(code int) func() {
			return func() {
				if got := status(); got != code {
					t.Errorf("HTTP %d, want %d", got, code)
				}
			}
		}
		r.sim.Inject(simulator.Fault{For: 2 * time.Minute, Do: simulator.Page(502)})
		if left := r.sim.Faults(); len(left) != 1 || left[0].For != 2*time.Minute {
			t.Errorf("the script is %v", left)
		}
		just(2*time.Minute, want(502), want(200))
		if left := r.sim.Faults(); len(left) != 0 {
			t.Errorf("left of the script: %v", left)
		}
		r.sim.Inject(simulator.Fault{For: time.Minute, Times: 1, Do: simulator.Page(503)})
		want(503)()
		want(200)()
	})
}

// TestContradictions: a reply that says no, in either place, beside what only a success says.
func TestContradictions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do           simulator.Action
		http, inBody int
		message      string
	}{
		"both":      {simulator.Contradict(429, simulator.BothSides, ""), 429, 429, "terminalOrderAddedSuccessfully"},
		"http":      {simulator.Contradict(401, simulator.SideHTTP, ""), 401, 201, "terminalOrderAddedSuccessfully"},
		"body":      {simulator.Contradict(403, simulator.SideBody, "Forbidden"), 201, 403, "Forbidden"},
		"busy":      {simulator.Contradict(510, simulator.BothSides, "terminalIsBusy"), 510, 510, "terminalIsBusy"},
		"busy, 201": {simulator.Contradict(510, simulator.SideBody, "terminalIsBusy"), 201, 510, "terminalIsBusy"},
	} {
		for _, acts := range []bool{true, false} {
			r := newRig(t, simulator.Options{})
			c.do.WithoutActing = !acts
			r.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: c.do})
			a := r.call("POST", base+"terminal/orders/create", r.payload("TRML1"))
			data, _ := a.body["data"].(map[string]any)
			uuid, _ := data["orderUuid"].(string)
			if code, _ := a.body["status_code"].(float64); a.status != c.http || int(code) != c.inBody || a.message() != c.message || !strings.HasPrefix(uuid, "ODR") {
				t.Errorf("%s: HTTP %d %s", name, a.status, a.raw)
			}
			if _, exists := r.sim.Order(uuid); exists != acts {
				t.Errorf("%s: the order exists: %v, want %v", name, exists, acts)
			}
		}
	}
}

// TestContradictionsOfTheOthers: every call that changes something can contradict itself
// without acting, and what fails anyway is left as it is.
func TestContradictionsOfTheOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{})
	uuid := r.create("TRML1")
	not := simulator.Contradict(429, simulator.BothSides, "")
	not.WithoutActing, not.RetryAfter = true, 1500*time.Millisecond
	for path, message := range map[string]string{
		refundPath + uuid: "terminalOrderRefundRequestSuccessfully", approvalPath + uuid: "requestedOrderRefundSuccessfully",
		base + "terminal/orders/resend/" + uuid: "orderSentSuccessfully", base + "terminal/orders/cancel/" + uuid: "cancelledOrderSuccessfully",
		base + "orders/details/" + uuid: "orderRetrievedSuccessfully",
	} {
		method := map[bool]string{true: "GET", false: "POST"}[strings.Contains(path, "details")]
		r.sim.Inject(simulator.Fault{Do: not})
		a := r.call(method, path, refundOf("42", "451=42"))
		r.wantMessage(a, 429, message)
		if got := a.header.Get("Retry-After"); got != "2" {
			t.Errorf("%s: Retry-After %q", path, got)
		}
	}
	if o := r.order(uuid); len(o.Refunds) != 0 || o.Status != simulator.Paid {
		t.Errorf("something was done: %+v", o)
	}
	r.sim.Inject(simulator.Fault{Do: simulator.Contradict(429, simulator.BothSides, "")})
	r.wantMessage(r.call("POST", base+"terminal/orders/create", "{}"), 417, "payloadValidationErrors")
}

// TestRefusedAfterAHiddenRefund: a refund that is called busy and carried out has the next
// one refused, as it is done.
func TestRefusedAfterAHiddenRefund(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{})
	uuid := r.create("TRML1")
	r.sim.Inject(simulator.Fault{Operation: simulator.OpRefund, Do: simulator.BusyButCreated()})
	r.want(r.call("POST", refundPath+uuid, refundOf("139", "451=99", "452=40")), 510, busyReply)
	r.wantMessage(r.call("POST", refundPath+uuid, refundOf("139", "451=99", "452=40")), 400,
		"refundRejectionForRefundedCancelledInvoicedOrderParamRefunded")
	if o := r.order(uuid); len(o.Refunds) != 1 || o.Status != simulator.Refunded {
		t.Errorf("the books have %+v", o)
	}
}

// TestNamingTheCustomer: free text of the API names the customer in a reply to a call that
// spoke of none.
func TestNamingTheCustomer(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{})
	uuid := r.create("TRML1")
	r.sim.Inject(simulator.Fault{Operation: simulator.OpRefund, Do: simulator.RefuseNaming(0, "")})
	a := r.call("POST", refundPath+uuid, refundOf("42", "451=42"))
	for _, personal := range []string{"Walk In", "Storgata 1", "40000000", "walk-in@example.no"} {
		if a.status != 400 || strings.Count(a.raw, personal) != 2 {
			t.Errorf("HTTP %d %s, want %q in the message and in the errors", a.status, a.raw, personal)
		}
	}
	r.sim.Inject(simulator.Fault{Operation: simulator.OpOrderStatuses, Do: simulator.RefuseNaming(510, "no list for {name}")})
	r.wantMessage(r.call("GET", base+"orders/status", ""), 510, "no list for Walk In")
	if o := r.order(uuid); len(o.Refunds) != 0 {
		t.Errorf("the refund was taken: %+v", o.Refunds)
	}
}

// TestElsewhere: orders and refunds that did not come through this API.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, simulator.Options{})
		amount := decimal.MustNew(4200, 2)
		paid, err := r.sim.PlaceElsewhere(simulator.Elsewhere{Terminal: "TRML9", Amount: amount, Status: simulator.Paid, Reference: "web-7"})
		if err != nil {
			t.Fatal(err)
		}
		if o := r.order(paid); o.PaidAt.IsZero() || o.Amount.Cmp(amount) != 0 || len(o.Calls) != 0 || r.listed(paid) != "PAID" {
			t.Errorf("the books have %+v", o)
		}
		if refs, _ := r.detailed(paid)["invoiceReferences"].(map[string]any); refs["referenceNo"] != "web-7" {
			t.Errorf("its details have %v", refs)
		}
		sent, err := r.sim.PlaceElsewhere(simulator.Elsewhere{Amount: amount})
		if err != nil || r.paymentStatus(sent) != "SENT" || r.sim.RefundElsewhere(sent, amount, simulator.Pay(0)) == nil {
			t.Errorf("%v: an order that nobody paid is paid back, or is %s", err, r.paymentStatus(sent))
		}
		half := decimal.MustNew(21, 0)
		for _, c := range []simulator.Customer{simulator.Decline(0), simulator.Pay(time.Minute), simulator.WalkAway()} {
			if err := r.sim.RefundElsewhere(paid, half, c); err != nil {
				t.Error(err)
			}
		}
		if got := r.refundsOf(paid); got != "21, 21, 21" || r.refundStatus(paid) != "PENDING" {
			t.Errorf("%s; %s", got, r.refundStatus(paid))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := r.refundsOf(paid); got != "21, 21 done, 21" || r.order(paid).Refunds[1].Kind != simulator.RefundPortal {
			t.Errorf("%s", got)
		}
		if r.sim.RefundElsewhere(paid, half, simulator.Pay(0)) == nil || r.sim.RefundElsewhere("ODR0", half, simulator.Pay(0)) == nil {
			t.Error("more goes back than was paid")
		}
		r.sim.SetNegativeHistory(true)
		h, _ := r.detailed(paid)["paymentHistory"].(map[string]any)
		if got := r.refundsOf(paid); got != "-21, -21 done, -21" || decimalText(h["refunded"]) != "-21" {
			t.Errorf("below zero: %s, in all %v", got, h["refunded"])
		}
	})
}

func TestElsewhereIsChecked(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{})
	for _, e := range []simulator.Elsewhere{
		{}, {Amount: decimal.MustNew(-1, 0)}, {Amount: decimal.MustNew(1, 3)}, {Amount: decimal.MustNew(1, 0), Status: "LOST"},
		{Amount: decimal.MustNew(1_000_001, 0)},
	} {
		if uuid, err := r.sim.PlaceElsewhere(e); err == nil {
			t.Errorf("%+v is taken as %s", e, uuid)
		}
	}
}

// TestCallbacksMisbehave: early, repeated and forged ones.
func TestCallbacksMisbehave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		var last atomic.Pointer[string]
		r := overPipe(t, simulator.Options{Callbacks: &http.Client{Transport: roundTrip(func(q *http.Request) (*http.Response, error) {
			calls.Add(1)
			uri := q.URL.RequestURI()
			last.Store(&uri)
			return httptest.NewRecorder().Result(), nil
		})}})
		// Early: before the reply to the create.
		r.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DelayReply(30 * time.Second)})
		replied := make(chan string)
		go func() { replied <- r.create("TRML1") }()
		time.Sleep(time.Second)
		synctest.Wait()
		if calls.Load() != 1 {
			t.Errorf("%d callbacks before the reply", calls.Load())
		}
		uuid := <-replied
		if !strings.Contains(*last.Load(), uuid) {
			t.Errorf("the callback was %s", *last.Load())
		}
		// Repeated.
		r.sim.Inject(simulator.Fault{Operation: simulator.OpCallback, Do: simulator.Repeat(2, 10*time.Second)})
		r.create("TRML1")
		just(20*time.Second, func() {
			if n := calls.Load(); n != 3 {
				t.Errorf("%d callbacks before the last copy's time", n)
			}
		}, func() {
			if n := calls.Load(); n != 4 || r.sim.Count(simulator.OpCallback) != 4 {
				t.Errorf("%d callbacks, %d counted", n, r.sim.Count(simulator.OpCallback))
			}
		})
		// Forged.
		if err := r.sim.Forge(uuid, simulator.Forgery{Order: "ODR999", Approved: true, Amount: decimal.MustNew(1, 0)}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := *last.Load(); got != "/callback/mark-2?currency=NOK&orderUuid=ODR999&shop=7&status=Approved&totalAmount=1&type=Payment" {
			t.Errorf("forged: %s", got)
		}
		elsewhere, err := r.sim.PlaceElsewhere(simulator.Elsewhere{Amount: decimal.MustNew(1, 0)})
		if err != nil || r.sim.Forge(elsewhere, simulator.Forgery{}) == nil || r.sim.Forge("ODR0", simulator.Forgery{}) == nil {
			t.Errorf("%v: forged where nobody listens", err)
		}
	})
}
