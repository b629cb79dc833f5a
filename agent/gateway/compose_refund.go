package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"

	"tillpost/internal/money"
	"tillpost/outbox"
)

// ComposeRefund makes the payload of "Front Payment, Refund or Reverse Payment", or of "Request Refund Approval", for one whose
// lines are weighed. What the till sent is forwarded value for value; products that it named in its own way get their numbers. An
// error says that what is stored can't be sent.
func ComposeRefund(r outbox.Request) ([]byte, error) {
	body := map[string]json.RawMessage{}
	if len(r.Body) > 0 {
		if err := json.Unmarshal(r.Body, &body); err != nil {
			return nil, fmt.Errorf("the stored refund is not a JSON object: %w", err)
		}
	}
	products, err := refundProducts(body["products"], r.Refund)
	if err != nil {
		return nil, err
	}
	body["products"] = products
	if r.Refund.Full {
		body["type"], body["grandTotal"] = quote("regular"), kroner(r.AmountMinor)
	}
	if r.Kind == outbox.KindRefund && r.Refund.Approving {
		delete(body, "isReversal")
		body["type"], body["message"] = quote("regular"), quote(r.Refund.Ask)
	} else if r.Kind == outbox.KindRefund && empty(body["isReversal"]) {
		body["isReversal"] = json.RawMessage(strconv.FormatBool(r.Refund.Reversal))
	}
	return encode(body)
}

// refundProducts returns the till's list with the numbers filled in, or a list of what a full refund comes to.
func refundProducts(given json.RawMessage, f *outbox.Refund) (json.RawMessage, error) {
	var list []map[string]json.RawMessage
	if !empty(given) {
		if err := json.Unmarshal(given, &list); err != nil {
			return nil, fmt.Errorf("the stored products are not a list of objects: %w", err)
		}
	}
	var composed []map[string]json.RawMessage
	named := -1 // the till's entry that a line belongs to
	for i, line := range f.Lines {
		if !line.More {
			named++
		}
		entry := map[string]json.RawMessage{"amount": kroner(line.Minor)}
		if !empty(given) {
			if named >= len(list) {
				return nil, errOtherProducts
			}
			maps.Copy(entry, list[named])
		}
		if line.More || i+1 < len(f.Lines) && f.Lines[i+1].More {
			entry["amount"] = kroner(line.Minor) // a part of what the till named
		}
		if empty(entry["id"]) {
			entry["id"] = json.RawMessage(strconv.FormatInt(line.ID, 10))
		}
		delete(entry, "productId")
		delete(entry, "line")
		composed = append(composed, entry)
	}
	if !empty(given) && named+1 != len(list) {
		return nil, errOtherProducts
	}
	return json.Marshal(composed)
}

var errOtherProducts = errors.New("the stored products are not those that were weighed")

// kroner is an amount as a JSON number with two digits, never a float.
func kroner(ore int64) json.RawMessage {
	return json.RawMessage(money.Minor(ore).String())
}
