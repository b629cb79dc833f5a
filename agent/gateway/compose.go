package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"tillpost/mqtt/message"
	"tillpost/outbox"
)

// ErrDateUnknown is returned for an order that has to be dated while today is not known.
var ErrDateUnknown = errors.New("the order has no date of today or later, and the clock is not known to be right")

// ComposedOrder is an order as it is sent.
type ComposedOrder struct {
	Body []byte // JSON
	// Shown: the mark stands in a reference, where a search of order details can see it.
	Shown bool
	// References is a digest of the till's own, where they leave no room for the mark; else "".
	References string
}

// order builds the create payload of "Front Payment, Create Terminal Order". Everything it does not fill in is forwarded value for
// value, numbers by their digits. It returns ErrDateUnknown for an order that has to be dated while the clock is not known to be
// right.
func (o Options) order(r outbox.Request, mark string, now outbox.Instant) (made ComposedOrder, err error) {
	var order map[string]json.RawMessage
	if err := json.Unmarshal(r.Body, &order); err != nil {
		return made, fmt.Errorf("the stored order is not a JSON object: %w", err)
	}
	order["terminalUuid"] = quote(r.Terminal)
	date, ok := o.orderDate(order["orderDate"], now)
	if !ok {
		return made, ErrDateUnknown
	}
	order["orderDate"] = date
	fillIn(order, "customerDetails", o.CustomerDetails)
	fillIn(order, "sendOrderBy", o.SendOrderBy)
	if o.CallbackURL != "" && empty(order["callbackUrl"]) {
		order["callbackUrl"] = quote(o.CallbackURL + "/callback/" + mark)
	}
	if refs, ok := withMark(order["invoiceReferences"], mark); ok {
		order["invoiceReferences"], made.Shown = refs, true
	} else {
		made.References = sentReferences(order["invoiceReferences"])
	}
	made.Body, err = encode(order)
	return made, err
}

// orderDate keeps a date of today or later; an absent one, and one that has passed while the order waited, become
// today in the store's time zone: the API takes no other. ok is false where that day is not known: while the clock is not
// known to be right, and does not make the date that is given one of today or later.
func (o Options) orderDate(given json.RawMessage, now outbox.Instant) (date json.RawMessage, ok bool) {
	today := message.DateOf(now.Time().In(o.Location))
	var text string
	if json.Unmarshal(given, &text) == nil {
		if d, err := message.ParseDate(text); err == nil && !d.Before(today) {
			return given, true
		}
	}
	return quote(message.FormatDate(today)), now.Known
}

// withMark puts the mark into referenceNo if the till left that empty, else into an empty customerReference, else
// nowhere: the till's own references are never touched.
func withMark(given json.RawMessage, mark string) (json.RawMessage, bool) {
	refs := map[string]json.RawMessage{}
	if !empty(given) && json.Unmarshal(given, &refs) != nil {
		return nil, false
	}
	for _, key := range []string{"referenceNo", "customerReference"} {
		if empty(refs[key]) {
			refs[key] = quote(mark)
			out, err := encode(refs)
			return out, err == nil
		}
	}
	return nil, false
}

func fillIn(order map[string]json.RawMessage, key string, value json.RawMessage) {
	if value != nil && empty(order[key]) {
		order[key] = value
	}
}

// empty reports whether a member is absent, null or "".
func empty(v json.RawMessage) bool {
	v = bytes.TrimSpace(v)
	return len(v) == 0 || string(v) == "null" || string(v) == `""`
}

func quote(s string) json.RawMessage {
	out, _ := json.Marshal(s) // a string always marshals
	return out
}

// encode writes an object without escaping <, > and &, which would change nothing but the bytes.
func encode(v map[string]json.RawMessage) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode the order: %w", err)
	}
	return bytes.TrimRight(buf.Bytes(), "\n"), nil
}
