package simulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/govalues/decimal"
)

// Elsewhere is an order that somebody else placed: another shop of the organisation,
// the portal, a payment link. It is on no terminal.
type Elsewhere struct {
	// Terminal is the terminal whose order it is; it may be one that is not there.
	Terminal string
	Amount   decimal.Decimal
	// Status is as of its entry; "" is SENT.
	Status OrderStatus
	// Reference is its referenceNo.
	Reference string
}

// maxElsewhere is beyond what an order comes to.
var maxElsewhere = decimal.MustNew(1_000_000, 0)

// PlaceElsewhere adds such an order, and returns its uuid.
func (s *Simulator) PlaceElsewhere(e Elsewhere) (uuid string, err error) {
	switch {
	case e.Status == "":
		e.Status = Sent
	case !slices.Contains(orderStatuses, e.Status):
		return "", noSuch("no such order status", e.Status, orderStatuses...)
	}
	if !e.Amount.IsPos() || e.Amount.MinScale() > 2 || maxElsewhere.Less(e.Amount) {
		return "", fmt.Errorf("simulator: an order is over more than 0, at most %s, in two decimals, not over %s", maxElsewhere, e.Amount)
	}
	body, err := json.Marshal(map[string]any{
		"placedBy": "portal", "terminalUuid": e.Terminal, "orderDate": s.opts.Clock().In(s.opts.Location).Format("02 Jan, 2006"),
		"products":          []any{map[string]any{"name": "Elsewhere", "productId": "ELSEWHERE", "quantity": 1, "amount": number(e.Amount)}},
		"orderSummary":      map[string]any{"subTotal": number(e.Amount), "totalTax": "0.00", "totalDiscount": "0.00", "grandTotal": number(e.Amount)},
		"invoiceReferences": map[string]any{"referenceNo": e.Reference},
	})
	if err != nil {
		return "", fmt.Errorf("simulator: an order from elsewhere: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	payload := parseObject(body)
	o := s.addOrder(&request{op: OpCreate, method: http.MethodPost, body: body, payload: payload}, newChecker(payload), e.Status)
	o.Calls = map[Operation]int{}
	return o.UUID, nil
}

// RefundElsewhere adds a refund that somebody asks for at the portal, of an order that
// is paid: c says what becomes of it, and when. No terminal takes part in it, and no
// threshold holds. The refund status of the order is then that of this refund.
func (s *Simulator) RefundElsewhere(uuid string, amount decimal.Decimal, c Customer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.orders[uuid]
	switch {
	case o == nil:
		return errUnknownOrder
	case o.Status != Paid && o.Status != PartiallyRefunded && o.Status != Invoiced:
		return fmt.Errorf("simulator: nothing of an order that is %s can be paid back", o.Status)
	case !amount.IsPos() || amount.MinScale() > 2 || o.left().Less(amount):
		return fmt.Errorf("simulator: %s can't be paid back; %s is left", amount, o.left())
	}
	body, err := json.Marshal(map[string]any{"placedBy": "portal", "grandTotal": number(amount)})
	if err != nil {
		return fmt.Errorf("simulator: a refund from elsewhere: %w", err)
	}
	r := s.addRefund(o, &request{body: body}, refundContent{total: amount}, RefundPortal)
	s.act(c, func(done bool) { s.endRefund(o, r, done) })
	return nil
}

// enteredAt sets PaidAt of an order that was paid before it was added.
func (o *order) enteredAt(now time.Time) {
	switch o.Status {
	case Paid, Invoiced, Refunded, PartiallyRefunded:
		o.PaidAt = now
	default: // not paid
	}
}
