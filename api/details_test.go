package api

import (
	"net/url"
	"strings"
	"testing"
)

const detailsReply = `{"status_code":200,"message":"orderRetrievedSuccessfully","is_data":true,"data":{
 "uuid":"ODR1","status":"PARTIAL REFUNDED","callbackUrl":"https://till.example/callback/m4rk",
 "productList":[{"id":451,"name":"Hair Wash","productId":"VFDDF","quantity":"1","rate":42,"discount":0,"tax":"0","amount":"42.50"},{"id":"452","amount":25}],
 "orderSummary":{"subTotal":"67.50","totalTax":"0.00","totalDiscount":0,"grandTotal":67.50},
 "invoiceReferences":{"referenceNo":"ref-1","customerReference":3500,"customerNotes":"","tnc":null},
 "paymentHistory":{"paidAt":"2026-11-20 10:00","amount":"67.50","refunded":25,"refunds":[{"at":"x","amount":"25.00","isRefunded":true,"isPartial":1}]}}}`

func TestOrderDetails(t *testing.T) {
	t.Parallel()
	d, r := serve(t, answer(200, detailsReply)).OrderDetails(t.Context(), "ODR1")
	wantOutcome(t, "details", r, OutcomeAccepted)
	if d.State() != PaymentPaid || len(d.Products) != 2 || d.Products[0].ID != 451 || d.Products[1].ID != 452 {
		t.Errorf("%+v", d)
	}
	for name, a := range map[string]struct {
		Amount
		want int64
	}{
		"grand total": {d.GrandTotal, 6750}, "line": {d.Products[0].Amount, 4250}, "refunded": {d.Payment.Refunded, 2500},
		"refund": {d.Payment.Refunds[0].Amount, 2500},
	} {
		if got, ok := a.Minor(); !ok || got != a.want {
			t.Errorf("%s: %d øre (%t), want %d", name, got, ok, a.want)
		}
	}
	if e := d.Payment.Refunds[0]; !e.IsRefunded || !d.Payment.Known {
		t.Errorf("history %+v", d.Payment)
	}
	for _, mark := range []string{"ref-1", "3500", "m4rk"} {
		if !strings.Contains(d.References(), mark) {
			t.Errorf("%q is not in %q", mark, d.References())
		}
	}
}

func TestOrderDetailsAreReadLeniently(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, data, references string
		want                   Outcome
	}{
		{"references as text", `{"invoiceReferences":"ref-1"}`, "ref-1", OutcomeAccepted},
		{"references null", `{"status":"SENT","invoiceReferences":null,"paymentHistory":null}`, "", OutcomeAccepted},
		{"empty PHP arrays", `{"status":"SENT","productList":[],"orderSummary":[],"invoiceReferences":[],"paymentHistory":[]}`, "", OutcomeAccepted},
		{"in a list", `[{"uuid":"ODR1","invoiceReferences":["a",{"b":"c"}]}]`, "a\nc", OutcomeAccepted},
		{"shapes that make no sense", `{"productList":"x","orderSummary":1,"invoiceReferences":true,"paymentHistory":{"refunds":{"a":1}}}`, "", OutcomeAccepted},
		{"another order's", `{"uuid":"ODR2"}`, "", OutcomeAmbiguous},
		{"null", `null`, "", OutcomeAmbiguous},
		{"nothing", `[]`, "", OutcomeAmbiguous},
		{"two", `[{"uuid":"ODR1"},{"uuid":"ODR1"}]`, "", OutcomeAmbiguous},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d, r := serve(t, answer(200, `{"message":"orderRetrievedSuccessfully","data":`+tt.data+`}`)).OrderDetails(t.Context(), "ODR1")
			wantOutcome(t, tt.name, r, tt.want)
			if d.References() != tt.references {
				t.Errorf("references %q, want %q", d.References(), tt.references)
			}
		})
	}
}

func TestProductsKeyedByNumberKeepTheirOrder(t *testing.T) {
	t.Parallel()
	c := serve(t, answer(200, `{"message":"x","data":{"products":{"10":{"id":3},"2":{"id":2},"0":{"id":1}}}}`))
	d, _ := c.OrderDetails(t.Context(), "ODR1")
	if len(d.Products) != 3 || d.Products[0].ID != 1 || d.Products[1].ID != 2 || d.Products[2].ID != 3 {
		t.Errorf("%+v", d.Products)
	}
}

func TestOrderStatus(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]Outcome{
		`{"message":"x","data":{"uuid":"ODR1","status":"EXPIRED"}}`:   OutcomeAccepted,
		`{"message":"x","data":[{"uuid":"ODR1","status":"EXPIRED"}]}`: OutcomeAccepted,
		`{"message":"x","data":{"uuid":"ODR2","status":"EXPIRED"}}`:   OutcomeAmbiguous,
		`{"message":"x","data":{"uuid":"ODR1"}}`:                      OutcomeAmbiguous,
	} {
		s, r := serve(t, answer(200, body)).OrderStatus(t.Context(), "ODR1")
		wantOutcome(t, body, r, want)
		if want == OutcomeAccepted && s.State() != PaymentExpired {
			t.Errorf("%+v", s)
		}
	}
}

