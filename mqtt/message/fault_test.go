package message

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"tillpost/mqtt"
	"tillpost/mqtt/schema"
)

func TestDecodeReportsAllFaultsUpToABound(t *testing.T) {
	t.Parallel()
	payload := edit(t, exampleFull, `"grandTotal": "42.00"`, `"grandTotal": 0`)
	payload = edit(t, payload, `"r-1"`, `"r 1"`)
	payload = edit(t, payload, `"zip": "4313", `, ``)
	payload = edit(t, payload, `20 Nov, 2026`, `20 Nov, 2025`)
	_, r := decodeOrder(payload)
	want := []string{"/order/customerDetails/address/zip", "/order/orderDate", "/order/orderSummary/grandTotal", "/requestId"}
	if r == nil || len(r.Errors) != len(want) || r.RequestID != "" {
		t.Fatalf("%+v", r)
	}
	for i, e := range r.Errors {
		if e.Path != want[i] {
			t.Errorf("fault %d at %s, want %s", i, e.Path, want[i])
		}
	}
	if !strings.HasPrefix(r.Message, "4 faults") {
		t.Errorf("message %q", r.Message)
	}

	many := make([]string, 200)
	for i := range many {
		many[i] = fmt.Sprintf("%q:1", fmt.Sprintf("k%03d", i))
	}
	_, r = decodeOrder(`{"requestId":"r-9",` + strings.Join(many, ",") + `}`)
	if r == nil || len(r.Errors) != MaxFieldErrors || r.RequestID != "r-9" {
		t.Errorf("%+v", r)
	}
}

