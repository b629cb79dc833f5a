package message

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"tillpost/mqtt"
)

// refused is a message that must not pass: the example of its kind with one
// edit, or a payload of its own where old is empty.
type refused struct {
	name     string
	kind     mqtt.Kind
	old, new string
	code     Code
	paths    []string
}

func examples() map[mqtt.Kind]string {
	return map[mqtt.Kind]string{
		mqtt.KindOrder:      exampleFull,
		mqtt.KindRefund:     exampleRefund,
		mqtt.KindApproval:   exampleApproval,
		mqtt.KindCancel:     `{"requestId":"r-4","target":"o"}`,
		mqtt.KindResend:     `{"requestId":"r-5","target":"o"}`,
		mqtt.KindCheck:      `{"requestId":"r-6","target":"o"}`,
		mqtt.KindResolution: `{"requestId":"r-7","target":"o","outcome":"adopt","orderUuid":"ODR1","revision":1,"by":"Ola"}`,
	}
}

func (r refused) payload(t *testing.T) string {
	t.Helper()
	if r.old == "" {
		return r.new
	}
	return edit(t, examples()[r.kind], r.old, r.new)
}

func formTable() []refused {
	return []refused{
		{"empty", mqtt.KindOrder, "", "", CodeNotJSON, nil},
		{"only space", mqtt.KindOrder, "", " \n", CodeNotJSON, nil},
		{"not JSON", mqtt.KindOrder, "", "hello", CodeNotJSON, nil},
		{"cut short", mqtt.KindOrder, "", `{"requestId":"r-1","order":{`, CodeNotJSON, nil},
		{"trailing data", mqtt.KindOrder, "", exampleFull + `{}`, CodeNotJSON, nil},
		{"trailing comma", mqtt.KindCancel, `"o"}`, `"o",}`, CodeNotJSON, nil},
		{"single quotes", mqtt.KindOrder, "", `{'requestId':'r-1'}`, CodeNotJSON, nil},
		{"NaN", mqtt.KindOrder, `"rate": 42`, `"rate": NaN`, CodeNotJSON, nil},
		{"leading zero", mqtt.KindOrder, `"rate": 42`, `"rate": 042`, CodeNotJSON, nil},
		{"two byte order marks", mqtt.KindOrder, "", "\ufeff\ufeff" + exampleFull, CodeNotJSON, nil},
		{"only a byte order mark", mqtt.KindOrder, "", "\ufeff", CodeNotJSON, nil},
		{"a byte order mark behind", mqtt.KindOrder, "", exampleFull + "\ufeff", CodeNotJSON, nil},
		{"not UTF-8", mqtt.KindOrder, "Kari", "K\xe5ri", CodeNotJSON, nil},
		{"UTF-16", mqtt.KindOrder, "", "\xff\xfe{\x00}\x00", CodeNotJSON, nil},
		{"NUL byte", mqtt.KindOrder, "Kari", "K\x00ri", CodeNotJSON, nil},
		{"NUL escaped", mqtt.KindOrder, "Kari", `K\u0000ri`, CodeInvalidRequest, []string{"/order/customerDetails/name"}},
		{"NUL in a key", mqtt.KindOrder, `"tnc"`, `"t\u0000c"`, CodeInvalidRequest, []string{"/order/invoiceReferences"}},
		{"too large", mqtt.KindOrder, `"tnc": ""`, `"tnc": "` + strings.Repeat("x", MaxPayload) + `"`, CodeTooLarge, nil},
		{"10,000 levels", mqtt.KindOrder, `"tnc": ""`, `"tnc": ` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000), CodeInvalidRequest, nil},
		{"10,000 levels unclosed", mqtt.KindOrder, "", strings.Repeat("[", 10000), CodeInvalidRequest, nil},
		{"a billion digits", mqtt.KindOrder, `"rate": 42`, `"rate": 1e999999999`, CodeInvalidRequest, []string{"/order/products/0/rate"}},
		{"a billionth of digits", mqtt.KindOrder, `"amount": 42`, `"amount": 1E-999999999`, CodeInvalidRequest, []string{"/order/products/0/amount"}},
		{"very many digits", mqtt.KindOrder, `"rate": 42`, `"rate": ` + strings.Repeat("9", 1000), CodeInvalidRequest, []string{"/order/products/0/rate"}},
		{"duplicate key", mqtt.KindOrder, `"receiptPrint": false`, `"receiptPrint": false, "receiptPrint": true`, CodeDuplicateKey, []string{"/order/receiptPrint"}},
		{"duplicate key deep", mqtt.KindOrder, `"zip": "4313"`, `"zip": "4313", "z\u0069p": ""`, CodeDuplicateKey, []string{"/order/customerDetails/address/zip"}},
		{"duplicate product", mqtt.KindOrder, `{"0": {`, `{"0": {}, "0": {`, CodeDuplicateKey, []string{"/order/products/0"}},
		{"duplicate unknown key", mqtt.KindOrder, `"rate": 42`, `"rate": 42, "a/b~": {"x": 1}, "a/b~": 2`, CodeDuplicateKey, []string{"/order/products/0/a~1b~0"}},
		{"a list", mqtt.KindOrder, "", `[]`, CodeInvalidRequest, []string{""}},
		{"null", mqtt.KindOrder, "", `null`, CodeInvalidRequest, []string{""}},
		{"a string", mqtt.KindRefund, "", `"r-1"`, CodeInvalidRequest, []string{""}},
	}
}

