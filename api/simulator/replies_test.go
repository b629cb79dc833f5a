package simulator_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"tillpost/api/simulator"
)

const (
	notFoundErrors = `{"status_code":404,"status_message":"Not Found","message":"orderNotFound","is_error":false,"errors":null}`
	notFoundData   = `{"status_code":404,"status_message":"Not Found","message":"orderNotFound","is_data":false,"data":null}`
	invalid        = `{"status_code":417,"status_message":"Client Error","message":"payloadValidationErrors","is_error":true,"errors":"Array"}`
	busyReply      = `{"status_code":510,"status_message":"Execution Exception Occurred","message":"terminalIsBusy","is_error":true,"errors":"Array"}`
)

// TestRepliesAreTheDocuments walks an order through its life and compares each
// reply with the one on the operation's page.
func TestRepliesAreTheDocuments(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{Customer: simulator.WalkAway(), Organization: "ORG1", Seed: 1})
	r.want(r.call("GET", base+"terminal/lists/ORG1", ""), 200,
		`{"status_code":200,"status_message":"OK","message":"terminalsRetrievedSuccessfully","is_data":true,"data":[
		{"uuid":"TRML1","name":"Till 1","status":1,"organization_uuid":"ORG1"},
		{"uuid":"TRML2","name":"Till 2","status":1,"organization_uuid":"ORG1"}]}`)
	r.want(r.call("GET", base+"terminal/lists/ORG2", ""), 510,
		`{"status_code":510,"status_message":"Execution Exception Occurred","message":"Something Went Wrong","is_error":true,"errors":"Array"}`)

	a := r.call("POST", base+"terminal/orders/create", r.payload("TRML1"))
	uuid := r.sim.Orders()[0].UUID
	r.want(a, 201, `{"status_code":201,"status_message":"OK","message":"terminalOrderAddedSuccessfully","is_data":true,"data":{"orderUuid":"`+uuid+`"}}`)
	if len(uuid) != len("ODR1234567890") || !strings.HasPrefix(uuid, "ODR") {
		t.Errorf("uuid %q has not the documents' form", uuid)
	}
	status := base + "terminal/orders/payment-status/" + uuid
	r.want(r.call("GET", status, ""), 200, `{"status_code":200,"status_message":"OK","order_status":"SENT","message":"Order Status Retrieved Successfully","is_data":false,"data":null}`)
	r.want(r.call("POST", base+"terminal/orders/resend/"+uuid, ""), 202,
		`{"status_code":200,"status_message":"OK","message":"orderSentSuccessfully","is_data":false,"data":{"orderUuid":"`+uuid+`"}}`)
	if err := r.sim.Settle(uuid, simulator.Pays); err != nil {
		t.Fatal(err)
	}
	r.want(r.call("GET", status, ""), 200, `{"status_code":200,"status_message":"OK","order_status":"PAID","message":"orderPaymentConfirmed","is_data":false,"data":null}`)
	r.want(r.call("GET", status, ""), 200, `{"status_code":200,"status_message":"OK","order_status":"PAID","message":"orderStatusUpdatedSuccessfully","is_data":false,"data":null}`)
	r.want(r.call("POST", base+"terminal/orders/cancel/"+uuid, `{"type":"payment"}`), 400,
		`{"status_code":400,"status_message":"Conflict of Business Logic","message":"orderStatusAlreadyPaid","is_error":false,"errors":null}`)
	r.want(r.call("GET", base+"orders/status", ""), 200, `{"status_code":200,"status_message":"OK","message":"Order Status Retrieved Successfully","is_data":true,"data":[{"uuid":"`+uuid+`","status":"PAID"}]}`)
	r.want(r.call("GET", base+"orders/status/"+uuid, ""), 200, `{"status_code":200,"status_message":"OK","message":"Order Status Retrieved Successfully","is_data":true,"data":{"uuid":"`+uuid+`","status":"PAID"}}`)
	r.want(r.call("GET", base+"orders/status?type=SENT", ""), 404, `{"status_code":404,"status_message":"Not Found","message":"Order Not Found","is_error":false,"errors":null}`)

	other := r.create("TRML2")
	status = base + "terminal/orders/payment-status/" + other
	r.want(r.call("POST", base+"terminal/orders/cancel/"+other, `{"type":"payment"}`), 200,
		`{"status_code":200,"status_message":"OK","message":"cancelledOrderSuccessfully","is_data":false,"data":null}`)
	r.want(r.call("GET", status, ""), 200, `{"status_code":200,"status_message":"OK","order_status":"CANCELLED","message":"cancelledOrderSuccessfully","is_data":false,"data":null}`)
	third := r.create("TRML2")
	if err := r.sim.Settle(third, simulator.Declines); err != nil {
		t.Fatal(err)
	}
	r.want(r.call("GET", base+"terminal/orders/payment-status/"+third, ""), 200,
		`{"status_code":200,"status_message":"OK","order_status":"CANCELLED","message":"orderPaymentFailed","is_data":false,"data":null}`)
}

