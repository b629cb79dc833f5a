package simulator

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// create is operation 2, "Create Terminal Order". A terminal that the organisation
// does not have is a fault of the payload, as the documents know no other refusal.
func (s *Simulator) create(req *request) reply {
	now := s.opts.Clock().In(s.opts.Location)
	c := newChecker(req.payload)
	c.checkCreate(time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location()))
	uuid, _ := req.payload["terminalUuid"].(string)
	t := s.terminal(uuid)
	if uuid != "" && (t == nil || t.Inactive || !s.sees(req, t.Organization)) {
		c.fail("terminalUuid", "is invalid.")
	}
	if len(c.errs) > 0 {
		return s.invalid(c.errs)
	}
	if t.busy() {
		if s.unsaid.BusyStores {
			s.addOrder(req, c, Sent)
		}
		return busy()
	}
	o := s.addOrder(req, c, Sent)
	s.show(o, t)
	return success(http.StatusCreated, "terminalOrderAddedSuccessfully", map[string]string{"orderUuid": o.UUID})
}

// addOrder adds the order of a checked payload.
func (s *Simulator) addOrder(req *request, c *checker, status OrderStatus) *order {
	nothing := func() {}
	o := &order{
		Order: Order{
			UUID: s.newUUID(), Terminal: c.text("terminalUuid", true), Seq: len(s.list) + 1,
			CreatedAt: s.opts.Clock(), Body: req.body, References: references(req.payload),
			Status: status, Amount: c.number("orderSummary.grandTotal", true).Pad(2),
			Calls: map[Operation]int{OpCreate: 1},
		},
		tax: c.number("orderSummary.totalTax", true), payload: req.payload,
		stopCustomer: nothing, stopShowing: nothing, stopExpiry: nothing,
	}
	o.callback, _ = req.payload["callbackUrl"].(string)
	if t := s.terminal(o.Terminal); t != nil {
		o.organization = t.Organization
	}
	lines, _ := productLines(req.payload["products"])
	for _, l := range lines {
		amount, _ := parseAmount(l.fields["amount"])
		o.items = append(o.items, item{id: s.nextItem, fields: l.fields, amount: amount.Ceil(2)})
		s.nextItem++
	}
	s.orders[o.UUID] = o
	s.list = append(s.list, o)
	for _, ref := range o.References {
		s.byRef[ref] = append(s.byRef[ref], o)
	}
	o.enteredAt(o.CreatedAt)
	s.addViews(o)
	if d := s.opts.ExpireAfter; d > 0 && status == Sent {
		o.stopExpiry = s.schedule(d, func() { s.end(o, Expired, false) })
	}
	return o
}

// show puts an order on its terminal and lets the customer there act on it.
func (s *Simulator) show(o *order, t *terminal) {
	o.stopCustomer()
	o.stopShowing()
	t.shows = o
	o.Shown++
	if d := s.opts.ShowFor; d > 0 {
		o.stopShowing = s.schedule(d, func() {
			o.stopCustomer()
			s.clear(o)
		})
	}
	o.stopCustomer = s.act(s.customerFor(t), func(paid bool) { s.settle(o, paid) })
}

// act lets a customer do a deed, at once or later.
func (s *Simulator) act(c Customer, deed func(done bool)) (stop func()) {
	switch {
	case c.Deed == WalksAway:
		return func() {}
	case c.After <= 0:
		deed(c.Deed == Pays)
		return func() {}
	default:
		return s.schedule(c.After, func() { deed(c.Deed == Pays) })
	}
}

// settle ends an order by what its customer did.
func (s *Simulator) settle(o *order, paid bool) {
	if paid {
		s.end(o, Paid, false)
	} else {
		s.end(o, Cancelled, true)
	}
}

// end sets an order's status to one other than SENT, frees its terminal, and calls
// back about a payment or its failure.
func (s *Simulator) end(o *order, status OrderStatus, declined bool) {
	o.stopCustomer()
	o.stopExpiry()
	s.clear(o)
	s.setStatus(o, status, declined)
	switch status {
	case Paid:
		s.setPaid(o)
		s.callBack(o, callbackPayment, true, o.Amount)
	case Cancelled:
		s.callBack(o, callbackPayment, false, o.Amount)
	default: // the documents have no callback for it
	}
}