func TestPaymentStates(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]PaymentState{
		"PAID": PaymentPaid, "Refunded": PaymentPaid, "PARTIAL REFUNDED": PaymentPaid, "partial_refunded": PaymentPaid, "INVOICED": PaymentPaid,
		"CANCELLED": PaymentCancelled, "EXPIRED": PaymentExpired, "SENT": PaymentPending, "": PaymentPending, "ON HOLD": PaymentPending,
	} {
		if got := paymentState(status, ""); got != want {
			t.Errorf("%q: %v, want %v", status, got, want)
		}
	}
	if got := paymentState("CANCELLED", codePaymentFailed); got != PaymentDeclined {
		t.Errorf("cancelled as the payment failed: %v", got)
	}
	if got := paymentState("PAID", codePaymentFailed); got != PaymentPaid {
		t.Errorf("the status decides: %v", got)
	}
	// Pending is undocumented: no order_status at all is pending, in the API's frame only.
	s, r := serve(t, answer(200, `{"status_code":200,"message":"x","data":null}`)).PaymentStatus(t.Context(), "ODR1")
	if s.State != PaymentPending || r.Outcome != OutcomeAccepted {
		t.Errorf("%+v %+v", s, r)
	}
}

func TestTerminalLists(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]struct {
		Outcome
		count int
	}{
		`[]`: {OutcomeAccepted, 0},
		`[{"uuid":"T1","name":"x","status":0},{"uuid":"T2","status":"active"}]`: {OutcomeAccepted, 2},
		`{"0":{"uuid":"T1"},"3":{"uuid":"T2"}}`:                                 {OutcomeAccepted, 2},
		`[{"uuid":"T1"},{"uuid":"no/topic"}]`:                                   {OutcomeAccepted, 1},
		`[{"uuid":"T1"},{"name":"no uuid"}]`:                                    {OutcomeAmbiguous, 0},
		`null`:                                                                  {OutcomeAmbiguous, 0},
		`{"data":[{"uuid":"T1"}],"current_page":1}`:                             {OutcomeAmbiguous, 0},
	} {
		list, r := serve(t, answer(200, `{"status_code":200,"message":"x","data":`+data+`}`)).ListTerminals(t.Context())
		wantOutcome(t, data, r, want.Outcome)
		if len(list) != want.count {
			t.Errorf("%s: %+v", data, list)
		}
	}
}

func TestAmounts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"42": 4200, "42.00": 4200, "0.1": 10, "-1.50": -150, "-0.05": -5, "1.500": 150, "9999999999.99": 999999999999,
	} {
		if got, ok := parseAmount(text).Minor(); !ok || got != want {
			t.Errorf("%q: %d (%t), want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"0.001", "99999999999999999"} {
		if got, ok := parseAmount(text).Minor(); ok {
			t.Errorf("%q is not whole øre that fit, got %d", text, got)
		}
	}
	for text, want := range map[string]int64{"33.535": 3354, "8.4645": 847, "42": 4200, "-0.001": 0} {
		if got, ok := parseAmount(text).MinorUp(); !ok || got != want {
			t.Errorf("%q rounded up: %d (%t), want %d", text, got, ok, want)
		}
	}
	if got, ok := (Amount{}).MinorUp(); ok {
		t.Errorf("an unknown amount is no amount, got %d", got)
	}
	for _, text := range []string{"", "-", ".", "1.", ".5", "1,5", "1 000", "4.2e1", "NaN", "--1", "+1", "1.2.3", "12345678901234567890"} {
		if a := parseAmount(text); a.known {
			t.Errorf("%q was read as %v", text, a.value)
		}
	}
	if got := parseAmount("42.50").value.String(); got != "42.50" {
		t.Errorf("digits not kept: %s", got)
	}
}

func TestParseCallback(t *testing.T) {
	t.Parallel()
	q := url.Values{
		"orderUuid": {"ODR1566017307"}, "status": {"Approved"}, "type": {"Payment"}, "baseAmount": {"42"}, "vatAmount": {"0"}, "totalAmount": {"42"}, "currency": {"NOK"},
	}
	c, err := ParseCallback(q)
	if err != nil || c.Refund || c.OrderUUID != "ODR1566017307" {
		t.Errorf("%+v, %v", c, err)
	}
	q.Set("status", "Cancelled")
	q.Set("type", "Payment_Refund")
	if c, err := ParseCallback(q); err != nil || !c.Refund {
		t.Errorf("%+v, %v", c, err)
	}
	for key, bad := range map[string]string{"orderUuid": "a b", "status": "Perhaps", "type": ""} {
		was := q.Get(key)
		q.Set(key, bad)
		if _, err := ParseCallback(q); err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%s %q: %v", key, bad, err)
		}
		q.Set(key, was)
	}
}
