package gateway

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"tillpost/outbox"
)

func TestOrderIsForwardedValueForValue(t *testing.T) {
	t.Parallel()
	oslo, err := time.LoadLocation("Europe/Oslo")
	if err != nil {
		t.Fatal(err)
	}
	defaults := json.RawMessage(`{"type":"private"}`)
	now := time.Date(2026, 11, 20, 23, 30, 0, 0, time.UTC) // the 21st in Oslo
	const mark = "MARK"
	for _, c := range []struct {
		name    string
		options Options
		given   string
		want    string
		shown   bool
	}{
		{"numbers keep their digits", Options{}, `{"orderDate":"01 Jan, 2030","x":[1E2,42.00,1e-2,-0,123456789012345678901234567890]}`,
			`{"invoiceReferences":{"referenceNo":"MARK"},"orderDate":"01 Jan, 2030","terminalUuid":"T1","x":[1E2,42.00,1e-2,-0,123456789012345678901234567890]}`, true},
		{"text keeps its letters", Options{}, `{"orderDate":"01 Jan, 2030","x":"<å> & \u00e5 \ud83d\ude00"}`,
			`{"invoiceReferences":{"referenceNo":"MARK"},"orderDate":"01 Jan, 2030","terminalUuid":"T1","x":"<å> & \u00e5 \ud83d\ude00"}`, true},
		{"no date is today in the store", Options{}, `{}`, `{"invoiceReferences":{"referenceNo":"MARK"},"orderDate":"21 Nov, 2026","terminalUuid":"T1"}`, true},
		{"a date that has passed is today", Options{}, `{"orderDate":"20 Nov, 2026"}`, `{"invoiceReferences":{"referenceNo":"MARK"},"orderDate":"21 Nov, 2026","terminalUuid":"T1"}`, true},
		{"today is kept", Options{}, `{"orderDate":"21 Nov, 2026"}`, `{"invoiceReferences":{"referenceNo":"MARK"},"orderDate":"21 Nov, 2026","terminalUuid":"T1"}`, true},
		{"the mark takes the second place", Options{}, `{"invoiceReferences":{"referenceNo":"7","customerReference":null,"tnc":"x"}}`,
			`{"invoiceReferences":{"customerReference":"MARK","referenceNo":"7","tnc":"x"},"orderDate":"21 Nov, 2026","terminalUuid":"T1"}`, true},
		{"the till's references are never touched", Options{}, `{"invoiceReferences":{"referenceNo":"7","customerReference":"8"}}`,
			`{"invoiceReferences":{"referenceNo":"7","customerReference":"8"},"orderDate":"21 Nov, 2026","terminalUuid":"T1"}`, false},
		{"null references", Options{}, `{"invoiceReferences":null}`, `{"invoiceReferences":{"referenceNo":"MARK"},"orderDate":"21 Nov, 2026","terminalUuid":"T1"}`, true},
		{"defaults fill what is absent", Options{CustomerDetails: defaults, SendOrderBy: json.RawMessage(`{"sms":false}`)}, `{"sendOrderBy":{"email":true}}`,
			`{"customerDetails":{"type":"private"},"invoiceReferences":{"referenceNo":"MARK"},"orderDate":"21 Nov, 2026","sendOrderBy":{"email":true},"terminalUuid":"T1"}`, true},
		{"a callback of ours", Options{CallbackURL: "https://shop.example"}, `{}`,
			`{"callbackUrl":"https://shop.example/callback/MARK","invoiceReferences":{"referenceNo":"MARK"},"orderDate":"21 Nov, 2026","terminalUuid":"T1"}`, true},
		{"the till's callback is left alone", Options{CallbackURL: "https://shop.example"}, `{"callbackUrl":"https://till.example"}`,
			`{"callbackUrl":"https://till.example","invoiceReferences":{"referenceNo":"MARK"},"orderDate":"21 Nov, 2026","terminalUuid":"T1"}`, true},
	} {
		c.options.Location = oslo
		made, err := c.options.order(outbox.Request{Terminal: "T1", Body: []byte(c.given)}, mark, outbox.Instant{Wall: now.UnixMilli(), Known: true})
		if err != nil || string(made.Body) != c.want || made.Shown != c.shown || made.Shown != (made.References == "") {
			t.Errorf("%s:\n got %s %v %q %v\nwant %s %v", c.name, made.Body, made.Shown, made.References, err, c.want, c.shown)
		}
	}
}

