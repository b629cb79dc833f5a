package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
)

// apiExample is the example of Front Payment, Create Terminal Order, but for the date.
const apiExample = `{
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

// request is the envelope of one member.
func request(id, member, body string) string {
	return fmt.Sprintf(`{"requestId":%q,%q:%s}`, id, member, body)
}

// example is the API's example for any terminal, with room for a mark and the till's own word in customerReference.
func example(date, reference string) string {
	return strings.NewReplacer(
		`"DATE"`, `"`+date+`"`, `"terminalUuid": "TRML1216693970",`+"\n", "", `"1234567"`, `""`, `"3500"`, `"`+reference+`"`,
		",\n"+`"callbackUrl": "https://example-callback.com"`, "",
	).Replace(apiExample)
}

// decoded is a JSON value whose numbers keep their digits.
func decoded(raw string) (v any, err error) {
	d := json.NewDecoder(strings.NewReader(raw))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}
