package message

import (
	"strings"
	"testing"
	"time"

	"tillpost/mqtt"
)

// exampleOrder is the create payload of Front Payment, Create Terminal Order,
// but for its date.
const exampleOrder = `{
  "products": {"0": {"name": "Hair Wash", "productId": "VFDDF", "quantity": "1", "rate": 42, "discount": 0, "tax": "0", "amount": 42}},
  "orderSummary": {"subTotal": "42.00", "totalTax": "0.00", "totalDiscount": "0.00", "grandTotal": "42.00"},
  "orderDate": "20 Nov, 2026",
  "sendOrderBy": {"sms": false, "email": true},
  "terminalUuid": "TRML1216693970",
  "receiptPrint": false,
  "customerDetails": {
    "type": "private", "countryCode": "+47", "msisdn": "46567468", "email": "customer@email.com", "customerUuid": null,
    "name": "Kari Nordmann", "preferredLanguage": "en", "personalNumber": null, "organizationId": null,
    "address": {"street": "Luramyrveien 65", "zip": "4313", "city": "Sandnes", "country": "NO"}
  },
  "invoiceReferences": {"referenceNo": "1234567", "customerReference": "3500", "customerNotes": "", "tnc": ""},
  "callbackUrl": "https://example-callback.com"
}`

const (
	testTerminal = "TRML1216693970"
	envelopeHead = `{"requestId":"r-1","order":`
	exampleFull  = envelopeHead + exampleOrder + `}`

	exampleRefund   = `{"requestId":"r-2","orderUuid":"ODR123456789","refund":{"type":"regular","grandTotal":42,"products":[{"id":12,"amount":42}],"isReversal":false}}`
	exampleApproval = `{"requestId":"r-3","orderUuid":"ODR123456789","approval":{"type":"reservation","grandTotal":55,"message":"refundRejectionForWeeklyThresholdExceed","products":[{"id":451,"amount":30},{"id":452,"amount":25}],"source":"charged","reference":"CHA3852658817"}}`
)

var testTopics = mqtt.Topics{Prefix: "tillpost"}

func testRules() Rules {
	oslo := time.FixedZone("CET", 3600)
	return Rules{Location: oslo, Now: time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC), ClockKnown: true}
}

func decodeOrder(payload string) (*Request, *Rejection) {
	return Decode(testTopics, testTopics.Orders(testTerminal), false, []byte(payload), testRules())
}

func TestDecodeExampleOrder(t *testing.T) {
	t.Parallel()
	r, rejected := decodeOrder(exampleFull)
	if rejected != nil {
		t.Fatalf("rejected: %v %v", rejected, rejected.Errors)
	}
	if r.Kind != mqtt.KindOrder || r.Terminal != testTerminal || r.RequestID != "r-1" || r.TTL != 0 || !r.PublishedAt.IsZero() {
		t.Errorf("envelope: %+v", r)
	}
	if string(r.Body) != exampleOrder {
		t.Errorf("the body is not as the till sent it: %s", r.Body)
	}
	if r.AmountMinor != 4200 {
		t.Errorf("amount %d", r.AmountMinor)
	}
}

// edit replaces the one occurrence of old.
func edit(t *testing.T, s, old, replacement string) string {
	t.Helper()
	if strings.Count(s, old) != 1 {
		t.Fatalf("%q is there %d times", old, strings.Count(s, old))
	}
	return strings.Replace(s, old, replacement, 1)
}

func TestDecodeTakesWhatTheDocumentsAllow(t *testing.T) {
	t.Parallel()
	rules := testRules()
	rules.HasCustomerDefaults, rules.HasSendOrderByDefaults = true, true
	allowed := testRules()
	allowed.AllowPersonalNumber = true
	unknownClock := testRules()
	unknownClock.ClockKnown = false
	tests := map[string]struct {
		old, new string
		rules    Rules
	}{
		"products as a list":       {`{"0": {"name": "Hair Wash", "productId": "VFDDF", "quantity": "1", "rate": 42, "discount": 0, "tax": "0", "amount": 42}}`, `[{"name":"x","quantity":1.50,"rate":1,"tax":25,"amount":"1"}]`, testRules()},
		"grandTotal as number":     {`"grandTotal": "42.00"`, `"grandTotal": 42.5`, testRules()},
		"grandTotal of one øre":    {`"grandTotal": "42.00"`, `"grandTotal": "0.01"`, testRules()},
		"sums not second-guessed":  {`"subTotal": "42.00"`, `"subTotal": "-1"`, testRules()},
		"no terminalUuid":          {`"terminalUuid": "TRML1216693970",`, ``, testRules()},
		"no orderDate":             {`"orderDate": "20 Nov, 2026",`, ``, testRules()},
		"yesterday":                {`20 Nov, 2026`, `19 Nov, 2026`, testRules()},
		"next year":                {`20 Nov, 2026`, `01 Jan, 2027`, testRules()},
		"old, but who knows":       {`20 Nov, 2026`, `07 Apr, 2024`, unknownClock},
		"unknown keys":             {`"receiptPrint": false,`, `"receiptPrint": false, "loyalty": {"points": [1, null]},`, testRules()},
		"personal number allowed":  {`"personalNumber": null`, `"personalNumber": "01010112345"`, allowed},
		"corporate":                {`"type": "private", "countryCode": "+47"`, `"type": "corporate", "organizationIdX": 1, "countryCode": "+47"`, testRules()},
		"no invoice references":    {`"invoiceReferences": {"referenceNo": "1234567", "customerReference": "3500", "customerNotes": "", "tnc": ""},`, ``, testRules()},
		"both ways to be informed": {`"sms": false`, `"sms": true`, testRules()},
		"send order by default":    {`"sendOrderBy": {"sms": false, "email": true},`, ``, rules},
		"no callback":              {`,` + "\n" + `  "callbackUrl": "https://example-callback.com"`, ``, testRules()},
		"ttl and publishedAt":      {`"requestId":"r-1",`, `"requestId":"r-1","ttlSeconds":86400,"publishedAt":"2026-11-20T10:59:59.5+01:00",`, testRules()},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			payload := edit(t, exampleFull, tt.old, tt.new)
			if name == "corporate" {
				payload = edit(t, payload, `"organizationId": null`, `"organizationId": "912345678"`)
			}
			if _, rejected := Decode(testTopics, testTopics.Orders(testTerminal), false, []byte(payload), tt.rules); rejected != nil {
				t.Errorf("rejected: %v %v", rejected, rejected.Errors)
			}
		})
	}
}