// A Pi that starts in 1970, or jumps to 2038, dates nothing; a date that has passed by its clock waits until that is right.
func TestNoOrderIsDatedByAnUnknownClock(t *testing.T) {
	t.Parallel()
	c := Options{Location: time.UTC}
	for _, year := range []int{1970, 2026, 2038} {
		now := outbox.Instant{Wall: time.Date(year, 11, 20, 3, 14, 7, 0, time.UTC).UnixMilli()}
		made, err := c.order(outbox.Request{Terminal: "T1", Body: []byte(`{"orderDate":"20 Nov, 2026"}`)}, "M", now)
		if want := `{"invoiceReferences":{"referenceNo":"M"},"orderDate":"20 Nov, 2026","terminalUuid":"T1"}`; year <= 2026 && (err != nil || string(made.Body) != want) {
			t.Errorf("%d: %s, %v", year, made.Body, err)
		}
		if year > 2026 && !errors.Is(err, ErrDateUnknown) {
			t.Errorf("%d: %s, %v", year, made.Body, err)
		}
		if _, err := c.order(outbox.Request{Terminal: "T1", Body: []byte(`{}`)}, "M", now); !errors.Is(err, ErrDateUnknown) {
			t.Errorf("%d: without a date: %v", year, err)
		}
	}
}

func TestRefundIsForwardedWithItsNumbers(t *testing.T) {
	t.Parallel()
	order := outbox.KindRefund
	for _, c := range []struct {
		name string
		r    outbox.Request
		want string
	}{
		{"as the till sent it", outbox.Request{Kind: order, Body: []byte(`{"type":"regular","grandTotal":42.0,"products":[{"id":12,"amount":42.0}],"isReversal":true}`),
			Refund: &outbox.Refund{Reversal: true, Lines: []outbox.RefundLine{{ID: 12, Minor: 4200}}}},
			`{"grandTotal":42.0,"isReversal":true,"products":[{"amount":42.0,"id":12}],"type":"regular"}`},
		{"with the number looked up", outbox.Request{Kind: order, Body: []byte(`{"type":"regular","grandTotal":"1.50","products":[{"productId":"A","amount":"1.50"}]}`),
			Refund: &outbox.Refund{Lines: []outbox.RefundLine{{ID: 7, ProductID: "A", Minor: 150}}}},
			`{"grandTotal":"1.50","isReversal":false,"products":[{"amount":"1.50","id":7}],"type":"regular"}`},
		{"taken from two lines of one name", outbox.Request{Kind: order, Body: []byte(`{"type":"regular","grandTotal":50,"products":[{"productId":"A","amount":49.0,"note":"x"},{"line":2,"amount":1.0}]}`),
			Refund: &outbox.Refund{Lines: []outbox.RefundLine{{ID: 7, ProductID: "A", Minor: 4200}, {ID: 8, ProductID: "A", Minor: 700, More: true}, {ID: 9, Line: 2, ByLine: true, Minor: 100}}}},
			`{"grandTotal":50,"isReversal":false,"products":[{"amount":42.00,"id":7,"note":"x"},{"amount":7.00,"id":8,"note":"x"},{"amount":1.0,"id":9}],"type":"regular"}`},
		{"in full", outbox.Request{Kind: order, AmountMinor: 1205, Refund: &outbox.Refund{Full: true, Lines: []outbox.RefundLine{{ID: 1, Minor: 1200}, {ID: 2, Minor: 5}}}},
			`{"grandTotal":12.05,"isReversal":false,"products":[{"amount":12.00,"id":1},{"amount":0.05,"id":2}],"type":"regular"}`},
		{"as the approval it turned into", outbox.Request{Kind: order, Body: []byte(`{"type":"regular","grandTotal":5,"products":[{"line":0,"amount":5}],"isReversal":false}`),
			Refund: &outbox.Refund{Approving: true, Ask: "damaged", Lines: []outbox.RefundLine{{ID: 3, Minor: 500}}}},
			`{"grandTotal":5,"message":"damaged","products":[{"amount":5,"id":3}],"type":"regular"}`},
		{"an approval", outbox.Request{Kind: outbox.KindApproval, Body: []byte(`{"type":"reservation","grandTotal":55,"message":"m","products":[{"id":451,"amount":55}],"source":"charged","reference":"CHA1"}`),
			Refund: &outbox.Refund{Lines: []outbox.RefundLine{{ID: 451, Minor: 5500}}}},
			`{"grandTotal":55,"message":"m","products":[{"amount":55,"id":451}],"reference":"CHA1","source":"charged","type":"reservation"}`},
	} {
		body, err := ComposeRefund(c.r)
		if err != nil || string(body) != c.want {
			t.Errorf("%s:\n got %s %v\nwant %s", c.name, body, err, c.want)
		}
	}
	_, err := ComposeRefund(outbox.Request{Kind: order, Body: []byte(`{"products":[{},{}]}`), Refund: &outbox.Refund{Lines: []outbox.RefundLine{{ID: 1}}}})
	if err == nil || !strings.Contains(err.Error(), "weighed") {
		t.Errorf("other products than were weighed: %v", err)
	}
}