func TestUnknownOrdersAnswerTheDocumented404(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{})
	refund := `{"type":"regular","grandTotal":42,"products":[{"id":12,"amount":42}],"isReversal":false}`
	approval := `{"type":"regular","grandTotal":55,"message":"why","products":[{"id":451,"amount":30},{"id":452,"amount":25}]}`
	for _, c := range []struct{ method, path, body, want string }{
		{"POST", base + "terminal/orders/cancel/", `{"type":"payment"}`, notFoundData},
		{"POST", base + "terminal/orders/cancel/", `{"type":"refund"}`, notFoundData},
		{"POST", base + "terminal/orders/resend/", "", notFoundErrors},
		{"GET", base + "terminal/orders/payment-status/", "", notFoundErrors},
		{"POST", base + "terminal/orders/refund/", refund, notFoundErrors},
		{"POST", base + "terminal/orders/refund-status/", "", notFoundErrors},
		{"GET", base + "terminal/orders/refund-status/", "", notFoundErrors},
		{"POST", "/api/v1/orders/refund/request/approval/", approval, notFoundData},
		{"GET", base + "orders/status/", "", notFoundErrors},
		{"GET", base + "orders/details/", "", notFoundErrors},
	} {
		r.want(r.call(c.method, c.path+"ODR0000000000", c.body), 404, c.want)
	}
}

func TestTheDoor(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{})
	req := func(method, path, token string) *http.Request {
		q, err := http.NewRequestWithContext(t.Context(), method, path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Authorization", token)
		return q
	}
	list := base + "terminal/lists/ORG1"
	for token, status := range map[string]int{"Bearer secret": 200, "Bearer other": 401, "secret ": 401, "": 401} {
		if a := r.do(req("GET", list, token)); a.status != status {
			t.Errorf("token %q: HTTP %d, want %d", token, a.status, status)
		}
	}
	r.sim.SetToken("changed")
	if a := r.do(req("GET", list, "Bearer secret")); a.status != 401 {
		t.Errorf("the old token: HTTP %d", a.status)
	}
	r.sim.SetToken("")
	if a := r.do(req("DELETE", list, "")); a.status != 405 || a.header.Get("Allow") != "GET" {
		t.Errorf("a wrong method: HTTP %d, Allow %q", a.status, a.header.Get("Allow"))
	}
	for _, path := range []string{"/", base + "terminal/orders/cancel/", base + "terminal/lists/a/b", base + "nothing"} {
		if a := r.do(req("GET", path, "")); a.status != 404 {
			t.Errorf("%s: HTTP %d", path, a.status)
		}
	}
	if a := r.do(req("GET", "/any/prefix"+list, "")); a.status != 200 {
		t.Errorf("behind a prefix: HTTP %d", a.status)
	}
}

