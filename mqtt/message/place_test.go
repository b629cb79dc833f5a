package message

import (
	"encoding/json"
	"strings"
	"testing"

	"tillpost/mqtt"
)

// Every refusal points at its fault, that of the form too.
func TestAFaultOfFormHasItsPlace(t *testing.T) {
	t.Parallel()
	const value = `{"requestId":"r-1","order":{"products":[{"name":"Tea"},{"rate":1}],"customerDetails":{"name":"Kari","address":{"zip":"4313"}}}}`
	tests := map[string]struct {
		old, new string
		code     Code
		path     string
	}{
		"not UTF-8 in a value":       {`"Tea"`, "\"T\xe9\"", CodeNotJSON, "/order/products/0/name"},
		"not UTF-8 in a key":         {`"rate"`, "\"r\xe9\"", CodeNotJSON, "/order/products/1"},
		"not UTF-8 outside":          {`"Tea"`, "\xe9", CodeNotJSON, "/order/products/0/name"},
		"not UTF-8 behind":           {`"4313"}}}}`, "\"4313\"}}}}\xe9", CodeNotJSON, ""},
		"not UTF-8 in a customer":    {`"4313"`, "\"4\xe9\"", CodeNotJSON, "/order/customerDetails/address/zip"},
		"no value":                   {`"rate":1`, `"rate":`, CodeNotJSON, "/order/products/1/rate"},
		"NaN":                        {`"rate":1`, `"rate":NaN`, CodeNotJSON, "/order/products/1/rate"},
		"a name that became a key":   {`"name":"Kari"`, `"name":"x","Kari"`, CodeNotJSON, "/order/customerDetails"},
		"the same, not UTF-8 behind": {`"name":"Kari"`, "\"name\":\"x\",\"Kari\",\"\xe9\":1", CodeNotJSON, "/order/customerDetails"},
		"trailing data":              {`"4313"}}}}`, `"4313"}}}} {}`, CodeNotJSON, ""},
		"one bracket too many":       {`"4313"}}}}`, `"4313"}}}}}`, CodeNotJSON, ""},
		"a high surrogate alone":     {`"Tea"`, `"T\ud83dea"`, CodeInvalidRequest, "/order/products/0/name"},
		"a low surrogate alone":      {`"Tea"`, `"T\\\uDE00"`, CodeInvalidRequest, "/order/products/0/name"},
		"the wrong way round":        {`"Tea"`, `"\ude00\ud83d"`, CodeInvalidRequest, "/order/products/0/name"},
		"a surrogate in a key":       {`"rate"`, `"r\ud83d"`, CodeInvalidRequest, "/order/products/1"},
	}
	for name, tt := range tests {
		_, r := decodeOrder(edit(t, value, tt.old, tt.new))
		if r == nil || r.Code != tt.code || len(r.Errors) != 1 || r.Errors[0].Path != tt.path {
			t.Errorf("%s: %+v, want %s at %q", name, r, tt.code, tt.path)
		}
		if r != nil && r.RequestID != "r-1" {
			t.Errorf("%s: told of %q", name, r.RequestID)
		}
	}
	for _, whole := range []string{`"T\ud83d\ude00"`, `"T\\ud83d"`, `"T\\\\\ud83D\uDE00\u00e5"`, `"T�"`, `"T\ufffd"`} {
		if s := scan([]byte(edit(t, value, `"Tea"`, whole))); s.rejection != nil {
			t.Errorf("%s: %+v", whole, s.rejection)
		}
	}
}