func TestDecodeFindsTheIDOfBadMessages(t *testing.T) {
	t.Parallel()
	orders := testTopics.Orders(testTerminal)
	tests := []struct {
		name, topic, payload string
		retained             bool
		code                 Code
		id, terminal         string
	}{
		{"retained", orders, exampleFull, true, CodeRetainedRequest, "r-1", testTerminal},
		{"retained nothing", orders, "", true, CodeRetainedRequest, "", testTerminal},
		{"unknown kind", "tillpost/terminals/T1/order", exampleFull, false, CodeUnknownKind, "r-1", "T1"},
		{"foreign topic", "tillpost/agent", exampleFull, false, CodeUnknownKind, "r-1", ""},
		{"bad terminal", "tillpost/terminals/T 1/orders", exampleFull, false, CodeInvalidRequest, "r-1", ""},
		{"empty terminal", "tillpost/terminals//orders", exampleFull, false, CodeInvalidRequest, "r-1", ""},
		{"trailing", orders, exampleFull + "x", false, CodeNotJSON, "r-1", testTerminal},
		{"trailing and too deep", orders, exampleFull + strings.Repeat("[", 100), false, CodeNotJSON, "r-1", testTerminal},
		{"cut", orders, `{"requestId":"r-1","order":{"a`, false, CodeNotJSON, "r-1", testTerminal},
		{"too large", orders, `{"requestId":"r-1","x":"` + strings.Repeat("y", MaxPayload) + `"}`, false, CodeTooLarge, "r-1", testTerminal},
		{"id last", orders, `{"order":{"a":1,"a":2},"requestId":"r-1"}`, false, CodeDuplicateKey, "r-1", testTerminal},
		{"two ids", orders, `{"requestId":"r-1","requestId":"r-2"}`, false, CodeDuplicateKey, "", testTerminal},
		{"inner id", orders, `{"order":{"requestId":"r-1"}}`, false, CodeInvalidRequest, "", testTerminal},
		{"id no string", orders, `{"requestId":["r-1"]}`, false, CodeInvalidRequest, "", testTerminal},
		{"too deep", orders, `{"requestId":"r-1","order":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, false, CodeInvalidRequest, "r-1", testTerminal},
	}
	for _, tt := range tests {
		request, r := Decode(testTopics, tt.topic, tt.retained, []byte(tt.payload), testRules())
		if request != nil || r == nil || r.Code != tt.code || r.RequestID != tt.id || r.Terminal != tt.terminal {
			t.Errorf("%s: %+v", tt.name, r)
		}
	}
}

func TestDecodeBounds(t *testing.T) {
	t.Parallel()
	head := `{"requestId":"r-1","target":"`
	atMost := head + strings.Repeat("o", MaxPayload-len(head)-2) + `"}`
	for payload, code := range map[string]Code{atMost: CodeInvalidRequest, atMost + " ": CodeTooLarge} {
		if _, r := Decode(testTopics, testTopics.Request("T", mqtt.KindCheck), false, []byte(payload), testRules()); r.Code != code {
			t.Errorf("%d bytes: %s", len(payload), r.Code)
		}
	}
	deep := func(n int) string {
		return edit(t, exampleFull, `"tnc": ""`, `"tnc": "", "x": `+strings.Repeat("[", n)+strings.Repeat("]", n))
	}
	// envelope, order and invoiceReferences are three levels
	if _, r := decodeOrder(deep(maxDepth - 3)); r != nil {
		t.Errorf("64 levels: %v", r)
	}
	if _, r := decodeOrder(deep(maxDepth - 2)); r == nil || !strings.HasPrefix(r.Errors[0].Path, "/order/invoiceReferences/x/0/0") {
		t.Errorf("65 levels: %v", r)
	}
	key := strings.Repeat("k", 1000)
	if _, r := decodeOrder(edit(t, exampleFull, `"tnc": ""`, `"`+key+`": 1, "`+key+`": 2`)); r.Errors[0].Path != "/order/invoiceReferences" {
		t.Errorf("a long pointer is not cut at a member: %v", r)
	}
}

// TestDayTurnsInTheStore holds the date rule to the store's midnight.
func TestDayTurnsInTheStore(t *testing.T) {
	t.Parallel()
	oslo := time.FixedZone("CET", 3600)
	payload := []byte(edit(t, exampleFull, `20 Nov, 2026`, `18 Nov, 2026`))
	at := func(now time.Time) *Rejection {
		_, r := Decode(testTopics, testTopics.Orders(testTerminal), false, payload, Rules{Location: oslo, Now: now, ClockKnown: true})
		return r
	}
	midnight := time.Date(2026, 11, 20, 0, 0, 0, 0, oslo)
	if r := at(midnight.Add(-time.Nanosecond).UTC()); r != nil {
		t.Errorf("yesterday's is refused before midnight: %v", r)
	}
	if r := at(midnight.UTC()); r == nil {
		t.Error("older than yesterday's is taken from midnight on")
	}
}

// TestAmountsAgree holds the schema's amount and ours to the same verdict.
func TestAmountsAgree(t *testing.T) {
	t.Parallel()
	literals := []string{
		`0`, `-0`, `0.0`, `0.001`, `0.009`, `0.01`, `0.1`, `1`, `1.0`, `1.00`, `1.000`, `1e2`, `1E+2`, `1e-2`, `1e-3`, `999999999.99`, `1000000000`, `999999999.991`,
		`"0"`, `"0.0"`, `"0.00"`, `"0.01"`, `"0.1"`, `"0.10"`, `"1"`, `"1.0"`, `"1.000"`, `"01"`, `"999999999.99"`, `"1000000000"`, `"+1"`, `"1_0"`, `"1e1"`, `"1/2"`, `" 1"`, `"1 "`,
		`"0.100"`, `"0.010"`, `"0.001"`, `"0.000"`, `"42.00000000"`, `"1.100000000000000"`, `"1.1000000000000000"`, `"999999999.990000000000000"`, `"1.0001"`,
		`"1."`, `".1"`, `"."`, `""`, `"١"`, `true`, `null`, `{}`, `[]`,
	}
	random := rand.New(rand.NewPCG(1, 2))
	const alphabet = "0012345.-e"
	for range 2000 {
		var b strings.Builder
		for range 1 + random.IntN(8) {
			b.WriteByte(alphabet[random.IntN(len(alphabet))])
		}
		literals = append(literals, `"`+b.String()+`"`)
	}
	v, err := loadValidator()
	if err != nil {
		t.Fatal(err)
	}
	for _, literal := range literals {
		payload := edit(t, exampleFull, `"grandTotal": "42.00"`, `"grandTotal": `+literal)
		s := scan([]byte(payload))
		if s.rejection != nil {
			t.Fatalf("%s: %v", literal, s.rejection)
		}
		var f faults
		v.validate(mqtt.KindOrder, s.root, &f)
		_, ok := minorOf(objectAt(s.root, "order", "orderSummary")["grandTotal"])
		if ok == f.any() {
			t.Errorf("%s: ours says %t, the schema %v", literal, ok, f.list)
		}
	}
}

// TestDatesAgree holds the schema's pattern to every date that we take.
func TestDatesAgree(t *testing.T) {
	t.Parallel()
	v, err := loadValidator()
	if err != nil {
		t.Fatal(err)
	}
	day := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	for range 366 {
		s := scan([]byte(edit(t, exampleFull, `20 Nov, 2026`, FormatDate(day))))
		var f faults
		v.validate(mqtt.KindOrder, s.root, &f)
		if parsed, err := ParseDate(FormatDate(day)); f.any() || err != nil || parsed != day {
			t.Errorf("%s: %v %v %v", day, f.list, parsed, err)
		}
		day = day.AddDate(0, 0, 1)
	}
}

// TestEverySchemaSpeaks wants words of our own at every place where a
// validation may fail.
func TestEverySchemaSpeaks(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(schema.FS, "*.json")
	if err != nil || len(names) < len(mqtt.Kinds())+1 {
		t.Fatalf("%v %v", names, err)
	}
	v, err := loadValidator()
	if err != nil {
		t.Fatal(err)
	}
	for location, text := range v.texts {
		if strings.Contains(location, "/if") || strings.HasSuffix(location, "/properties") || strings.HasSuffix(location, "$defs") {
			continue
		}
		if strings.Contains(location, "/properties/") && v.must(location) == "" && !strings.Contains(location, "/not/") &&
			!strings.HasSuffix(location, "/not") && !strings.Contains(location, "patternProperties") {
			t.Errorf("%s has no x-must", location)
		}
		if text.ref != "" {
			if _, ok := v.texts[text.ref]; !ok {
				t.Errorf("%s refers to %s, which is not there", location, text.ref)
			}
		}
		if !strings.HasPrefix(location, schema.Base) {
			t.Errorf("%s is not under %s", location, schema.Base)
		}
	}
}

func FuzzDecodePayload(f *testing.F) {
	for _, payload := range examples() {
		f.Add(payload)
	}
	for _, tt := range formTable() {
		if tt.old == "" && len(tt.new) < 1000 {
			f.Add(tt.new)
		}
	}
	f.Fuzz(func(t *testing.T, payload string) {
		for _, k := range mqtt.Kinds() {
			request, r := Decode(testTopics, testTopics.Request("T1", k), false, []byte(payload), testRules())
			if (request == nil) == (r == nil) {
				t.Fatalf("%v %v", request, r)
			}
			if r != nil {
				if len(r.Errors) > MaxFieldErrors || r.RequestID != "" && !mqtt.ValidID(r.RequestID) || len(r.Message) > 1000 {
					t.Fatalf("%+v", r)
				}
				continue
			}
			if request.Kind != k || !mqtt.ValidID(request.RequestID) || k == mqtt.KindOrder && request.AmountMinor <= 0 {
				t.Fatalf("%+v", request)
			}
		}
	})
}

func FuzzDecodeTopic(f *testing.F) {
	for _, topic := range []string{"", "/", "tillpost/terminals/T1/orders", "tillpost/terminals//orders", "tillpost/terminals/+/#", "tillpost/terminals/T1/status/r", "tillpost/terminals/T1/display"} {
		f.Add("tillpost", topic)
	}
	f.Add("a/b", "a/b/terminals/T1/refunds")
	f.Fuzz(func(t *testing.T, prefix, topic string) {
		topics := mqtt.Topics{Prefix: prefix}
		request, r := Decode(topics, topic, false, []byte(exampleFull), testRules())
		if (request == nil) == (r == nil) {
			t.Fatalf("%v %v", request, r)
		}
		if r != nil && r.Terminal != "" && !mqtt.ValidID(r.Terminal) {
			t.Fatalf("%+v", r)
		}
		if terminal, segment, ok := topics.Parse(topic); ok {
			if prefix+"/terminals/"+terminal+"/"+segment != topic || strings.Contains(terminal+segment, "/") {
				t.Fatalf("%q is taken apart as %q and %q", topic, terminal, segment)
			}
		}
	})
}

func BenchmarkDecodeOrder(b *testing.B) {
	payload, topic, rules := []byte(exampleFull), testTopics.Orders(testTerminal), testRules()
	b.ReportAllocs()
	for b.Loop() {
		if _, r := Decode(testTopics, topic, false, payload, rules); r != nil {
			b.Fatal(r)
		}
	}
}
