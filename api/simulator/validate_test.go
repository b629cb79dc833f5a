package simulator_test

import (
	"strings"
	"testing"

	"tillpost/api/simulator"
)

// TestCreateRules breaks each rule of the page by one change of text, and sees the
// faulty field named.
func TestCreateRules(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{DetailedErrors: true})
	for _, c := range []struct{ from, to, field string }{
		{`"name": "Bun", `, ``, "products.1.name"},
		{`"quantity": "2"`, `"quantity": "two"`, "products.0.quantity"},
		{`"rate": 49.50`, `"rate": null`, "products.0.rate"},
		{`"tax": 15`, `"tax": ""`, "products.1.tax"},
		{`"amount": 99.00`, `"amount": [1]`, "products.0.amount"},
		{`"productId": "BUN"`, `"productId": 7`, "products.1.productId"},
		{`"subTotal": "120.87", `, ``, "orderSummary.subTotal"},
		{`"totalTax": "18.13", `, ``, "orderSummary.totalTax"},
		{`"totalDiscount": "0.00", `, ``, "orderSummary.totalDiscount"},
		{`"grandTotal": "139.00"`, `"grandTotal": "1,39"`, "orderSummary.grandTotal"},
		{`ORDER_DATE`, `01 Jan, 2024`, "orderDate"},
		{`ORDER_DATE`, `2030-01-01`, "orderDate"},
		{`"email": true`, `"email": false`, "sendOrderBy"},
		{`"sms": false, `, ``, "sendOrderBy.sms"},
		{`"TRML1"`, `"TRML9"`, "terminalUuid"},
		{`"TRML1"`, `null`, "terminalUuid"},
		{`"receiptPrint": false,`, ``, "receiptPrint"},
		{`"type": "private"`, `"type": "secret"`, "customerDetails.type"},
		{`"type": "private"`, `"type": "corporate"`, "customerDetails.organizationId"},
		{`"countryCode": "+47", `, ``, "customerDetails.countryCode"},
		{`"msisdn": "40000000"`, `"msisdn": 40000000`, "customerDetails.msisdn"},
		{`walk-in@example.no`, `walk-in`, "customerDetails.email"},
		{`"name": "Walk In", `, ``, "customerDetails.name"},
		{`"preferredLanguage": "no"`, `"preferredLanguage": "fi"`, "customerDetails.preferredLanguage"},
		{`"personalNumber": null`, `"personalNumber": "123"`, "customerDetails.personalNumber"},
		{`"street": "Storgata 1", `, ``, "customerDetails.address.street"},
		{`"country": "NO"`, `"country": "Norway"`, "customerDetails.address.country"},
		{`"referenceNo": "mark-1"`, `"referenceNo": 1`, "invoiceReferences.referenceNo"},
		{`http://127.0.0.1:1/callback/mark-2?shop=7`, `nowhere`, "callbackUrl"},
	} {
		a := r.call("POST", base+"terminal/orders/create", r.payload("TRML1", c.from, c.to))
		r.wantMessage(a, 417, "payloadValidationErrors")
		errs, _ := a.body["errors"].(map[string]any)
		if errs[c.field] == nil || len(errs) != 1 {
			t.Errorf("%s → %s: errors %v, want %s alone", c.from, c.to, errs, c.field)
		}
	}
	if n := len(r.sim.Orders()); n != 0 {
		t.Errorf("%d orders were created all the same", n)
	}
}

func TestCreateTakesWhatTheDocumentsTake(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{})
	list := strings.NewReplacer(`"products": {`, `"products": [`, `"0": {`, `{`, `"1": {`, `{`,
		"\"40.00\"}\n  },", "\"40.00\"}\n  ],").Replace(r.payload("TRML1"))
	r.wantMessage(r.call("POST", base+"terminal/orders/create", list), 201, "terminalOrderAddedSuccessfully")
	r.create("TRML1", `"referenceNo": "mark-1"`, `"referenceNo": null`)
	r.create("TRML1", `"type": "private"`, `"type": "corporate"`, `"organizationId": null`, `"organizationId": "999999999"`)
	for _, body := range []string{"", "[]", `{"a":1} {}`, "{'a':1}", "null"} {
		r.want(r.call("POST", base+"terminal/orders/create", body), 417, invalid)
	}
	for _, body := range []string{"", `{"type":"both"}`, `{"type":7}`} {
		r.want(r.call("POST", base+"terminal/orders/cancel/ODR1", body), 417, invalid)
	}
	r.sim.AddTerminal(simulator.Terminal{UUID: "TRML1", Name: "Till 1", Inactive: true})
	r.want(r.call("POST", base+"terminal/orders/create", r.payload("TRML1")), 417, invalid)
}
