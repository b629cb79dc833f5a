package message

import (
	"encoding/json"
	"math/big"
	"strconv"
	"time"

	"tillpost/mqtt"
)

// Repeated returns the request of a message that passed every check, now or when it was first accepted: a repetition is
// not checked again, since the date, the policy and the defaults may have changed since then.
func (p *Parsed) Repeated() *Request {
	envelope := objectAt(p.scanned.root)
	r := &Request{
		Kind:      p.kind,
		Terminal:  p.topicTerminal,
		RequestID: p.RequestID,
		TTL:       time.Duration(wholeNumber(envelope["ttlSeconds"])) * time.Second,
		Digest:    p.Digest,
		Raw:       p.payload,
		Target:    stringAt(envelope, "target"),
		OrderUUID: stringAt(envelope, "orderUuid"),
		Type:      stringAt(envelope, "type"),
		Outcome:   stringAt(envelope, "outcome"),
		Revision:  uint64(wholeNumber(envelope["revision"])),
		By:        stringAt(envelope, "by"),
	}
	if at, err := parseTime(stringAt(envelope, "publishedAt")); err == nil {
		if at.IsZero() {
			at = at.Add(1) // the zero time would mean that none was given; an unset clock may send it
		}
		r.PublishedAt = at
	}
	body := objectAt(envelope, string(p.kind))
	switch p.kind {
	case mqtt.KindOrder:
		r.Body = p.scanned.members["order"]
		r.AmountMinor, _ = minorOf(objectAt(body, "orderSummary")["grandTotal"])
	case mqtt.KindRefund, mqtt.KindApproval:
		r.Target = stringAt(envelope, "orderRequestId")
		r.ApprovalMessage = stringAt(objectAt(envelope, "requestApproval"), "message")
		if r.Full, _ = envelope["full"].(bool); r.Full {
			break
		}
		r.Body = p.scanned.members[string(p.kind)]
		r.AmountMinor, _ = minorOf(body["grandTotal"])
		r.Products = buildProducts(body)
		if p.kind == mqtt.KindRefund { // an approval may have a member of that name, which is only forwarded
			r.IsReversal, _ = body["isReversal"].(bool)
		}
	}
	return r
}

func buildProducts(of map[string]any) []RefundProduct {
	var built []RefundProduct
	products, _ := of["products"].([]any)
	for _, item := range products {
		p := objectAt(item)
		product := RefundProduct{ID: wholeNumber(p["id"]), ProductID: stringAt(p, "productId"), Line: int(wholeNumber(p["line"]))}
		product.AmountMinor, _ = minorOf(p["amount"])
		if id, ok := p["id"].(string); ok {
			product.ID, _ = strconv.ParseInt(id, 10, 64) // the schema lets digits pass only
		}
		built = append(built, product)
	}
	return built
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
