package e2e

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/internal/shoptest"
)

func TestTheExampleOrderIsPaid(t *testing.T) {
	outside(t)
	w := newWorld(t, shoptest.Options{Customer: simulator.Pay(300 * time.Millisecond)})
	body := strings.Replace(shoptest.APIExample, "DATE", w.Today(), 1)
	w.Send(exampleTerminal, "orders", shoptest.Request("example", "order", body))
	s := w.UntilState(exampleTerminal, "example", "paid")
	if got, want := w.Heard.States("example"), []string{"queued", "sending", "awaiting_customer", "paid"}; !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
	orders := w.Sim.Orders()
	if len(orders) != 1 || orders[0].UUID != s.OrderUUID {
		t.Fatalf("%d orders at the API, told is %s", len(orders), s.OrderUUID)
	}
	arrives(t, body, string(orders[0].Body))
}

// What the API gets is what the till sent, digit for digit, and what is filled in for it.
func TestNothingIsLostOnTheWay(t *testing.T) {
	outside(t)
	w := newWorld(t, shoptest.Options{})
	strange := `"x-till": {"e": 1E2, "kroner": 42.00, "small": 1e-2, "minus": -0.0, "long": 123456789012345678901234567890.0123456789,
"text": "Blåbærsyltetøy \u00e6\ud83d\ude00 \/ \\ \"q\" \t \u2028 <&>", "æ~1/": [[], {}, null, true, "", 0, 1.10]}, `
	body := strings.Replace(shoptest.Example(w.Today(), "digits"), `"orderSummary"`, strange+`"orderSummary"`, 1)
	body = strings.Replace(body, `"orderDate": "`+w.Today()+`",`, "", 1)
	body = strings.Replace(body, `"rate": 42`, `"rate": 4.20E1, "ean": "\u0037\u0030"`, 1)
	w.Send(terminal(0), "orders", shoptest.Request("digits", "order", body))
	w.UntilState(terminal(0), "digits", "paid")
	got := string(w.Sim.Orders()[0].Body)
	for _, digits := range []string{"1E2", "42.00", "1e-2", "-0.0", "123456789012345678901234567890.0123456789", "4.20E1", "1.10"} {
		if !strings.Contains(got, digits) {
			t.Errorf("%s is gone from %s", digits, got)
		}
	}
	var filled struct {
		InvoiceReferences struct{ ReferenceNo string }
	}
	w.Must(json.Unmarshal([]byte(got), &filled))
	mark := filled.InvoiceReferences.ReferenceNo
	if len(mark) < 16 {
		t.Errorf("the mark is %q", mark)
	}
	body = strings.Replace(body, `"referenceNo": ""`, `"referenceNo": "`+mark+`"`, 1)
	body = strings.Replace(body, `"receiptPrint"`, `"orderDate": "`+w.Today()+`", "terminalUuid": "`+terminal(0)+`", "receiptPrint"`, 1)
	arrives(t, body, got)
}

// decoded returns a JSON value whose numbers keep their digits.
func decoded(raw string) (v any, err error) {
	d := json.NewDecoder(strings.NewReader(raw))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

// arrives checks that two payloads are the same value.
func arrives(t *testing.T, sent, got string) {
	t.Helper()
	a, err := decoded(sent)
	if err != nil {
		t.Fatal(err)
	}
	b, err := decoded(got)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("the API got\n%v\nwant\n%v", b, a)
	}
}

// The same request again and again is one order, and other content under its id is a conflict.
func TestOneRequestIsOneOrder(t *testing.T) {
	outside(t)
	w := newWorld(t, shoptest.Options{})
	w.customers(terminal(0), simulator.WalkAway())
	for range 5 {
		w.Order(terminal(0), "twice")
	}
	w.UntilState(terminal(0), "twice", "awaiting_customer")
	w.Crash()
	for range 3 {
		w.Order(terminal(0), "twice")
	}
	w.Must(w.Sim.Settle(w.Now(terminal(0), "twice").OrderUUID, simulator.Pays))
	paid := w.UntilState(terminal(0), "twice", "paid")
	w.Restart()
	told := len(w.Heard.Told("twice"))
	for range 3 {
		w.Order(terminal(0), "twice")
	}
	w.Until("the status to be told again", func() bool { return len(w.Heard.Told("twice")) >= told+3 })
	if again := w.Now(terminal(0), "twice"); again.Revision != paid.Revision || again.State != "paid" {
		t.Errorf("told again as %+v, was %+v", again, paid)
	}
	w.Order(terminal(1), "twice")
	w.Send(terminal(0), "orders", shoptest.Request("twice", "order", strings.Replace(shoptest.Example(w.Today(), "twice"), "42.00", "43.00", 1)))
	w.Send(terminal(0), "checks", `{"requestId":"twice","target":"twice2"}`)
	w.Until("three conflicts", func() bool { return len(w.rejects()) == 3 })
	for i, r := range w.rejects() {
		if want := "requestIdConflict"; r.Reason.Code != want && i < 2 || r.RequestID != "twice" {
			t.Errorf("refused %+v, want %s", r, want)
		}
	}
	if s := w.Now(terminal(0), "twice"); s.State != "paid" {
		t.Errorf("the first did not stand: %+v", s)
	}
	if n := w.Sim.Count(simulator.OpCreate); n != 1 {
		t.Errorf("%d creates, want 1", n)
	}
}