func TestDecodeCustomerDefaults(t *testing.T) {
	t.Parallel()
	start := strings.Index(exampleFull, `"customerDetails"`)
	end := strings.Index(exampleFull, `"invoiceReferences"`)
	payload := []byte(exampleFull[:start] + exampleFull[end:])
	rules := testRules()
	if _, r := Decode(testTopics, testTopics.Orders(testTerminal), false, payload, rules); r == nil || r.Errors[0].Path != "/order/customerDetails" {
		t.Errorf("without defaults: %v", r)
	}
	rules.HasCustomerDefaults = true
	if _, r := Decode(testTopics, testTopics.Orders(testTerminal), false, payload, rules); r != nil {
		t.Fatalf("with defaults: %v", r)
	}
}

func TestDecodeEveryKind(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kind    mqtt.Kind
		payload string
		check   func(*Request) bool
	}{
		{mqtt.KindRefund, exampleRefund, func(r *Request) bool {
			p := r.Products[0]
			return r.OrderUUID == "ODR123456789" && r.AmountMinor == 4200 && p == RefundProduct{ID: 12, AmountMinor: 4200}
		}},
		{mqtt.KindRefund, `{"requestId":"r","orderRequestId":"o","refund":{"type":"regular","grandTotal":"3.50","products":[{"productId":"A","amount":3},{"line":0,"amount":"0.5"}],"isReversal":true},"requestApproval":{"message":"please"}}`, func(r *Request) bool {
			return r.Target == "o" && r.IsReversal && r.ApprovalMessage == "please" && r.AmountMinor == 350 &&
				r.Products[0] == RefundProduct{ProductID: "A", AmountMinor: 300} && r.Products[1] == RefundProduct{Line: 0, AmountMinor: 50}
		}},
		{mqtt.KindRefund, `{"requestId":"r","orderRequestId":"o","full":true}`, func(r *Request) bool { return r.Full && r.Body == nil }},
		{mqtt.KindApproval, exampleApproval, func(r *Request) bool { return r.AmountMinor == 5500 }},
		{mqtt.KindCancel, `{"requestId":"r","target":"o"}`, func(r *Request) bool { return r.Target == "o" && r.OrderUUID == "" && r.Type == "" }},
		{mqtt.KindCancel, `{"requestId":"r","orderUuid":"ODR1","type":"refund"}`, func(r *Request) bool { return r.Target == "" && r.OrderUUID == "ODR1" && r.Type == "refund" }},
		{mqtt.KindResend, `{"requestId":"r","target":"o"}`, func(r *Request) bool { return r.Target == "o" }},
		{mqtt.KindCheck, `{"requestId":"r","orderUuid":"ODR1","ttlSeconds":6e1}`, func(r *Request) bool { return r.OrderUUID == "ODR1" && r.TTL == time.Minute }},
		{mqtt.KindResolution, `{"requestId":"r","target":"o","outcome":"adopt","orderUuid":"ODR1","revision":7,"by":"Ola"}`, func(r *Request) bool {
			return r.Target == "o" && r.Outcome == OutcomeAdopt && r.OrderUUID == "ODR1" && r.Revision == 7 && r.By == "Ola"
		}},
		{mqtt.KindResolution, `{"requestId":"r","target":"o","outcome":"abandon","by":"Ola"}`, func(r *Request) bool { return r.Outcome == OutcomeAbandon }},
	}
	for _, tt := range tests {
		r, rejected := Decode(testTopics, testTopics.Request("T1", tt.kind), false, []byte(tt.payload), testRules())
		if rejected != nil {
			t.Errorf("%s %s: %v %v", tt.kind, tt.payload, rejected, rejected.Errors)
			continue
		}
		if r.Kind != tt.kind || !tt.check(r) {
			t.Errorf("%s %s: %+v", tt.kind, tt.payload, r)
		}
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	get := func(k mqtt.Kind, terminal, payload string) [32]byte {
		t.Helper()
		r, rejected := Decode(testTopics, testTopics.Request(terminal, k), false, []byte(payload), testRules())
		if rejected != nil {
			t.Fatal(rejected, rejected.Errors)
		}
		return r.Digest
	}
	base := get(mqtt.KindResend, "T1", `{"requestId":"r","target":"o"}`)
	if get(mqtt.KindResend, "T1", ` {"target" : "\u006f", "requestId":"r"}`) != base {
		t.Error("order of keys, white space and escapes count")
	}
	for name, other := range map[string][32]byte{
		"kind":     get(mqtt.KindCheck, "T1", `{"requestId":"r","target":"o"}`),
		"terminal": get(mqtt.KindResend, "T2", `{"requestId":"r","target":"o"}`),
		"value":    get(mqtt.KindResend, "T1", `{"requestId":"r","target":"p"}`),
		"key":      get(mqtt.KindResend, "T1", `{"requestId":"r","orderUuid":"o"}`),
		"number":   get(mqtt.KindResend, "T1", `{"requestId":"r","target":"o","ttlSeconds":1}`),
	} {
		if other == base {
			t.Errorf("%s does not count", name)
		}
	}
	one := get(mqtt.KindResend, "T1", `{"requestId":"r","target":"o","ttlSeconds":1}`)
	if get(mqtt.KindResend, "T1", `{"requestId":"r","target":"o","ttlSeconds":1.0}`) == one {
		t.Error("the digits of a number don't count")
	}
}

