package message

import (
	"cmp"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"tillpost/mqtt"
)

// checkRules adds the faults that a schema can't find: those that depend on the topic, the clock or the configuration,
// and those between members. A member of the wrong type is left to the schema.
func checkRules(k mqtt.Kind, terminal string, root any, rules Rules, f *faults) {
	envelope := objectAt(root)
	if s, ok := envelope["publishedAt"].(string); ok {
		if _, err := parseTime(s); err != nil {
			f.add("/publishedAt", "must be a time as in RFC 3339, like \"2026-11-20T12:00:00Z\"")
		}
	}
	checkOtherRequest("target", envelope, f)
	checkOtherRequest("orderRequestId", envelope, f)
	switch k {
	case mqtt.KindOrder:
		checkOrder(terminal, objectAt(envelope, "order"), rules, f)
	case mqtt.KindRefund:
		checkSum("/refund", objectAt(envelope, "refund"), f)
	case mqtt.KindApproval:
		checkSum("/approval", objectAt(envelope, "approval"), f)
	case mqtt.KindCancel, mqtt.KindResend, mqtt.KindCheck, mqtt.KindResolution:
	}
}

// parseTime reads a time as in RFC 3339, which allows "t" and "z" too.
func parseTime(s string) (time.Time, error) {
	return time.Parse(time.RFC3339, strings.ToUpper(s))
}

// checkOtherRequest refuses a request that is about itself.
func checkOtherRequest(key string, envelope map[string]any, f *faults) {
	other, ok := envelope[key].(string)
	if id, _ := envelope["requestId"].(string); ok && id == other {
		f.add(pointer(key), "must name another request than this one itself")
	}
}

// checkOrder applies Front Payment, Create Terminal Order, as far as the schema does not.
func checkOrder(terminal string, order map[string]any, rules Rules, f *faults) {
	if order == nil {
		return
	}
	if t, ok := order["terminalUuid"].(string); ok && t != terminal {
		f.add("/order/terminalUuid", "must be the terminal of the topic, or be left out")
	}
	if s, ok := order["orderDate"].(string); ok {
		checkOrderDate(s, rules, f)
	}
	if _, ok := order["customerDetails"]; !ok && !rules.HasCustomerDefaults {
		f.add("/order/customerDetails", "is missing or null; it must be an object that describes the customer, as the agent's configuration has no order_defaults.customerDetails")
	}
	if _, ok := order["sendOrderBy"]; !ok && !rules.HasSendOrderByDefaults {
		f.add("/order/sendOrderBy", "is missing or null; it must be an object with sms and email, at least one of them true, as the agent's configuration has no order_defaults.sendOrderBy")
	}
	if number := objectAt(order, "customerDetails")["personalNumber"]; number != nil && !rules.AllowPersonalNumber {
		f.add("/order/customerDetails/personalNumber", "must be null or left out: the agent's policy does not let personal numbers pass")
	}
	checkAmount("/order/orderSummary/grandTotal", objectAt(order, "orderSummary")["grandTotal"], f)
	if s, ok := order["callbackUrl"].(string); ok && !webURL(s) {
		f.add("/order/callbackUrl", "must be a URL that begins with https:// or http://, or be left out")
	}
}

// checkOrderDate lets yesterday pass: the order may have waited overnight, and its date is moved when it is sent.
func checkOrderDate(s string, rules Rules, f *faults) {
	const path = "/order/orderDate"
	date, err := ParseDate(s)
	today := DateOf(rules.Now.In(cmp.Or(rules.Location, time.UTC)))
	switch {
	case err != nil:
		f.add(path, "must be a date like \"07 Apr, 2026\", today or later")
	case rules.ClockKnown && date.Before(today.AddDate(0, 0, -1)):
		f.add(path, "must be today or later, or be left out for the day of sending")
	}
}

func checkAmount(path string, v any, f *faults) {
	if !isNumeric(v) {
		return
	}
	if _, ok := minorOf(v); ok {
		return
	}
	if negative(v) {
		f.add(path, "must be positive: "+negativeAdvice)
		return
	}
	f.add(path, "must be a positive amount with at most two decimals (zeros behind them aside), as number or string, like \"42.00\"")
}

// negativeAdvice is for tills that write a return as a negative amount.
const negativeAdvice = "a return is a refund, published on the terminal's topic refunds and positive too, " +
	`like {"requestId":"a new one","orderRequestId":"the sale's","refund":{"type":"regular","grandTotal":42.00,"products":[{"line":0,"amount":42.00}]}}` +
	`, or with "full":true instead of refund for all that is left`

// checkSum checks that a refund's total is the sum of its products.
func checkSum(path string, body map[string]any, f *faults) {
	total, ok := minorOf(body["grandTotal"])
	checkAmount(path+"/grandTotal", body["grandTotal"], f)
	products, isList := body["products"].([]any)
	if !ok || !isList || len(products) == 0 {
		return
	}
	var sum int64
	for _, p := range products {
		amount, ok := minorOf(objectAt(p)["amount"])
		if !ok {
			return
		}
		sum += amount
	}
	if sum != total {
		f.add(path+"/grandTotal", "must be the sum of the products' amounts")
	}
}

func isNumeric(v any) bool {
	switch v.(type) {
	case json.Number, string:
		return true
	}
	return false
}

func webURL(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" {
		return false
	}
	scheme := strings.ToLower(u.Scheme)
	return scheme == "https" || scheme == "http"
}
