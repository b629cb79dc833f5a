package message

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"tillpost/mqtt"
)

// withEverything are messages that have all optional members which may stand
// beside each other.
func withEverything() []struct {
	kind    mqtt.Kind
	payload string
} {
	type message = struct {
		kind    mqtt.Kind
		payload string
	}
	all := []message{
		{mqtt.KindOrder, strings.Replace(exampleFull, `{"requestId"`, `{"ttlSeconds":60,"publishedAt":"2026-11-20T10:59:59Z","requestId"`, 1)},
		{mqtt.KindRefund, strings.Replace(exampleRefund, `"refund":`, `"requestApproval":{"message":"please"},"refund":`, 1)},
		{mqtt.KindRefund, `{"requestId":"r","orderRequestId":"o","full":true}`},
		{mqtt.KindRefund, `{"requestId":"r","orderUuid":"ODR1","refund":{"type":"regular","grandTotal":3,"products":[{"productId":"A","amount":1},{"line":0,"amount":2}]}}`},
		{mqtt.KindCancel, `{"requestId":"r","orderUuid":"ODR1","type":"refund"}`},
		{mqtt.KindCheck, `{"requestId":"r","orderUuid":"ODR1","type":"refund"}`},
		{mqtt.KindResolution, `{"requestId":"r","target":"o","outcome":"abandon","revision":2,"by":"Ola"}`},
	}
	for k, payload := range examples() {
		all = append(all, message{k, payload})
	}
	return all
}

// members lists the keys that lead to each member of an object that is not a
// product by its place.
func members(v any, at []string, visit func(object map[string]any, key string, path []string)) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			path := append(slices.Clone(at), key)
			if len(at) == 0 || at[len(at)-1] != "products" {
				visit(v, key, path)
			}
			members(v[key], path, visit)
		}
	case []any:
		for _, item := range v {
			members(item, append(slices.Clone(at), "0"), visit)
		}
	}
}