func TestDecodeTimes(t *testing.T) {
	t.Parallel()
	want := time.Date(2026, 11, 20, 9, 59, 59, 500_000_000, time.UTC)
	for _, s := range []string{"2026-11-20T10:59:59.5+01:00", "2026-11-20t09:59:59.500z", "2026-11-20T09:59:59.500-00:00"} {
		r, rejected := Decode(testTopics, testTopics.Request("T1", mqtt.KindResend), false, []byte(`{"requestId":"r","target":"o","publishedAt":"`+s+`"}`), testRules())
		if rejected != nil || !r.PublishedAt.Equal(want) {
			t.Errorf("%s: %v %v", s, r, rejected)
		}
	}
}

// What was accepted once stays accepted, whatever day it is and whatever the policy has become.
func TestDecodeTakesARepetition(t *testing.T) {
	t.Parallel()
	first, rejected := decodeOrder(exampleFull)
	if rejected != nil {
		t.Fatal(rejected)
	}
	rules := testRules()
	rules.Now = rules.Now.AddDate(0, 0, 3)
	parse := func(payload string) *Parsed {
		p, rejected := Parse(testTopics, mqtt.Delivery{Topic: testTopics.Orders(testTerminal), Payload: []byte(payload)})
		if rejected != nil || p.RequestID != "r-1" || p.Terminal != testTerminal {
			t.Fatalf("%v, %+v", rejected, p)
		}
		return p
	}
	again := parse(exampleFull)
	if _, rejected := again.Check(rules); rejected == nil || rejected.Errors[0].Path != "/order/orderDate" || rejected.RequestID != "r-1" || rejected.Terminal != testTerminal {
		t.Errorf("a new one of three days ago: %+v", rejected)
	}
	if again.Digest != first.Digest {
		t.Error("the same again has another digest")
	}
	if r := again.Repeated(); r.Digest != first.Digest || r.AmountMinor != 4200 {
		t.Errorf("the same again: %+v", r)
	}
	if parse(edit(t, exampleFull, "Kari", "Ola")).Digest == first.Digest {
		t.Error("another one under the same id has the same digest")
	}
}

// The documents set no bounds for texts; the payload's own is enough.
func TestDecodeTakesTextsOfAnyLength(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind         mqtt.Kind
		payload, old string
	}{
		{mqtt.KindOrder, exampleFull, `"Hair Wash"`},
		{mqtt.KindOrder, exampleFull, `"Kari Nordmann"`},
		{mqtt.KindOrder, exampleFull, `"customerNotes": ""`},
		{mqtt.KindApproval, exampleApproval, `"refundRejectionForWeeklyThresholdExceed"`},
		{mqtt.KindRefund, `{"requestId":"r","orderUuid":"ODR1","full":true,"requestApproval":{"message":"m"}}`, `"m"`},
	} {
		room := MaxPayload - len(tt.payload)
		for size, fits := range map[int]bool{room: true, room + 1: false} {
			payload := edit(t, tt.payload, tt.old, strings.TrimSuffix(tt.old, `"`)+strings.Repeat("x", size)+`"`)
			_, r := Decode(testTopics, testTopics.Request(testTerminal, tt.kind), false, []byte(payload), testRules())
			if fits != (r == nil) || r != nil && r.Code != CodeTooLarge {
				t.Errorf("%s of %d bytes: %v", tt.old, len(payload), r)
			}
		}
	}
}