func envelopeTable() []refused {
	return []refused{
		{"no requestId", mqtt.KindOrder, `"requestId":"r-1",`, ``, CodeInvalidRequest, []string{"/requestId"}},
		{"other case", mqtt.KindOrder, `"requestId"`, `"requestID"`, CodeInvalidRequest, []string{"/requestID", "/requestId"}},
		{"requestId empty", mqtt.KindOrder, `"r-1"`, `""`, CodeInvalidRequest, []string{"/requestId"}},
		{"requestId a number", mqtt.KindOrder, `"r-1"`, `17`, CodeInvalidRequest, []string{"/requestId"}},
		{"requestId with a slash", mqtt.KindOrder, `"r-1"`, `"r/1"`, CodeInvalidRequest, []string{"/requestId"}},
		{"requestId a wildcard", mqtt.KindOrder, `"r-1"`, `"+"`, CodeInvalidRequest, []string{"/requestId"}},
		{"requestId with a line end", mqtt.KindOrder, `"r-1"`, `"r-1\n"`, CodeInvalidRequest, []string{"/requestId"}},
		{"requestId of 65", mqtt.KindOrder, `"r-1"`, `"` + strings.Repeat("a", 65) + `"`, CodeInvalidRequest, []string{"/requestId"}},
		{"requestId not ASCII", mqtt.KindOrder, `"r-1"`, `"ø"`, CodeInvalidRequest, []string{"/requestId"}},
		{"unknown key", mqtt.KindOrder, `{"requestId"`, `{"priority":1,"requestId"`, CodeInvalidRequest, []string{"/priority"}},
		{"ttl of 0", mqtt.KindCancel, `"target"`, `"ttlSeconds":0,"target"`, CodeInvalidRequest, []string{"/ttlSeconds"}},
		{"ttl over a day", mqtt.KindCancel, `"target"`, `"ttlSeconds":86401,"target"`, CodeInvalidRequest, []string{"/ttlSeconds"}},
		{"ttl a string", mqtt.KindCancel, `"target"`, `"ttlSeconds":"60","target"`, CodeInvalidRequest, []string{"/ttlSeconds"}},
		{"ttl a fraction", mqtt.KindCancel, `"target"`, `"ttlSeconds":1.5,"target"`, CodeInvalidRequest, []string{"/ttlSeconds"}},
		{"publishedAt a number", mqtt.KindCancel, `"target"`, `"publishedAt":1,"target"`, CodeInvalidRequest, []string{"/publishedAt"}},
		{"publishedAt without zone", mqtt.KindCancel, `"target"`, `"publishedAt":"2026-11-20T12:00:00","target"`, CodeInvalidRequest, []string{"/publishedAt"}},
		{"publishedAt of no day", mqtt.KindCancel, `"target"`, `"publishedAt":"2026-02-30T12:00:00Z","target"`, CodeInvalidRequest, []string{"/publishedAt"}},
		{"no order", mqtt.KindOrder, "", `{"requestId":"r-1"}`, CodeInvalidRequest, []string{"/order"}},
		{"order null", mqtt.KindOrder, "", `{"requestId":"r-1","order":null}`, CodeInvalidRequest, []string{"/order"}},
		{"order a list", mqtt.KindOrder, "", `{"requestId":"r-1","order":[1]}`, CodeInvalidRequest, []string{"/order"}},
	}
}

