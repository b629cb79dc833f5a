// Package probe finds out what no document says of the API, with real orders of a small amount that it takes off the
// terminal again: whether orders can be looked up, how soon, what a busy terminal's answer means, and what settings
// follow. It is for a demo account, or for the first shop of a kind.
package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"tillpost/api"
)

// Options say what to probe. Client, Terminal, Amount and Customer are required.
type Options struct {
	Client   *api.Client
	Terminal string
	// Amount is in kroner, with two decimals: "1.00".
	Amount   string
	Customer json.RawMessage
	// SendOrderBy may be nil.
	SendOrderBy json.RawMessage
	// OrderDate is today, as the API writes it.
	OrderDate string
	// Raw makes one call without the client, and returns the whole reply.
	Raw func(ctx context.Context, method, path string) (*http.Response, error)
	// CallbackURL is where the API may call, "" where that is not asked; Callbacks counts the calls that came.
	CallbackURL string
	Callbacks   func() int
	// Mark returns the reference for an order.
	Mark func() string
	// Watch is how long an order is left on the terminal while it is looked for, Pace the pause between two looks.
	Watch, Pace time.Duration
	// Say is called with what is done next, for a person.
	Say func(format string, args ...any)
}

// Answer is what the API was asked, and what it did.
type Answer struct {
	Question string `json:"question"`
	Answer   string `json:"answer"`
	// Value is one word or number for machines; "unknown" where it could not be found out.
	Value any `json:"value"`
}

// Setting is a key of the configuration that follows.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	Why   string `json:"why"`
}

// Report is all that was found. It holds no secret and no personal data.
type Report struct {
	Answers  []Answer  `json:"answers"`
	Settings []Setting `json:"settings"`
	// Left are orders that could not be taken off the terminal or paid back: a person has to.
	Left []string `json:"left,omitempty"`
}

// prober is one run of a probe.
type prober struct {
	Options
	report       Report
	known        map[string]bool   // orders that were there before
	seen         seen              // of the first order
	allRead      bool              // all that came to be listed since was looked into, and nothing is left that may be ours
	unattributed []string          // orders in the list that may be ours, or anybody's
	stored       bool              // a busy create came to an order all the same
	limits       map[string]string // what the headers said of the rate
	busy         string            // what a create on a busy terminal was answered: "busy", "accepted", or something else
}

// Run probes. Whatever happens, orders that it placed are ended before it returns, or are in Report.Left. The error says
// why it could not be carried out.
func Run(ctx context.Context, o Options) (Report, error) {
	p := &prober{Options: o, known: map[string]bool{}, seen: seen{listed: -1, referenced: -1, numbered: -1, position: "unknown"}}
	before, reply := p.list(ctx)
	for _, uuid := range before {
		p.known[uuid] = true
	}
	listable := reply.Outcome == api.OutcomeAccepted || reply.Outcome == api.OutcomeNotFound
	mark := p.Mark()
	p.Say("placing an order of %s at %s", p.Amount, p.Terminal)
	first, reply := p.create(ctx, mark)
	if reply.Outcome != api.OutcomeAccepted {
		return p.report, fmt.Errorf("the order was not taken, so there is nothing to probe: %s", describe(reply))
	}
	second := p.watch(ctx, first, mark, listable)
	for _, uuid := range append([]string{first}, second...) {
		p.end(ctx, uuid)
	}
	p.refundStatus(ctx, first)
	p.callbacks(ctx)
	p.settings()
	return p.report, ctx.Err()
}

func (p *prober) answer(question string, value any, format string, args ...any) {
	p.report.Answers = append(p.report.Answers, Answer{question, fmt.Sprintf(format, args...), value})
}

// list reads all orders, in the API's order.
func (p *prober) list(ctx context.Context) (all []string, reply api.Reply) {
	reply = p.Client.OrderStatuses(ctx, "", func(o api.OrderStatus) error { all = append(all, o.UUID); return nil })
	return all, reply
}

func (p *prober) create(ctx context.Context, mark string) (uuid string, reply api.Reply) {
	order := map[string]any{
		"terminalUuid": p.Terminal, "orderDate": p.OrderDate, "receiptPrint": false, "customerDetails": p.Customer,
		"products": []any{map[string]any{
			"name": "tillpost probe", "productId": "PROBE", "quantity": "1", "rate": json.Number(p.Amount), "discount": 0, "tax": "0", "amount": json.Number(p.Amount),
		}},
		"orderSummary":      map[string]any{"subTotal": p.Amount, "totalTax": "0.00", "totalDiscount": "0.00", "grandTotal": p.Amount},
		"sendOrderBy":       map[string]any{"sms": false, "email": true},
		"invoiceReferences": map[string]any{"referenceNo": mark, "customerReference": "", "customerNotes": "", "tnc": ""},
	}
	if p.SendOrderBy != nil {
		order["sendOrderBy"] = p.SendOrderBy
	}
	if p.CallbackURL != "" {
		order["callbackUrl"] = p.CallbackURL
	}
	body, err := json.Marshal(order)
	if err != nil {
		return "", api.Reply{Err: err}
	}
	return p.Client.CreateOrder(ctx, nil, body)
}

// end takes an order off its terminal, or pays it back if somebody was quicker.
func (p *prober) end(ctx context.Context, uuid string) {
	// An interrupted probe still cleans up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	for range 5 {
		p.Client.Cancel(ctx, uuid, api.CancelPayment)
		status, reply := p.Client.PaymentStatus(ctx, uuid)
		if reply.Outcome == api.OutcomeAccepted && status.State == api.PaymentPaid {
			if p.payBack(ctx, uuid) {
				return
			}
			break
		}
		if reply.Outcome == api.OutcomeAccepted && status.State != api.PaymentPending {
			return
		}
		if sleep(ctx, p.Pace) != nil {
			break
		}
	}
	p.report.Left = append(p.report.Left, uuid)
}

func (p *prober) payBack(ctx context.Context, uuid string) bool {
	p.Say("somebody was quicker and has paid %s: it is paid back", uuid)
	details, reply := p.Client.OrderDetails(ctx, uuid)
	if reply.Outcome != api.OutcomeAccepted || len(details.Products) != 1 || details.Products[0].ID == 0 {
		return false
	}
	body := fmt.Appendf(nil, `{"type":"regular","grandTotal":%s,"isReversal":false,"products":[{"id":%d,"amount":%s}]}`, p.Amount, details.Products[0].ID, p.Amount)
	_, reply = p.Client.Refund(ctx, nil, uuid, body)
	return reply.Outcome == api.OutcomeAccepted
}

// describe returns the result of a call as text.
func describe(r api.Reply) string {
	text := r.Outcome.String()
	if r.HTTPStatus != 0 {
		text += fmt.Sprintf(" (HTTP %d)", r.HTTPStatus)
	}
	if r.Code != "" {
		text += " " + r.Code
	}
	if r.Err != nil {
		text += ": " + r.Err.Error()
	}
	return text
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// positionIn returns where an order is in a list, in one word.
func positionIn(all []string, uuid string) string {
	switch at := slices.Index(all, uuid); {
	case len(all) < 2 || at < 0:
		return "unknown"
	case at == 0:
		return "first"
	case at == len(all)-1:
		return "last"
	}
	return "between"
}
