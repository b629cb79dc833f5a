package e2e

import (
	"fmt"
	"strings"
	"testing"

	"tillpost/api/simulator"
	"tillpost/internal/shoptest"
	"tillpost/mqtt"
)

// bad is a message that is refused at the door.
type bad struct {
	name     string
	terminal string // default: the first
	segment  string // default: orders
	payload  string
	code     string // default: invalidRequest
	pointer  string // default: none is asked for
}

// badOrders are orders with one thing wrong: old becomes wrong.
var badOrders = []struct{ name, old, wrong, pointer string }{
	{"an amount of nothing", `"grandTotal": "42.00"`, `"grandTotal": "0.00"`, "/order/orderSummary/grandTotal"},
	{"an amount below nothing", `"grandTotal": "42.00"`, `"grandTotal": -42`, "/order/orderSummary/grandTotal"},
	{"an amount of three decimals", `"grandTotal": "42.00"`, `"grandTotal": "42.001"`, "/order/orderSummary/grandTotal"},
	{"an amount that is no number", `"grandTotal": "42.00"`, `"grandTotal": "many"`, "/order/orderSummary/grandTotal"},
	{"an amount beyond measure", `"grandTotal": "42.00"`, `"grandTotal": 1e999999999`, "/order/orderSummary/grandTotal"},
	{"an amount that is true", `"grandTotal": "42.00"`, `"grandTotal": true`, "/order/orderSummary/grandTotal"},
	{"no amount", `"totalDiscount": "0.00",` + "\n" + `"grandTotal": "42.00"`, `"totalDiscount": "0.00"`, "/order/orderSummary/grandTotal"},
	{"no products", `"products": {`, `"products": {}, "x": {`, "/order/products"},
	{"products that are text", `"products": {`, `"products": "none", "x": {`, "/order/products"},
	{"a product without a name", `"name": "Hair Wash",`, ``, "/order/products/0/name"},
	{"a quantity of words", `"quantity": "1"`, `"quantity": "one"`, "/order/products/0/quantity"},
	{"no receiptPrint", `"receiptPrint": false,`, ``, "/order/receiptPrint"},
	{"receiptPrint as text", `"receiptPrint": false`, `"receiptPrint": "false"`, "/order/receiptPrint"},
	{"neither sms nor email", `"email": true`, `"email": false`, "/order/sendOrderBy"},
	{"no customer", `"customerDetails": {`, `"someone": {`, "/order/customerDetails"},
	{"a customer without a name", `"name": "Kari Nordmann",`, ``, "/order/customerDetails/name"},
	{"a customer without a phone", `"msisdn": "46567468",`, ``, "/order/customerDetails/msisdn"},
	{"a wrong mail address", `"customer@email.com"`, `"customer"`, "/order/customerDetails/email"},
	{"an unknown language", `"preferredLanguage": "en"`, `"preferredLanguage": "tlh"`, "/order/customerDetails/preferredLanguage"},
	{"a country in words", `"country": "NO"`, `"country": "Norway"`, "/order/customerDetails/address/country"},
	{"a personal number", `"personalNumber": null`, `"personalNumber": "01010112345"`, "/order/customerDetails/personalNumber"},
	{"a corporation without a number", `"type": "private"`, `"type": "corporate"`, "/order/customerDetails/organizationId"},
	{"another terminal", `"receiptPrint"`, `"terminalUuid": "TRML1000000001", "receiptPrint"`, "/order/terminalUuid"},
	{"a date of long ago", `"orderDate": "`, `"orderDate": "07 Apr, 2024", "was": "`, "/order/orderDate"},
	{"a date of another form", `"orderDate": "`, `"orderDate": "2026-11-20", "was": "`, "/order/orderDate"},
	{"a NUL in a text", `"Hair Wash"`, `"Hair\u0000Wash"`, "/order/products/0/name"},
}