// clear takes an order off its terminal.
func (s *Simulator) clear(o *order) {
	o.stopShowing()
	if t := s.terminal(o.Terminal); t != nil && t.shows == o {
		t.shows = nil
	}
}

// cancelOrder is operations 3 and 8, "Cancel Terminal Order" and "Cancel Refund
// Request". An order that has ended unpaid is cancelled again with success, and a
// refund that is not under way is not found: the documents are silent on both.
func (s *Simulator) cancelOrder(req *request) reply {
	c := newChecker(req.payload)
	kind := c.oneOf("type", true, "payment", "refund")
	if len(c.errs) > 0 {
		return s.invalid(c.errs)
	}
	o := s.named(req)
	if o == nil {
		return notFoundData(msgNotFound)
	}
	if kind == "refund" {
		r := o.pending(RefundRegular)
		if r == nil {
			return notFoundData(msgNotFound)
		}
		s.endRefund(o, r, false)
		return success(http.StatusOK, "refundRequestRejectedSuccessfully", nil)
	}
	switch o.Status {
	case Sent:
		s.end(o, Cancelled, false)
	case Cancelled, Expired:
	default:
		return conflictNull("orderStatusAlreadyPaid")
	}
	return success(http.StatusOK, "cancelledOrderSuccessfully", nil)
}

// resend is operation 4, "Resend Terminal Order": HTTP 202 around a body that says
// 200. What is on the terminal may be sent again; anything else there makes it busy.
// For orders that have ended, on which the documents are silent, paid ones answer as
// a cancel does and others with the general failure.
func (s *Simulator) resend(req *request) reply {
	o := s.named(req)
	if o == nil {
		return notFoundError(msgNotFound)
	}
	t := s.terminal(o.Terminal)
	switch {
	case o.Status == Cancelled || o.Status == Expired || t == nil:
		return failure(statusExecutionFailed, statusException, msgWentWrong)
	case o.Status != Sent:
		return conflictNull("orderStatusAlreadyPaid")
	case t.held || (t.shows != nil && t.shows != o):
		return busy()
	}
	s.show(o, t)
	rep := envelope(http.StatusOK, "OK", "orderSentSuccessfully", field{"is_data", false},
		field{"data", map[string]string{"orderUuid": o.UUID}})
	rep.http = http.StatusAccepted
	return rep
}

// paymentStatus is operation 5, "Payment Status Check". The documents have two
// messages for PAID: the first reply after the payment confirms it, later ones
// say that the status was updated.
func (s *Simulator) paymentStatus(req *request) reply {
	o := s.named(req)
	if o == nil {
		return notFoundError(msgNotFound)
	}
	now, _ := o.views.status.now()
	message := "orderStatusUpdatedSuccessfully"
	switch {
	case now.status == Sent:
		message = msgRetrieved
	case now.status == Paid && !o.confirmedPaid:
		o.confirmedPaid = true
		message = "orderPaymentConfirmed"
	case now.status == Cancelled && now.declined:
		message = "orderPaymentFailed"
	case now.status == Cancelled:
		message = "cancelledOrderSuccessfully"
	}
	return withStatus("order_status", s.unsaid.payment(now.status), message)
}

// Settle lets the customer of an order pay or decline now, whatever the order's
// status: a payment of a cancelled order is a late one. The callback is called.
func (s *Simulator) Settle(uuid string, d Deed) error {
	if d != Pays && d != Declines {
		return fmt.Errorf("simulator: settle: a customer %q settles nothing", d)
	}
	return s.change(uuid, func(o *order) { s.settle(o, d == Pays) })
}

// SetStatus sets an order's status to any value, as the back office does, with no
// callback, and takes it off the terminal unless the status is SENT.
func (s *Simulator) SetStatus(uuid string, status OrderStatus) error {
	if !slices.Contains(orderStatuses, status) {
		return noSuch("no such order status", status, orderStatuses...)
	}
	return s.change(uuid, func(o *order) {
		if status != Sent {
			o.stopCustomer()
			o.stopExpiry()
			s.clear(o)
		}
		s.setStatus(o, status, false)
		if status == Paid {
			s.setPaid(o)
		}
	})
}

// change calls f with an order, with the lock held.
func (s *Simulator) change(uuid string, f func(*order)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.orders[uuid]
	if o == nil {
		return errUnknownOrder
	}
	f(o)
	return nil
}
