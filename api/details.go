package api

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// OrderDetails is the API's record of an order. All of it is read leniently: which fields come back for terminal orders
// is not documented, so a field that is absent or not understood is simply unknown.
type OrderDetails struct {
	Status     string // as the API writes it; State reads it
	GrandTotal Amount // of the order's summary
	// Products are in the order in which the API lists them.
	Products []OrderProduct
	Payment  PaymentHistory
	// ReferencesKnown is false where the references are absent or null: they may come later.
	ReferencesKnown bool
	// ReferenceNo and CustomerReference are two of them; ReferencesRead is false where the reply does not separate them.
	ReferenceNo, CustomerReference string
	ReferencesRead                 bool
	references                     []string
}

// OrderProduct is a line of the order. ID is how a refund names it ("Refund or Reverse Payment"); 0 where unknown.
type OrderProduct struct {
	ID        int64
	ProductID string // the till's own
	Amount    Amount
}

// PaymentHistory is what was paid and refunded.
type PaymentHistory struct {
	Known    bool // false where the reply had none
	Amount   Amount
	Refunded Amount
	Refunds  []RefundEntry
}

// RefundEntry is one refund of the history, in the API's order.
type RefundEntry struct {
	Amount     Amount
	IsRefunded bool
}

// State returns what the status means.
func (d OrderDetails) State() PaymentState { return paymentState(d.Status, "") }

// References returns the order's invoice references and callback URL, one value a line, for a caller to search its mark
// in. They may hold what the till wrote: not for logs.
func (d OrderDetails) References() string { return strings.Join(d.references, "\n") }

// OrderDetails reads an order ("Get Order Details By UUID"). A reply that holds no order, or another one, is ambiguous.
func (c *Client) OrderDetails(ctx context.Context, orderUUID string) (OrderDetails, Reply) {
	return ask(ctx, c, OpOrderDetails, http.MethodGet, "connect/orders/details/", orderUUID, func(e envelope) (OrderDetails, error) {
		m, err := e.record(orderUUID)
		return readDetails(m), err
	})
}

func readDetails(m map[string]json.RawMessage) OrderDetails {
	d := OrderDetails{Status: textOf(m, "status")}
	sums, _ := asObject(field(m, "orderSummary"))
	d.GrandTotal = amountOf(sums, "grandTotal")
	d.Products = readProducts(m)
	d.Payment = readHistory(field(m, "paymentHistory"))
	references := field(m, "invoiceReferences")
	text, isText := asText(references)
	d.ReferencesKnown = !isNull(references) && (!isText || text != "")
	d.references = leaves(nil, references, maxDepth)
	d.readReferences(references)
	if url, _ := asText(field(m, "callbackUrl")); url != "" {
		d.references = append(d.references, url) // whole: a mark stands at its end
	}
	return d
}

func readProducts(m map[string]json.RawMessage) []OrderProduct {
	list, ok := asList(field(m, "productList"))
	if !ok {
		list, _ = asList(field(m, "products"))
	}
	products := make([]OrderProduct, 0, len(list))
	for _, raw := range list {
		// One that cannot be read keeps its place: lines are counted.
		p, _ := asObject(raw)
		id, _ := asInt(field(p, "id"))
		products = append(products, OrderProduct{ID: max(id, 0), ProductID: textOf(p, "productId"), Amount: amountOf(p, "amount")})
	}
	return products
}

func readHistory(raw json.RawMessage) PaymentHistory {
	m, ok := asObject(raw)
	if !ok {
		return PaymentHistory{}
	}
	h := PaymentHistory{Known: true, Amount: amountOf(m, "amount"), Refunded: amountOf(m, "refunded")}
	list, _ := asList(field(m, "refunds"))
	for _, raw := range list {
		r, _ := asObject(raw)
		h.Refunds = append(h.Refunds, RefundEntry{Amount: amountOf(r, "amount"), IsRefunded: asBool(field(r, "isRefunded"))})
	}
	return h
}

func textOf(m map[string]json.RawMessage, name string) string {
	s, _ := asText(field(m, name))
	return cutText(s, maxText)
}

const maxDepth = 8

// leaves appends every text and number in raw to found: invoiceReferences has been seen as a string, an object and
// null. A string may itself hold JSON, and is then taken as it is.
func leaves(found []string, raw json.RawMessage, depth int) []string {
	if depth == 0 {
		return found
	}
	if s, ok := asText(raw); ok {
		return append(found, s)
	}
	if list, ok := asList(raw); ok {
		for _, item := range list {
			found = leaves(found, item, depth-1)
		}
		return found
	}
	m, _ := asObject(raw)
	for _, name := range slices.Sorted(maps.Keys(m)) {
		found = leaves(found, m[name], depth-1)
	}
	return found
}

// readReferences reads the two references that a till may fill in, where the reply separates them.
func (d *OrderDetails) readReferences(raw json.RawMessage) {
	if text, ok := asText(raw); ok {
		raw = json.RawMessage(text) // it has been seen as a string that holds the object
	}
	m, ok := asObject(raw)
	if !ok {
		return
	}
	d.ReferenceNo, _ = asText(field(m, "referenceNo"))
	d.CustomerReference, _ = asText(field(m, "customerReference"))
	d.ReferencesRead = true
}