// badMessages are all other ways to be wrong.
func badMessages(order string) []bad {
	good := shoptest.Request("bad", "order", order)
	with := func(old, wrong string) string { return strings.Replace(good, old, wrong, 1) }
	id := func(id string) string { return with(`"bad"`, `"`+id+`"`) }
	return []bad{
		{name: "a space", payload: " ", code: "notJSON"},
		{name: "text", payload: "hello", code: "notJSON"},
		{name: "half", payload: good[:len(good)/2], code: "notJSON"},
		{name: "more", payload: good + good, code: "notJSON"},
		{name: "single quotes", payload: strings.ReplaceAll(good, `"`, `'`), code: "notJSON"},
		{name: "a trailing comma", payload: good[:len(good)-1] + ",}", code: "notJSON"},
		{name: "not UTF-8", payload: with("Hair", "H\xe5r"), code: "notJSON"},
		{name: "two byte order marks", payload: "\xef\xbb\xbf\xef\xbb\xbf" + good, code: "notJSON"},
		{name: "UTF-16", payload: "\xff\xfe{\x00}\x00", code: "notJSON"},
		{name: "NUL bytes", payload: "\x00\x00\x00", code: "notJSON"},
		{name: "a number", payload: "42"},
		{name: "null", payload: "null"},
		{name: "a list", payload: "[" + good + "]"},
		{name: "10,000 levels", payload: `{"requestId":"deep","order":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + "}"},
		{name: "70 KB", payload: with("Hair Wash", strings.Repeat("x", 70_000)), code: "tooLarge"},
		{name: "a repeated key", payload: with(`"receiptPrint": false`, `"receiptPrint": false, "receiptPrint": true`), code: "duplicateKey", pointer: "/order/receiptPrint"},
		{name: "two ids", payload: with(`{"requestId"`, `{"requestId":"other","requestId"`), code: "duplicateKey", pointer: "/requestId"},
		{name: "no id", payload: with(`"requestId":"bad",`, ""), pointer: "/requestId"},
		{name: "an empty id", payload: id(""), pointer: "/requestId"},
		{name: "an id with a slash", payload: id("a/b"), pointer: "/requestId"},
		{name: "an id with #", payload: id("a#"), pointer: "/requestId"},
		{name: "an id with +", payload: id("+"), pointer: "/requestId"},
		{name: "an id with a NUL", payload: id(`a\u0000b`), pointer: "/requestId"},
		{name: "an id with a space", payload: id("a b"), pointer: "/requestId"},
		{name: "an id of 65", payload: id(strings.Repeat("a", 65)), pointer: "/requestId"},
		{name: "an id that is a number", payload: with(`"bad"`, "42"), pointer: "/requestId"},
		{name: "no order", payload: `{"requestId":"bad"}`, pointer: "/order"},
		{name: "an order of null", payload: shoptest.Request("bad", "order", "null"), pointer: "/order"},
		{name: "an unknown key", payload: with(`{"requestId"`, `{"priority":1,"requestId"`), pointer: "/priority"},
		{name: "no time to live", payload: with(`{"requestId"`, `{"ttlSeconds":0,"requestId"`), pointer: "/ttlSeconds"},
		{name: "a time to live of days", payload: with(`{"requestId"`, `{"ttlSeconds":86401,"requestId"`), pointer: "/ttlSeconds"},
		{name: "published at noon", payload: with(`{"requestId"`, `{"publishedAt":"noon","requestId"`), pointer: "/publishedAt"},
		{name: "an unknown terminal", terminal: "TRML-nowhere", payload: good, code: "unknownTerminal"},
		{name: "a terminal with a space", terminal: "TRML 1", payload: good},
		{name: "an unknown kind", segment: "payments", payload: good, code: "unknownKind"},
		{name: "a refund of nothing", segment: "refunds", payload: `{"requestId":"bad","full":true}`, pointer: "/orderUuid"},
		{name: "a refund of two", segment: "refunds", payload: `{"requestId":"bad","full":true,"orderUuid":"ODR1","orderRequestId":"a"}`, pointer: "/orderRequestId"},
		{name: "a refund that does not add up", segment: "refunds",
			payload: `{"requestId":"bad","orderUuid":"ODR1","refund":{"type":"regular","grandTotal":10,"products":[{"id":1,"amount":9}]}}`, pointer: "/refund/grandTotal"},
		{name: "a refund of an order never seen", segment: "refunds", payload: `{"requestId":"bad","orderRequestId":"never","full":true}`, code: "unknownTarget", pointer: "/orderRequestId"},
		{name: "an approval without a message", segment: "approvals",
			payload: `{"requestId":"bad","orderUuid":"ODR1","approval":{"type":"regular","grandTotal":10,"products":[{"id":1,"amount":10}]}}`, pointer: "/approval/message"},
		{name: "a cancel of itself", segment: "cancels", payload: `{"requestId":"bad","target":"bad"}`, pointer: "/target"},
		{name: "a cancel without a type", segment: "cancels", payload: `{"requestId":"bad","orderUuid":"ODR1"}`},
		{name: "a resend of what was never seen", segment: "resends", payload: `{"requestId":"bad","target":"never"}`, code: "unknownTarget", pointer: "/target"},
		{name: "a check of nothing", segment: "checks", payload: `{"requestId":"bad"}`, pointer: "/target"},
		{name: "a resolution by nobody", segment: "resolutions", payload: `{"requestId":"bad","target":"never","outcome":"abandon"}`, pointer: "/by"},
		{name: "a resolution of another kind", segment: "resolutions", payload: `{"requestId":"bad","target":"never","outcome":"pay","by":"Kari"}`, pointer: "/outcome"},
	}
}

func TestBadMessagesAreRefusedAndTold(t *testing.T) {
	outside(t)
	w := emptyWorld(t, shoptest.Options{})
	order := shoptest.Example(w.Today(), "bad")
	w.publishRetained(mqtt.Message{Topic: "shop/terminals/" + terminal(1) + "/orders", Payload: []byte(shoptest.Request("kept", "order", order)), Retained: true})
	w.Until("the retained one to be refused", func() bool { return len(w.rejects()) == 1 })
	if r := w.rejects()[0]; r.Reason.Code != "retainedRequest" || r.RequestID != "kept" {
		t.Errorf("the retained one is refused as %+v", r)
	}
	// Nothing is refused for its age or terminal before the API has answered.
	w.Sale(terminal(0), "first")
	all := badMessages(order)
	for _, b := range badOrders {
		wrong := strings.Replace(order, b.old, b.wrong, 1)
		if wrong == order {
			t.Fatalf("%s: the order has no %s", b.name, b.old)
		}
		all = append(all, bad{name: b.name, payload: shoptest.Request("bad", "order", wrong), pointer: b.pointer})
	}
	for i := range all {
		b := &all[i]
		if b.terminal == "" {
			b.terminal = terminal(0)
		}
		if b.segment == "" {
			b.segment = "orders"
		}
		w.Send(b.terminal, b.segment, b.payload)
	}
	w.Until("all to be refused", func() bool { return len(w.rejects()) >= 1+len(all) })
	for i, b := range all {
		if problem := b.fault(w.rejects()[1+i]); problem != "" {
			t.Errorf("%s: %s", b.name, problem)
		}
	}
	if s := w.UntilState(terminal(0), "bad", "rejected"); !s.Final || s.ReasonCode() == "" {
		t.Errorf("the status of the refused is %+v", s)
	}
	w.Sale(terminal(0), "good")
	if n := len(w.Sim.Orders()); n != 2 {
		t.Errorf("%d orders, want 2", n)
	}
	if n := w.Sim.Count(simulator.OpCreate); n != 2 {
		t.Errorf("%d creates, want 2", n)
	}
	if !w.Agent.Running() {
		t.Error("the agent ended")
	}
	t.Logf("%d bad messages", len(all))
}

// fault returns what is wrong with the way in which a message was refused.
func (b bad) fault(r refusal) string {
	code := b.code
	if code == "" {
		code = "invalidRequest"
	}
	if want := "shop/terminals/" + b.terminal + "/" + b.segment; r.Topic != want {
		return fmt.Sprintf("told of %s, not of %s", r.Topic, want)
	}
	if r.Reason.Code != code || r.Reason.Message == "" {
		return fmt.Sprintf("refused as %+v, want %s", r.Reason, code)
	}
	var paths []string
	for _, e := range r.Reason.Errors {
		if e.Path == b.pointer {
			return ""
		}
		paths = append(paths, e.Path)
	}
	if b.pointer != "" || code == "invalidRequest" && len(paths) == 0 {
		return fmt.Sprintf("points at %q, want %q", paths, b.pointer)
	}
	return ""
}

// A broker hands a live retained request on as any other: it is carried out, once, however often it comes again. The
// embedded one refuses it, and it is carried out when it comes as it should.
func TestARetainedRequestDoesNotRunAgain(t *testing.T) {
	outside(t)
	w := newWorld(t, shoptest.Options{})
	topic := "shop/terminals/" + terminal(0) + "/orders"
	w.Till.Publish(mqtt.Message{Topic: topic, Payload: []byte(shoptest.Request("kept", "order", shoptest.Example(w.Today(), "kept"))), Retained: true})
	if w.Embedded() {
		w.UntilState(terminal(0), "kept", "rejected")
		w.Restart()
		w.Sale(terminal(0), "kept")
	} else {
		w.UntilState(terminal(0), "kept", "paid")
		w.Restart()
	}
	w.Until("it to be refused", func() bool { return len(w.rejects()) == 1 })
	if r := w.rejects()[0]; r.Reason.Code != "retainedRequest" {
		t.Errorf("refused as %+v", r)
	}
	if s := w.Now(terminal(0), "kept"); s.State != "paid" {
		t.Errorf("its status is %+v", s)
	}
	if n := w.Sim.Count(simulator.OpCreate); n != 1 {
		t.Errorf("%d creates, want 1", n)
	}
}