func orderTable() []refused {
	const (
		products = `{"0": {"name": "Hair Wash", "productId": "VFDDF", "quantity": "1", "rate": 42, "discount": 0, "tax": "0", "amount": 42}}`
		total    = "/order/orderSummary/grandTotal"
		customer = "/order/customerDetails/"
	)
	amount := func(name, v string) refused {
		return refused{name, mqtt.KindOrder, `"grandTotal": "42.00"`, `"grandTotal": ` + v, CodeInvalidRequest, []string{total}}
	}
	order := func(name, old, replacement string, paths ...string) refused {
		return refused{name, mqtt.KindOrder, old, replacement, CodeInvalidRequest, paths}
	}
	return []refused{
		order("empty", exampleOrder, `{}`, "/order/customerDetails", "/order/orderSummary", "/order/products", "/order/receiptPrint", "/order/sendOrderBy"),
		order("other terminal", `"TRML1216693970"`, `"TRML2"`, "/order/terminalUuid"),
		order("no products", products, `{}`, "/order/products"),
		order("no products in a list", products, `[]`, "/order/products"),
		order("products null", products, `null`, "/order/products"),
		order("a product null", `{"0": {`, `{"1": null, "0": {`, "/order/products/1"),
		order("a product null in a list", products, `[null]`, "/order/products/0"),
		order("name null", `"name": "Kari Nordmann"`, `"name": null`, customer+"name"),
		order("customer null", `"customerDetails": {`, `"customerDetails": null, "x": {`, "/order/customerDetails"),
		order("products by name", `{"0": {`, `{"first": {`, "/order/products/first"),
		order("a product that is none", products, `[1]`, "/order/products/0"),
		order("a product of nothing", products, `[{}]`, "/order/products/0/amount", "/order/products/0/name", "/order/products/0/quantity", "/order/products/0/rate", "/order/products/0/tax"),
		order("product name empty", `"Hair Wash"`, `" "`, "/order/products/0/name"),
		order("quantity in words", `"quantity": "1"`, `"quantity": "one"`, "/order/products/0/quantity"),
		order("quantity empty", `"quantity": "1"`, `"quantity": ""`, "/order/products/0/quantity"),
		order("rate with comma", `"rate": 42`, `"rate": "42,00"`, "/order/products/0/rate"),
		order("tax null", `"tax": "0"`, `"tax": null`, "/order/products/0/tax"),
		order("discount true", `"discount": 0`, `"discount": true`, "/order/products/0/discount"),
		order("no grandTotal", `, "grandTotal": "42.00"`, ``, total),
		order("summary a list", `{"subTotal": "42.00", "totalTax": "0.00", "totalDiscount": "0.00", "grandTotal": "42.00"}`, `[]`, "/order/orderSummary"),
		order("totalTax missing", `"totalTax": "0.00",`, ``, "/order/orderSummary/totalTax"),
		amount("amount zero", `0`), amount("amount zero string", `"0.00"`), amount("amount negative", `-42`),
		amount("amount negative string", `"-42.00"`), amount("three decimals", `42.001`), amount("three decimals string", `"42.001"`),
		amount("amount in words", `"free"`), amount("amount with comma", `"42,00"`), amount("amount with space", `" 42"`),
		amount("amount hexadecimal", `"0x2A"`), amount("amount a fraction", `"84/2"`), amount("amount exponent string", `"42e0"`),
		amount("amount octal or ten", `"010"`), amount("amount infinite", `"Inf"`), amount("amount too large", `1000000000`),
		amount("amount too large string", `"1000000000"`), amount("amount null", `null`), amount("amount an object", `{}`),
		amount("amount empty", `""`), amount("amount half written", `"42."`), amount("amount begun", `".5"`), amount("amount underscored", `"4_2"`),
		amount("many decimals", `1.00000000000000000000001`),
		order("the day before yesterday", `20 Nov, 2026`, `18 Nov, 2026`, "/order/orderDate"),
		order("the documents' date", `20 Nov, 2026`, `07 Apr, 2024`, "/order/orderDate"),
		order("ISO date", `20 Nov, 2026`, `2026-11-20`, "/order/orderDate"),
		order("one digit", `20 Nov, 2026`, `1 Dec, 2026`, "/order/orderDate"),
		order("Norwegian month", `20 Nov, 2026`, `20 Des, 2026`, "/order/orderDate"),
		order("no such day", `20 Nov, 2026`, `31 Nov, 2026`, "/order/orderDate"),
		order("receiptPrint missing", `"receiptPrint": false,`, ``, "/order/receiptPrint"),
		order("receiptPrint a string", `"receiptPrint": false`, `"receiptPrint": "no"`, "/order/receiptPrint"),
		order("neither sms nor email", `"email": true`, `"email": false`, "/order/sendOrderBy"),
		order("sms missing", `"sms": false, `, ``, "/order/sendOrderBy/sms"),
		order("sms a number", `"sms": false`, `"sms": 0`, "/order/sendOrderBy/sms"),
		order("sendOrderBy a list", `{"sms": false, "email": true}`, `["email"]`, "/order/sendOrderBy"),
		order("sendOrderBy missing", `"sendOrderBy": {"sms": false, "email": true},`, ``, "/order/sendOrderBy"),
		order("customer type", `"private"`, `"person"`, customer+"type"),
		order("corporate without number", `"private"`, `"corporate"`, customer+"organizationId"),
		order("organization with space", `"organizationId": null`, `"organizationId": "912 345 678"`, customer+"organizationId"),
		order("country code without plus", `"+47"`, `"47"`, customer+"countryCode"),
		order("telephone in letters", `"46567468"`, `"CALL-ME"`, customer+"msisdn"),
		order("telephone a number", `"46567468"`, `46567468`, customer+"msisdn"),
		order("no e-mail", `"customer@email.com"`, `"customer"`, customer+"email"),
		order("name empty", `"Kari Nordmann"`, `""`, customer+"name"),
		order("name missing", `"name": "Kari Nordmann", `, ``, customer+"name"),
		order("unknown language", `"preferredLanguage": "en"`, `"preferredLanguage": "fr"`, customer+"preferredLanguage"),
		order("personal number", `"personalNumber": null`, `"personalNumber": "01010112345"`, customer+"personalNumber"),
		order("personal number empty", `"personalNumber": null`, `"personalNumber": ""`, customer+"personalNumber"),
		order("personal number an object", `"personalNumber": null`, `"personalNumber": {}`, customer+"personalNumber"),
		order("country in words", `"country": "NO"`, `"country": "Norway"`, customer+"address/country"),
		order("country in small letters", `"country": "NO"`, `"country": "no"`, customer+"address/country"),
		order("zip a number", `"zip": "4313"`, `"zip": 4313`, customer+"address/zip"),
		order("street missing", `"street": "Luramyrveien 65", `, ``, customer+"address/street"),
		order("reference a number", `"referenceNo": "1234567"`, `"referenceNo": 1234567`, "/order/invoiceReferences/referenceNo"),
		order("references a list", `{"referenceNo": "1234567", "customerReference": "3500", "customerNotes": "", "tnc": ""}`, `[]`, "/order/invoiceReferences"),
		order("callback no URL", `"https://example-callback.com"`, `"example-callback.com"`, "/order/callbackUrl"),
		order("callback a script", `"https://example-callback.com"`, `"javascript:alert(1)"`, "/order/callbackUrl"),
		order("callback without host", `"https://example-callback.com"`, `"https://"`, "/order/callbackUrl"),
		order("callback port", `"https://example-callback.com"`, `"https://example.com:port/"`, "/order/callbackUrl"),
	}
}