// TestDetails compares a reply in full: numbers keep their digits, lines get ids.
func TestDetails(t *testing.T) {
	t.Parallel()
	now := time.Date(2020, 11, 20, 9, 30, 0, 0, time.UTC)
	r := newRig(t, simulator.Options{Clock: func() time.Time { return now }})
	uuid := r.create("TRML1")
	a := r.call("GET", base+"orders/details/"+uuid, "")
	if got := a.header.Get("Date"); got != "Fri, 20 Nov 2020 09:30:00 GMT" {
		t.Errorf("Date is %q, not the clock's", got)
	}
	date := time.Now().Add(24 * time.Hour).Format("02 Jan, 2006")
	r.want(a, 200, fmt.Sprintf(`{"status_code":200,"status_message":"OK","message":"orderRetrievedSuccessfully","is_data":true,"data":{
	"type":"terminal","orderUuid":%q,"invoiceNumber":null,"status":"PAID","orderDate":%q,"paymentLinkDueDate":null,
	"productList":[
	{"amount":99.00,"discount":0,"id":451,"name":"Coffee, large","productId":"COF-L","quantity":"2","rate":49.50,"tax":"15"},
	{"amount":"40.00","discount":"0","id":452,"name":"Bun","productId":"BUN","quantity":1,"rate":"40","tax":15}],
	"orderSummary":{"discount":"0.00","grandTotal":"139.00","subTotal":"120.87","tax":"18.13"},
	"customerDetails":{"address":{"city":"Oslo","country":"NO","street":"Storgata 1","zip":"0155"},"countryCode":"+47","customerUuid":null,
	"email":"walk-in@example.no","msisdn":"40000000","name":"Walk In","organizationId":null,"personalNumber":null,"preferredLanguage":"no","type":"private"},
	"invoiceReferences":{"customerNotes":"","customerReference":"till-17","referenceNo":"mark-1","tnc":""},
	"paymentHistory":{"paidAt":"2020-11-20 10:30:00","amount":139,"refunded":0,"refunds":[]}}}`, uuid, date))
}

func TestBooksKeepTheBytes(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{})
	body := r.payload("TRML1")
	if a := r.call("POST", base+"terminal/orders/create", body); a.status != 201 {
		t.Fatal(a.raw)
	}
	for _, mark := range []string{"mark-1", "till-17", "mark-2"} {
		if n := len(r.sim.OrdersByReference(mark)); n != 1 {
			t.Errorf("%d orders bear %q", n, mark)
		}
	}
	o := r.sim.Orders()[0]
	if string(o.Body) != body || o.Seq != 1 || o.Amount.String() != "139.00" {
		t.Errorf("the books have seq %d, amount %s, body %s", o.Seq, o.Amount, o.Body)
	}
	if len(r.sim.OrdersByReference("")) != 0 {
		t.Error("an empty mark finds orders")
	}
}

func TestHiddenLookups(t *testing.T) {
	t.Parallel()
	for lookups, status := range map[simulator.Lookups]int{simulator.LookupsForbidden: 403, simulator.LookupsHidden: 404} {
		r := newRig(t, simulator.Options{Lookups: lookups})
		uuid := r.create("TRML1")
		for _, path := range []string{"status", "status/" + uuid, "details/" + uuid} {
			if a := r.call("GET", base+"orders/"+path, ""); a.status != status {
				t.Errorf("%s: HTTP %d, want %d", path, a.status, status)
			}
		}
		if a := r.call("GET", base+"terminal/orders/payment-status/"+uuid, ""); a.status != 200 {
			t.Errorf("the terminal's own page: HTTP %d", a.status)
		}
		r.sim.SetLookups(simulator.LookupsShown)
		if a := r.call("GET", base+"orders/details/"+uuid, ""); a.status != 200 {
			t.Errorf("shown again: HTTP %d", a.status)
		}
	}
}
