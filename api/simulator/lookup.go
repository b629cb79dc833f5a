package simulator

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"

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
	if own, ok := s.opts.Merchants[req.token]; ok && req.uuid != own {
		return failure(statusExecutionFailed, statusException, msgWentWrongWords)
	}
	list := make([]listedTerminal, 0, len(s.terminals))
	for _, t := range s.terminals {
		if !s.sees(req, t.Organization) {
			continue
		}
		one := listedTerminal{UUID: t.UUID, Name: t.Name, Status: 1, Organization: req.uuid}
		if t.Inactive {
			one.Status = 0
		}
		list = append(list, one)
	}
	return success(http.StatusOK, "terminalsRetrievedSuccessfully", list)
}

// SetLookups changes whether look-ups show terminal orders.
func (s *Simulator) SetLookups(l Lookups) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lookups = l
}

// orderStatuses is operation 11, "Get All Order Status": every order ever made, or
// those of one status, in order of creation or the newest first. An empty list is a
// 404.
func (s *Simulator) orderStatuses(req *request) reply {
	if s.lookups == LookupsForbidden {
		return forbidden()
	}
	only := OrderStatus(req.query.Get("type"))
	var list []listedOrder
	if s.lookups == LookupsShown {
		for _, o := range s.list {
			now, ok := o.views.list.now()
			if word := s.unsaid.books(now.status); ok && (only == "" || word == only) && s.sees(req, o.organization) {
				list = append(list, listedOrder{o.UUID, word})
			}
		}
	}
	if s.newestFirst {
		slices.Reverse(list)
	}
	if len(list) == 0 {
		return notFoundError("Order Not Found")
	}
	return success(http.StatusOK, msgRetrieved, list)
}

// lookUp returns the order of operations 12 and 13 as one of its views shows it, or
// the refusal.
func (s *Simulator) lookUp(req *request, of func(*views) view[condition]) (*order, condition, reply) {
	if s.lookups == LookupsForbidden {
		return nil, condition{}, forbidden()
	}
	o := s.named(req)
	if o == nil || s.lookups == LookupsHidden {
		return nil, condition{}, notFoundError(msgNotFound)
	}
	now, ok := of(&o.views).now()
	if !ok {
		return nil, condition{}, notFoundError(msgNotFound)
	}
	return o, now, reply{}
}

// orderStatus is operation 12, "Get Order Status By UUID".
func (s *Simulator) orderStatus(req *request) reply {
	o, now, refusal := s.lookUp(req, func(v *views) view[condition] { return v.list })
	if o == nil {
		return refusal
	}
	return success(http.StatusOK, msgRetrieved, listedOrder{o.UUID, s.unsaid.books(now.status)})
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
	o, now, refusal := s.lookUp(req, func(v *views) view[condition] { return v.details })
	if o == nil {
		return refusal
	}
	sum, _ := o.payload["orderSummary"].(map[string]any)
	d := details{
		Type: "terminal", OrderUUID: o.UUID, Status: s.unsaid.books(now.status), OrderDate: o.payload["orderDate"],
		ProductList: make([]map[string]any, len(o.items)),
		OrderSummary: map[string]any{
			"subTotal": sum["subTotal"], "tax": sum["totalTax"],
			"discount": sum["totalDiscount"], "grandTotal": sum["grandTotal"],
		},
		CustomerDetails: o.payload["customerDetails"],
		PaymentHistory:  o.history(s),
	}
	if _, ok := o.views.references.now(); ok {
		d.InvoiceReferences = o.payload["invoiceReferences"]
	}
	for i, it := range o.items {
		d.ProductList[i] = maps.Clone(it.fields)
		if _, ok := o.views.numbers.now(); ok {
			d.ProductList[i]["id"] = it.id
		}
	}
	return success(http.StatusOK, "orderRetrievedSuccessfully", d)
}

// history returns the payment and its refunds. Undecided and rejected ones are listed
// with isRefunded false.
func (o *order) history(s *Simulator) history {
	h := history{Amount: "0", Refunds: []historyRefund{}}
	if at, ok := o.views.paid.now(); ok {
		h.PaidAt = at.In(s.opts.Location).Format(historyTime)
		h.Amount = number(o.Amount)
	}
	var sum decimal.Decimal
	for _, r := range o.refunds {
		status, ok := r.history.now()
		if !ok {
			continue
		}
		amount := r.Amount
		if s.negative {
			amount = amount.Neg()
		}
		if status == RefundDone {
			sum = plus(sum, amount)
		}
		h.Refunds = append(h.Refunds, historyRefund{
			At: r.At.In(s.opts.Location).Format(historyTime), Amount: number(amount),
			IsRefunded: status == RefundDone, IsPartial: r.Amount.Less(o.Amount),
		})
	}
	h.Refunded = number(sum)
	return h
}

// number returns money as a JSON number, without trailing zeros.
func number(d decimal.Decimal) json.Number { return json.Number(d.Trim(0).String()) }