func TestARefusalOfTheWholePointsAtIt(t *testing.T) {
	t.Parallel()
	decode := func(topic string, retained bool, payload string) *Rejection {
		_, r := Decode(testTopics, topic, retained, []byte(payload), testRules())
		return r
	}
	orders := testTopics.Orders(testTerminal)
	for code, r := range map[Code]*Rejection{
		CodeRetainedRequest: decode(orders, true, exampleFull),
		CodeUnknownKind:     decode("tillpost/terminals/T/payments", false, exampleFull),
		CodeTooLarge:        decode(orders, false, strings.Repeat(" ", MaxPayload+1)),
		CodeNotJSON:         decode(orders, false, ""),
	} {
		var faults []FieldError
		if err := json.Unmarshal(r.Reason().Errors, &faults); err != nil {
			t.Fatal(err)
		}
		if r.Code != code || len(faults) != 1 || faults[0] != (FieldError{Message: r.Message}) {
			t.Errorf("%s: %+v with %v", code, r, faults)
		}
	}
}

func TestTheIDOfARefusal(t *testing.T) {
	t.Parallel()
	for payload, want := range map[string]string{
		`{"requestId":"a"}`:                                  "a",
		`{"requestId":"a","requestId":"a"}`:                  "a",
		`{"requestId":"a","requestId":"b"}`:                  "",
		`{"requestId":"a","requestId":"b","requestId":"b"}`:  "",
		`{"requestId":"a","requestId":1}`:                    "",
		`{"requestId":"/","requestId":"a"}`:                  "",
		`{"order":{"requestId":"b"},"requestId":"a","order"`: "a",
		`{"order":{"requestId":"b"}}`:                        "",
	} {
		if _, r := decodeOrder(payload); r == nil || r.RequestID != want {
			t.Errorf("%s: told of %+v, want %q", payload, r, want)
		}
	}
}

// Faults by the ten thousand take a second to find, in which nobody else is served.
func TestProductsThatCanNotBeRightAreNotReadOneByOne(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind     mqtt.Kind
		products string
		want     int
	}{
		{mqtt.KindOrder, "[" + strings.Repeat("{},", 1499) + "{}]", MaxFieldErrors},
		{mqtt.KindOrder, "[" + strings.Repeat("{},", 1500) + "{}]", 1},
		{mqtt.KindRefund, "[" + strings.Repeat("{},", 3999) + "{}]", MaxFieldErrors},
		{mqtt.KindRefund, "[" + strings.Repeat("{},", 4000) + "{}]", 1},
		{mqtt.KindApproval, "[" + strings.Repeat("{},", 4000) + "{}]", 1},
	} {
		payload := `{"requestId":"r","` + string(tt.kind) + `":{"products":` + tt.products + `}}`
		_, r := Decode(testTopics, testTopics.Request(testTerminal, tt.kind), false, []byte(payload), testRules())
		if r == nil || len(r.Errors) != tt.want {
			t.Fatalf("%s: %+v, want %d faults", tt.kind, r, tt.want)
		}
		if path := "/" + string(tt.kind) + "/products"; tt.want == 1 && r.Errors[0].Path != path {
			t.Errorf("%s: %+v", tt.kind, r.Errors)
		}
	}
}

// What nobody calculates with keeps its digits, however many there are; what is calculated with has bounds.
func TestNumbersOfUnknownKeysAreUntouched(t *testing.T) {
	t.Parallel()
	for _, number := range []string{"1e400", "-1E-999999999", strings.Repeat("9", 1000) + ".50", "0.00", "-0"} {
		payload := edit(t, exampleFull, `"tnc": ""`, `"tnc": "", "points": [{"x": `+number+`}, `+number+`]`)
		if r, rejected := decodeOrder(payload); rejected != nil || !strings.Contains(string(r.Body), number) {
			t.Errorf("%.20s: %v", number, rejected)
		}
	}
	for _, known := range []string{`"rate": 42`, `"discount": 0`, `"amount": 42`} {
		name, _, _ := strings.Cut(known, ":")
		if _, r := decodeOrder(edit(t, exampleFull, known, name+`: [1e400]`)); r == nil || !strings.Contains(r.Errors[0].Message, "small exponent") {
			t.Errorf("%s: %v", name, r)
		}
	}
}
