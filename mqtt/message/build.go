package message

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"time"

	"tillpost/mqtt"
)

// build returns the typed request of a value that passed every check, without its Digest.
func build(k mqtt.Kind, terminal string, s scanned, payload []byte) (*Request, error) {
	envelope, raw := objectAt(s.root), s.members
	if envelope == nil {
		return nil, errors.New("the payload is not a JSON object")
	}
	r := &Request{
		Kind:      k,
		Terminal:  terminal,
		RequestID: stringAt(envelope, "requestId"),
		TTL:       time.Duration(wholeNumber(envelope["ttlSeconds"])) * time.Second,
		Raw:       payload,
	}
	if s := stringAt(envelope, "publishedAt"); s != "" {
		at, err := parseTime(s)
		if err != nil {
			return nil, errors.New("publishedAt is not a time as in RFC 3339")
		}
		if at.IsZero() {
			at = at.Add(1) // the zero time would mean that none was given; an unset clock may send it
		}
		r.PublishedAt = at
	}
	switch k {
	case mqtt.KindOrder:
		r.Order = buildOrder(objectAt(envelope, "order"), raw["order"])
	case mqtt.KindRefund:
		r.Refund = buildRefund(envelope, raw["refund"])
	case mqtt.KindApproval:
		approval := objectAt(envelope, "approval")
		minor, _ := minorOf(approval["grandTotal"])
		r.Approval = &ApprovalRequest{
			OrderUUID:      stringAt(envelope, "orderUuid"),
			OrderRequestID: stringAt(envelope, "orderRequestId"),
			Body:           raw["approval"],
			AmountMinor:    minor,
			Products:       buildProducts(approval),
		}
	case mqtt.KindCancel:
		r.Cancel = &CancelRequest{Target: stringAt(envelope, "target"), OrderUUID: stringAt(envelope, "orderUuid"), Type: stringAt(envelope, "type")}
	case mqtt.KindResend:
		r.Resend = &ResendRequest{Target: stringAt(envelope, "target"), OrderUUID: stringAt(envelope, "orderUuid")}
	case mqtt.KindCheck:
		r.Check = &CheckRequest{Target: stringAt(envelope, "target"), OrderUUID: stringAt(envelope, "orderUuid"), Type: stringAt(envelope, "type")}
	case mqtt.KindResolution:
		r.Resolution = &ResolutionRequest{
			Target:    stringAt(envelope, "target"),
			Outcome:   stringAt(envelope, "outcome"),
			OrderUUID: stringAt(envelope, "orderUuid"),
			Revision:  uint64(wholeNumber(envelope["revision"])),
			By:        stringAt(envelope, "by"),
		}
	default:
		return nil, fmt.Errorf("no request is built of kind %q", k)
	}
	return r, nil
}

func buildOrder(order map[string]any, body json.RawMessage) *OrderRequest {
	o := &OrderRequest{Body: body}
	o.AmountMinor, _ = minorOf(objectAt(order, "orderSummary")["grandTotal"])
	if date, err := ParseDate(stringAt(order, "orderDate")); err == nil {
		o.OrderDate = &date
	}
	_, o.HasTerminalUUID = order["terminalUuid"]
	_, o.HasCustomerDetails = order["customerDetails"]
	_, o.HasSendOrderBy = order["sendOrderBy"]
	o.HasCallbackURL = stringAt(order, "callbackUrl") != ""
	references := objectAt(order, "invoiceReferences")
	o.ReferenceNoEmpty = stringAt(references, "referenceNo") == ""
	o.CustomerReferenceEmpty = stringAt(references, "customerReference") == ""
	return o
}

func buildRefund(envelope map[string]any, body json.RawMessage) *RefundRequest {
	r := &RefundRequest{
		OrderUUID:       stringAt(envelope, "orderUuid"),
		OrderRequestID:  stringAt(envelope, "orderRequestId"),
		ApprovalMessage: stringAt(objectAt(envelope, "requestApproval"), "message"),
	}
	if full, _ := envelope["full"].(bool); full {
		r.Full = true
		return r
	}
	refund := objectAt(envelope, "refund")
	r.Body = body
	r.AmountMinor, _ = minorOf(refund["grandTotal"])
	r.IsReversal, _ = refund["isReversal"].(bool)
	r.Products = buildProducts(refund)
	return r
}

func buildProducts(of map[string]any) []RefundProduct {
	var built []RefundProduct
	products, _ := of["products"].([]any)
	for _, p := range products {
		built = append(built, buildProduct(objectAt(p)))
	}
	return built
}

func buildProduct(p map[string]any) RefundProduct {
	product := RefundProduct{ProductID: stringAt(p, "productId"), Line: -1}
	product.AmountMinor, _ = minorOf(p["amount"])
	switch id := p["id"].(type) {
	case string:
		product.ID = id
	case json.Number:
		product.ID = strconv.FormatInt(wholeNumber(id), 10)
	}
	if line, ok := p["line"]; ok {
		product.Line = int(wholeNumber(line))
	}
	return product
}

func stringAt(object map[string]any, key string) string {
	s, _ := object[key].(string)
	return s
}

// wholeNumber returns the value of a number that the schema found to be whole and
// small enough, however it is written (1e2 is whole); 0 for anything else.
func wholeNumber(v any) int64 {
	n, ok := v.(json.Number)
	if !ok {
		return 0
	}
	r, ok := new(big.Rat).SetString(string(n))
	if !ok || !r.IsInt() || !r.Num().IsInt64() {
		return 0
	}
	return r.Num().Int64()
}