// TestNullIsAbsent: whatever member is null, the verdict is that on a message
// which lacks it, by the published schemas as they stand too.
func TestNullIsAbsent(t *testing.T) {
	t.Parallel()
	v, err := loadValidator()
	if err != nil {
		t.Fatal(err)
	}
	verdict := func(k mqtt.Kind, root any) string {
		payload, err := json.Marshal(root)
		if err != nil {
			t.Fatal(err)
		}
		_, r := Decode(testTopics, testTopics.Request(testTerminal, k), false, payload, testRules())
		if r == nil {
			return "taken"
		}
		noPersonalData(t, r)
		return string(r.Code) + string(r.Reason().Errors)
	}
	tried := 0
	for _, m := range withEverything() {
		root := scan([]byte(m.payload)).root
		if got := verdict(m.kind, root); got != "taken" {
			t.Fatalf("%s: %s", m.payload, got)
		}
		members(root, nil, func(object map[string]any, key string, path []string) {
			tried++
			value := object[key]
			delete(object, key)
			want := verdict(m.kind, root)
			var absent faults
			v.validate(m.kind, root, &absent)
			object[key] = nil
			if got := verdict(m.kind, root); got != want {
				t.Errorf("%s with null at %v: %s, without it: %s", m.kind, path, got, want)
			}
			var null faults
			v.validate(m.kind, scan(marshal(t, root)).root, &null)
			if null.any() != absent.any() {
				t.Errorf("the schema of %s with null at %v: %v, without it: %v", m.kind, path, null.list, absent.list)
			}
			object[key] = value
		})
	}
	if tried < 80 {
		t.Errorf("only %d members were tried", tried)
	}
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// A required member that is null is reported as such, and all that a serializer
// wrote of what is not set is passed over.
func TestDecodeTakesWhatSerializersWrite(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind    mqtt.Kind
		payload string
		taken   func(*Request) bool
	}{
		{mqtt.KindCancel, `{"requestId":"r","ttlSeconds":null,"publishedAt":null,"target":"o","orderUuid":null,"type":null}`, func(r *Request) bool { return r.Target == "o" && r.OrderUUID == "" && r.Type == "" }},
		{mqtt.KindCancel, `{"requestId":"r","target":null,"orderUuid":"ODR1","type":"payment"}`, func(r *Request) bool { return r.OrderUUID == "ODR1" && r.Target == "" }},
		{mqtt.KindRefund, `{"requestId":"r","orderUuid":null,"orderRequestId":"o","full":null,"requestApproval":null,"refund":{"type":"regular","isReversal":null,"grandTotal":"42.000","products":[{"id":null,"productId":null,"line":0,"amount":42}]}}`, func(r *Request) bool {
			return r.AmountMinor == 4200 && r.Products[0] == RefundProduct{Line: 0, AmountMinor: 4200}
		}},
		{mqtt.KindRefund, `{"requestId":"r","orderRequestId":"o","full":true,"refund":null}`, func(r *Request) bool { return r.Full && r.Body == nil }},
		{mqtt.KindResolution, `{"requestId":"r","target":"o","outcome":"resubmit","orderUuid":null,"revision":null,"by":"Ola"}`, func(r *Request) bool { return r.Revision == 0 }},
		{mqtt.KindOrder, "\ufeff" + strings.Replace(exampleFull, `"TRML1216693970"`, `null`, 1), func(r *Request) bool {
			return r.AmountMinor == 4200 && r.Raw[0] == '{'
		}},
	} {
		r, rejected := Decode(testTopics, testTopics.Request(testTerminal, tt.kind), false, []byte(tt.payload), testRules())
		if rejected != nil {
			t.Errorf("%s: %v %v", tt.payload, rejected, rejected.Errors)
		} else if !tt.taken(r) {
			t.Errorf("%s: %+v", tt.payload, r)
		}
	}
	for old, path := range map[string]string{`"receiptPrint": false`: "/order/receiptPrint", `"grandTotal": "42.00"`: "/order/orderSummary/grandTotal", `"zip": "4313"`: "/order/customerDetails/address/zip"} {
		key, _, _ := strings.Cut(old, ":")
		for _, edited := range []string{edit(t, exampleFull, old, key+": null"), edit(t, exampleFull, old, `"other": 1`)} {
			_, r := decodeOrder(edited)
			if r == nil || len(r.Errors) != 1 || r.Errors[0].Path != path || !strings.HasPrefix(r.Errors[0].Message, "is missing or null; it must be ") {
				t.Errorf("%s: %v", key, r)
			}
		}
	}
}

// A till that writes a return as a negative order is shown how it is done, and
// what it is shown is right.
func TestANegativeTotalIsToldOfRefunds(t *testing.T) {
	t.Parallel()
	for _, total := range []string{`-42`, `"-42.00"`, `-0.5`, `"-42.000"`} {
		_, r := decodeOrder(edit(t, exampleFull, `"grandTotal": "42.00"`, `"grandTotal": `+total))
		if r == nil || !strings.Contains(r.Message, "a return is a refund") {
			t.Fatalf("%s: %v", total, r)
		}
		example := negativeAdvice[strings.Index(negativeAdvice, "{"):strings.Index(negativeAdvice, ", or with")]
		if _, r := Decode(testTopics, testTopics.Request("T", mqtt.KindRefund), false, []byte(strings.NewReplacer("a new one", "r-9", "the sale's", "r-1").Replace(example)), testRules()); r != nil {
			t.Errorf("what is shown is refused: %v", r)
		}
	}
	for _, total := range []string{`0`, `"-0"`, `"-x"`, `"--1"`, `"-"`, `1.234`} {
		if _, r := decodeOrder(edit(t, exampleFull, `"grandTotal": "42.00"`, `"grandTotal": `+total)); r == nil || strings.Contains(r.Message, "refund") {
			t.Errorf("%s: %v", total, r)
		}
	}
}