func otherTable() []refused {
	bad := func(k mqtt.Kind, name, old, replacement string, paths ...string) refused {
		return refused{name, k, old, replacement, CodeInvalidRequest, paths}
	}
	return []refused{
		bad(mqtt.KindRefund, "no order named", `"orderUuid":"ODR123456789",`, ``, "/orderUuid"),
		bad(mqtt.KindRefund, "two orders named", `"orderUuid"`, `"orderRequestId":"o","orderUuid"`, "/orderRequestId"),
		bad(mqtt.KindRefund, "uuid that walks", `"ODR123456789"`, `".."`, "/orderUuid"),
		bad(mqtt.KindRefund, "uuid with a path", `"ODR123456789"`, `"ODR1/../x"`, "/orderUuid"),
		bad(mqtt.KindRefund, "refunds itself", `"orderUuid":"ODR123456789"`, `"orderRequestId":"r-2"`, "/orderRequestId"),
		bad(mqtt.KindRefund, "neither refund nor full", `,"refund":{"type":"regular","grandTotal":42,"products":[{"id":12,"amount":42}],"isReversal":false}`, ``, "/refund"),
		bad(mqtt.KindRefund, "refund and full", `"refund"`, `"full":true,"refund"`, "/full"),
		bad(mqtt.KindRefund, "full is false", `"refund":{"type":"regular","grandTotal":42,"products":[{"id":12,"amount":42}],"isReversal":false}`, `"full":false`, "/full"),
		bad(mqtt.KindRefund, "refund type", `"regular"`, `"partial"`, "/refund/type"),
		bad(mqtt.KindRefund, "sum differs", `"grandTotal":42`, `"grandTotal":42.01`, "/refund/grandTotal"),
		bad(mqtt.KindRefund, "total negative", `"grandTotal":42`, `"grandTotal":-42`, "/refund/grandTotal"),
		bad(mqtt.KindRefund, "amount zero", `"amount":42`, `"amount":0`, "/refund/products/0/amount"),
		bad(mqtt.KindRefund, "amount of three decimals", `"amount":42`, `"amount":"42.001"`, "/refund/products/0/amount"),
		bad(mqtt.KindRefund, "no products", `[{"id":12,"amount":42}]`, `[]`, "/refund/products"),
		bad(mqtt.KindRefund, "products an object", `[{"id":12,"amount":42}]`, `{"0":{"id":12,"amount":42}}`, "/refund/products"),
		bad(mqtt.KindRefund, "product without a name", `"id":12,`, ``, "/refund/products/0/id"),
		bad(mqtt.KindRefund, "product named twice", `"id":12,`, `"id":12,"line":0,`, "/refund/products/0"),
		bad(mqtt.KindRefund, "line negative", `"id":12,`, `"line":-1,`, "/refund/products/0/line"),
		bad(mqtt.KindRefund, "id in words", `"id":12`, `"id":"twelve"`, "/refund/products/0/id"),
		bad(mqtt.KindRefund, "isReversal in words", `"isReversal":false`, `"isReversal":"yes"`, "/refund/isReversal"),
		bad(mqtt.KindRefund, "approval without message", `"refund":`, `"requestApproval":{},"refund":`, "/requestApproval/message"),
		bad(mqtt.KindRefund, "approval with more", `"refund":`, `"requestApproval":{"message":"x","to":"y"},"refund":`, "/requestApproval/to"),
		bad(mqtt.KindApproval, "approval type", `"reservation"`, `"other"`, "/approval/type"),
		bad(mqtt.KindApproval, "reservation without source", `"source":"charged",`, ``, "/approval/source"),
		bad(mqtt.KindApproval, "reservation without reference", `,"reference":"CHA3852658817"`, ``, "/approval/reference"),
		bad(mqtt.KindApproval, "message missing", `"message":"refundRejectionForWeeklyThresholdExceed",`, ``, "/approval/message"),
		bad(mqtt.KindApproval, "sum of approval", `"grandTotal":55`, `"grandTotal":54`, "/approval/grandTotal"),
		bad(mqtt.KindApproval, "no order", `"orderUuid":"ODR123456789",`, ``, "/orderUuid"),
		bad(mqtt.KindApproval, "product by line", `"id":451,`, `"line":0,`, "/approval/products/0/id"),
		bad(mqtt.KindCancel, "nothing named", `,"target":"o"`, ``, "/target"),
		bad(mqtt.KindCancel, "both named", `"target":"o"`, `"target":"o","orderUuid":"ODR1","type":"payment"`, "/orderUuid"),
		bad(mqtt.KindCancel, "type beside target", `"target":"o"`, `"target":"o","type":"payment"`, "/type"),
		bad(mqtt.KindCancel, "uuid without type", `"target":"o"`, `"orderUuid":"ODR1"`, "/type"),
		bad(mqtt.KindCancel, "unknown type", `"target":"o"`, `"orderUuid":"ODR1","type":"order"`, "/type"),
		bad(mqtt.KindCancel, "cancels itself", `"target":"o"`, `"target":"r-4"`, "/target"),
		bad(mqtt.KindCancel, "uuid with a type of null", `"target":"o"`, `"orderUuid":"ODR1","type":null`, "/type"),
		bad(mqtt.KindRefund, "full null and no refund", `"refund"`, `"full":null,"refundX"`, "/refund", "/refundX"),
		bad(mqtt.KindResolution, "adopt with a uuid of null", `"orderUuid":"ODR1"`, `"orderUuid":null`, "/orderUuid"),
		bad(mqtt.KindApproval, "id null", `"id":451`, `"id":null`, "/approval/products/0/id"),
		bad(mqtt.KindCancel, "target null", `"target":"o"`, `"target":null`, "/target"),
		bad(mqtt.KindResend, "nothing named", `,"target":"o"`, ``, "/target"),
		bad(mqtt.KindResend, "type", `"target":"o"`, `"target":"o","type":"payment"`, "/type"),
		bad(mqtt.KindCheck, "both named", `"target":"o"`, `"target":"o","orderUuid":"ODR1"`, "/orderUuid"),
		bad(mqtt.KindCheck, "unknown type", `"target":"o"`, `"target":"o","type":"x"`, "/type"),
		bad(mqtt.KindResolution, "no target", `"target":"o",`, ``, "/target"),
		bad(mqtt.KindResolution, "unknown outcome", `"adopt"`, `"refund"`, "/outcome"),
		bad(mqtt.KindResolution, "adopt without uuid", `"orderUuid":"ODR1",`, ``, "/orderUuid"),
		bad(mqtt.KindResolution, "abandon with uuid", `"adopt"`, `"abandon"`, "/orderUuid"),
		bad(mqtt.KindResolution, "nobody", `"Ola"`, `" "`, "/by"),
		bad(mqtt.KindResolution, "by missing", `,"by":"Ola"`, ``, "/by"),
		bad(mqtt.KindResolution, "revision 0", `"revision":1`, `"revision":0`, "/revision"),
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range slices.Concat(formTable(), envelopeTable(), orderTable(), otherTable()) {
		t.Run(string(tt.kind)+" "+tt.name, func(t *testing.T) {
			t.Parallel()
			payload := tt.payload(t)
			request, r := Decode(testTopics, testTopics.Request(testTerminal, tt.kind), false, []byte(payload), testRules())
			if request != nil || r == nil {
				t.Fatalf("taken")
			}
			if r.Code != tt.code {
				t.Errorf("code %s, want %s (%v)", r.Code, tt.code, r)
			}
			if r.Terminal != testTerminal || r.Message == "" {
				t.Errorf("terminal %q, message %q", r.Terminal, r.Message)
			}
			var paths []string
			for _, e := range r.Errors {
				paths = append(paths, e.Path)
				if !strings.Contains(e.Message, "must") || strings.Contains(e.Message, "schema") {
					t.Errorf("%s %q does not say what would be right", e.Path, e.Message)
				}
			}
			if tt.paths != nil && !slices.Equal(paths, tt.paths) {
				t.Errorf("faults %v, want %v", r.Errors, tt.paths)
			}
			noPersonalData(t, r)
		})
	}
}

// noPersonalData fails the test if a refusal holds anything about the
// customer.
func noPersonalData(t *testing.T, r *Rejection) {
	t.Helper()
	all, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"Kari", "Nordmann", "46567468", "customer@", "Luramyr", "4313", "Sandnes", "01010112345", "CALL-ME"} {
		if strings.Contains(string(all), secret) {
			t.Errorf("%s is in the refusal: %s", secret, all)
		}
	}
	if !utf8.Valid(all) {
		t.Errorf("not UTF-8: %q", all)
	}
}
