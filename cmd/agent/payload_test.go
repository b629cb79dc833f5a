package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tillpost/mqtt"
)

func TestComplete(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		kind     mqtt.Kind
		in, want string
		wrapped  bool
		newID    bool
	}{
		{"bare order", mqtt.KindOrder, " {\"products\": [], \"rate\": 1.50}\n", `{"requestId":"ID","order":{"products": [], "rate": 1.50}}`, true, true},
		{"from Notepad", mqtt.KindOrder, "\xef\xbb\xbf{\"products\":{}}\r\n", `{"requestId":"ID","order":{"products":{}}}`, true, true},
		{"envelope without an id", mqtt.KindOrder, `{ "order": {"products":{}}}`, `{"requestId":"ID", "order": {"products":{}}}`, false, true},
		{"whole", mqtt.KindOrder, `{"requestId":"r","order":{}}`, `{"requestId":"r","order":{}}`, false, false},
		{"null id", mqtt.KindOrder, `{"requestId":null,"order":{}}`, `{"requestId":null,"order":{}}`, false, false},
		{"order and products", mqtt.KindOrder, `{"products":1,"order":2}`, `{"requestId":"ID","products":1,"order":2}`, false, true},
		{"products of another kind", mqtt.KindRefund, `{"products":[]}`, `{"requestId":"ID","products":[]}`, false, true},
		{"empty object", mqtt.KindCancel, `{}`, `{"requestId":"ID"}`, false, true},
		{"empty object with space", mqtt.KindCancel, `{ }`, `{"requestId":"ID" }`, false, true},
		{"not an object", mqtt.KindOrder, `[1]`, `[1]`, false, false},
		{"null", mqtt.KindOrder, `null`, `null`, false, false},
		{"not JSON", mqtt.KindOrder, `{"products":`, `{"products":`, false, false},
		{"nothing", mqtt.KindOrder, ``, ``, false, false},
		{"two values", mqtt.KindOrder, `{"products":1}{}`, `{"products":1}{}`, false, false},
	}
	for _, test := range tests {
		got := complete(test.kind, []byte(test.in), func() string { return "ID" })
		if string(got.payload) != test.want || got.wrapped != test.wrapped || (got.newID == "ID") != test.newID {
			t.Errorf("%s: %s, wrapped %v, new id %q", test.name, got.payload, got.wrapped, got.newID)
		}
	}
}

func TestReadPayload(t *testing.T) {
	t.Parallel()
	if data, err := readPayload("-", strings.NewReader("in")); string(data) != "in" || err != nil {
		t.Errorf("%q %v", data, err)
	}
	name := filepath.Join(t.TempDir(), "payload")
	if err := os.WriteFile(name, make([]byte, maxFile), 0o600); err != nil {
		t.Fatal(err)
	}
	if data, err := readPayload(name, nil); len(data) != maxFile || err != nil {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	if err := os.WriteFile(name, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readPayload(name, nil); err == nil {
		t.Error("a file over the bound was read")
	}
}

func TestParseKind(t *testing.T) {
	t.Parallel()
	for _, k := range mqtt.Kinds() {
		for _, name := range []string{string(k), k.Segment()} {
			if got, err := parseKind(name); got != k || err != nil {
				t.Errorf("%s: %s, %v", name, got, err)
			}
		}
	}
	for _, name := range []string{"", "s", "Order", "orderss", "display"} {
		if got, err := parseKind(name); err == nil {
			t.Errorf("%q is taken for %s", name, got)
		}
	}
}
