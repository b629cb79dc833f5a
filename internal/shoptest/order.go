package shoptest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"tillpost/api/simulator"
)

// APIExample is the example of Front Payment, Create Terminal Order, but for the date, which is DATE.
const APIExample = `{
"products": {
"0": {
"name": "Hair Wash",
"productId": "VFDDF",
"quantity": "1",
"rate": 42,
"discount": 0,
"tax": "0",
"amount": 42
}
},
"orderSummary": {
"subTotal": "42.00",
"totalTax": "0.00",
"totalDiscount": "0.00",
"grandTotal": "42.00"
},
"orderDate": "DATE",
"sendOrderBy": {
"sms": false,
"email": true
},
"terminalUuid": "TRML1216693970",
"receiptPrint": false,
"customerDetails": {
"type": "private",
"countryCode": "+47",
"msisdn": "46567468",
"email": "customer@email.com",
"customerUuid": null,
"name": "Kari Nordmann",
"preferredLanguage": "en",
"personalNumber": null,
"organizationId": null,
"address": {
"street": "Luramyrveien 65",
"zip": "4313",
"city": "Sandnes",
"country": "NO"
}
},
"invoiceReferences": {
"referenceNo": "1234567",
"customerReference": "3500",
"customerNotes": "",
"tnc": ""
},
"callbackUrl": "https://example-callback.com"
}`

// Request returns the envelope of one member.
func Request(id, member, body string) string {
	return fmt.Sprintf(`{"requestId":%q,%q:%s}`, id, member, body)
}

// Example returns the API's example for any terminal, with room for a mark and the till's own text in customerReference. Without
// a date, the agent has to add it.
func Example(date, reference string) string {
	line := `"orderDate": "` + date + `",` + "\n"
	if date == "" {
		line = ""
	}
	return strings.NewReplacer(
		`"orderDate": "DATE",`+"\n", line, `"terminalUuid": "TRML1216693970",`+"\n", "", `"1234567"`, `""`, `"3500"`, `"`+reference+`"`,
		",\n"+`"callbackUrl": "https://example-callback.com"`, "",
	).Replace(APIExample)
}

// Priced returns the order with another price for the one thing that it sells, such as "1234.50".
func Priced(order, amount string) string {
	return strings.NewReplacer(`"42.00"`, `"`+amount+`"`, `"rate": 42`, `"rate": `+amount, `"amount": 42`, `"amount": `+amount).Replace(order)
}

// Reference returns what the till wrote into an order's customerReference: in an [Example] the request's id.
func Reference(t testing.TB, o simulator.Order) string {
	t.Helper()
	var body struct {
		InvoiceReferences struct{ CustomerReference string }
	}
	if err := json.Unmarshal(o.Body, &body); err != nil {
		t.Fatal(err)
	}
	return body.InvoiceReferences.CustomerReference
}

// Orders counts the orders at the API by their reference.
func (s *Shop) Orders() map[string]int {
	s.Helper()
	n := map[string]int{}
	for _, o := range s.Sim.Orders() {
		n[Reference(s, o)]++
	}
	return n
}

// Once checks that no request has two orders at the API, and no order two refunds.
func (s *Shop) Once() {
	s.Helper()
	for id, n := range s.Orders() {
		if n > 1 {
			s.Errorf("%d orders for %s", n, id)
		}
	}
	for _, o := range s.Sim.Orders() {
		refunds := slices.DeleteFunc(slices.Clone(o.Refunds), func(r simulator.Refund) bool { return r.Status == simulator.RefundRejected })
		if len(refunds) > 1 {
			s.Errorf("%d refunds of the order of %s", len(refunds), strings.TrimSpace(Reference(s, o)))
		}
	}
}
