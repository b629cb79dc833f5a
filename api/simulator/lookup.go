package simulator

import (
	"encoding/json"
	"maps"
	"net/http"

	"github.com/govalues/decimal"
)

// listedTerminal and listedOrder are lines of the API's lists.
type listedTerminal struct {
	UUID         string `json:"uuid"`
	Name         string `json:"name"`
	Status       int    `json:"status"`
	Organization string `json:"organization_uuid"`
}

type listedOrder struct {
	UUID   string      `json:"uuid"`
	Status OrderStatus `json:"status"`
}

// listTerminals is operation 1, "Get Terminal Lists". A foreign organisation gets
// the general failure, the only refusal that the documents have.
func (s *Simulator) listTerminals(req *request) reply {
	if s.opts.Organization != "" && req.uuid != s.opts.Organization {
		return failure(statusExecutionFailed, statusException, msgWentWrongWords)
	}
	list := make([]listedTerminal, len(s.terminals))
	for i, t := range s.terminals {
		list[i] = listedTerminal{UUID: t.UUID, Name: t.Name, Status: 1, Organization: req.uuid}
		if t.Inactive {
			list[i].Status = 0
		}
	}
	return success(http.StatusOK, "terminalsRetrievedSuccessfully", list)
}

// SetLookups changes whether look-ups show terminal orders.
func (s *Simulator) SetLookups(l Lookups) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lookups = l
}

// orderStatuses is operation 11, "Get All Order Status": every order ever made, in
// order of creation, or those of one status. An empty list is a 404.
func (s *Simulator) orderStatuses(req *request) reply {
	if s.lookups == LookupsForbidden {
		return forbidden()
	}
	only := OrderStatus(req.query.Get("type"))
	var list []listedOrder
	if s.lookups == LookupsShown {
		for _, o := range s.list {
			if only == "" || o.Status == only {
				list = append(list, listedOrder{o.UUID, o.Status})
			}
		}
	}
	if len(list) == 0 {
		return notFoundError("Order Not Found")
	}
	return success(http.StatusOK, msgRetrieved, list)
}

// lookUp finds the order of operations 12 and 13, or the refusal.
func (s *Simulator) lookUp(req *request) (*order, reply) {
	if s.lookups == LookupsForbidden {
		return nil, forbidden()
	}
	o := s.orders[req.uuid]
	if o == nil || s.lookups == LookupsHidden {
		return nil, notFoundError(msgNotFound)
	}
	return o, reply{}
}

// orderStatus is operation 12, "Get Order Status By UUID".
func (s *Simulator) orderStatus(req *request) reply {
	o, refusal := s.lookUp(req)
	if o == nil {
		return refusal
	}
	return success(http.StatusOK, msgRetrieved, listedOrder{o.UUID, o.Status})
}

// details is the data of operation 13.
type details struct {
	Type               string           `json:"type"`
	OrderUUID          string           `json:"orderUuid"`
	InvoiceNumber      any              `json:"invoiceNumber"`
	Status             OrderStatus      `json:"status"`
	OrderDate          any              `json:"orderDate"`
	PaymentLinkDueDate any              `json:"paymentLinkDueDate"`
	ProductList        []map[string]any `json:"productList"`
	OrderSummary       map[string]any   `json:"orderSummary"`
	CustomerDetails    any              `json:"customerDetails"`
	InvoiceReferences  any              `json:"invoiceReferences"`
	PaymentHistory     history          `json:"paymentHistory"`
}

type history struct {
	PaidAt   any             `json:"paidAt"`
	Amount   json.Number     `json:"amount"`
	Refunded json.Number     `json:"refunded"`
	Refunds  []historyRefund `json:"refunds"`
}

type historyRefund struct {
	At         string      `json:"at"`
	Amount     json.Number `json:"amount"`
	IsRefunded bool        `json:"isRefunded"`
	IsPartial  bool        `json:"isPartial"`
}

// historyTime is the form of times in a payment history.
const historyTime = "2006-01-02 15:04:05"

// orderDetails is operation 13, "Get Order Details By UUID". What came with the
// order goes back value for value, numbers by their digits. The summary's names are
// those of this page (tax, discount), not those of a create.
func (s *Simulator) orderDetails(req *request) reply {
	o, refusal := s.lookUp(req)
	if o == nil {
		return refusal
	}
	sum, _ := o.payload["orderSummary"].(map[string]any)
	d := details{
		Type: "terminal", OrderUUID: o.UUID, Status: o.Status, OrderDate: o.payload["orderDate"],
		ProductList: make([]map[string]any, len(o.items)),
		OrderSummary: map[string]any{
			"subTotal": sum["subTotal"], "tax": sum["totalTax"],
			"discount": sum["totalDiscount"], "grandTotal": sum["grandTotal"],
		},
		CustomerDetails:   o.payload["customerDetails"],
		InvoiceReferences: o.payload["invoiceReferences"],
		PaymentHistory:    o.history(s),
	}
	for i, it := range o.items {
		d.ProductList[i] = maps.Clone(it.fields)
		d.ProductList[i]["id"] = it.id
	}
	return success(http.StatusOK, "orderRetrievedSuccessfully", d)
}

// history tells the payment and what of it went back. Undecided and rejected
// refunds are listed with isRefunded false.
func (o *order) history(s *Simulator) history {
	h := history{Amount: "0", Refunded: number(o.refunded()), Refunds: []historyRefund{}}
	if !o.PaidAt.IsZero() {
		h.PaidAt = o.PaidAt.In(s.opts.Location).Format(historyTime)
		h.Amount = number(o.Amount)
	}
	for _, r := range o.refunds {
		h.Refunds = append(h.Refunds, historyRefund{
			At: r.At.In(s.opts.Location).Format(historyTime), Amount: number(r.Amount),
			IsRefunded: r.Status == RefundDone, IsPartial: r.Amount.Less(o.Amount),
		})
	}
	return h
}

// number writes money as a JSON number, without needless zeros.
func number(d decimal.Decimal) json.Number { return json.Number(d.Trim(0).String()) }
