package simulator

import (
	"net/http"
	"slices"
	"time"

	"github.com/govalues/decimal"
)

// week is the window of the second threshold.
const week = 7 * 24 * time.Hour

// The refusals after which an approval can be asked for, and the others that more
// than one rule leads to.
const (
	msgAboveAmount  = "refundRejectionForRequestAmountThresholdExceed"
	msgAboveWeekly  = "refundRejectionForWeeklyThresholdExceed"
	msgAboveOrder   = "refundRejectionForRefundRequestGreaterThanOrderAmount"
	msgAboveProduct = "refundRejectionForProductAmountExceed"
	msgWrongStatus  = "refundRejectionForRefundedCancelledInvoicedOrderParam"
)

// refundContent is what the payloads of a refund and an approval have in common.
type refundContent struct {
	total decimal.Decimal
	parts []part
}

// refundContent checks grandTotal and products. Amounts have at most two decimals and are
// above zero.
func (c *checker) refundContent() refundContent {
	w := refundContent{total: c.amount("grandTotal")}
	lines, ok := productLines(c.root["products"])
	if !ok {
		c.fail("products", "field is required.")
		return w
	}
	var sum decimal.Decimal
	for _, l := range lines {
		at := "products." + l.key + "."
		id := c.number(at+"id", true)
		whole, frac, ok := id.Int64(0)
		if !ok || frac != 0 || !id.IsInt() {
			c.fail(at+"id", "must be an integer.")
		}
		amount := c.amount(at + "amount")
		w.parts = append(w.parts, part{whole, amount})
		sum = plus(sum, amount)
	}
	if len(lines) > 0 && !sum.Equal(w.total) {
		c.fail("grandTotal", "must be the sum of the products.")
	}
	return w
}

// amount reads an amount above zero, with at most two decimals.
func (c *checker) amount(path string) decimal.Decimal {
	d := c.number(path, true)
	if _, given := c.get(path); given && (!d.IsPos() || d.MinScale() > 2) {
		c.fail(path, "must be an amount above zero.")
	}
	return d
}

// refund is operation 6, "Refund or Reverse Payment". A reversal is done at once and
// answers 200; a refund goes to the terminal and answers 202.
func (s *Simulator) refund(req *request) reply {
	c := newChecker(req.payload)
	c.oneOf("type", true, "regular")
	w := c.refundContent()
	reversal := c.boolean("isReversal", false)
	o := s.named(req)
	switch {
	case len(c.errs) > 0:
		return s.invalid(c.errs)
	case o == nil:
		return notFoundError(msgNotFound)
	}
	if rep, refused := o.refusal(w); refused {
		return rep
	}
	if rep, refused := s.thresholdRefusal(w.total); refused {
		return rep
	}
	t := s.terminal(o.Terminal)
	if t == nil || t.busy() {
		return busy()
	}
	if reversal {
		s.endRefund(o, s.addRefund(o, req, w, RefundReversal), true)
		return success(http.StatusOK, "terminalOrderReversalSuccessfully", nil)
	}
	r := s.addRefund(o, req, w, RefundRegular)
	t.shows = o
	o.stopCustomer = s.act(s.refundCustomerFor(t), func(done bool) { s.endRefund(o, r, done) })
	return success(http.StatusAccepted, "terminalOrderRefundRequestSuccessfully", nil)
}

// refusal checks a wish against the order. An order without a payment to refund has
// no transaction.
func (o *order) refusal(w refundContent) (reply, bool) {
	switch o.Status {
	case Sent, Expired:
		return conflictError("refundRejectionForTransactionNotFound"), true
	case Refunded:
		return conflictData(msgWrongStatus + "Refunded"), true
	case Cancelled:
		return conflictData(msgWrongStatus + "Cancelled"), true
	case Invoiced:
		return conflictData(msgWrongStatus + "Invoiced"), true
	default:
		return o.amountRefusal(w)
	}
}

// amountRefusal checks the amounts alone. Several parts of one product are summed.
func (o *order) amountRefusal(w refundContent) (reply, bool) {
	if len(w.parts) == 0 {
		return conflictNull("orderProductsNotFound"), true
	}
	sums := map[int64]decimal.Decimal{}
	for _, p := range w.parts {
		it, ok := o.item(p.id)
		if !ok {
			return conflictData("requestProductIdNotAvailable"), true
		}
		sums[p.id] = plus(sums[p.id], p.amount)
		if o.leftOf(it).Less(sums[p.id]) {
			return conflictError(msgAboveProduct), true
		}
	}
	if o.left().Less(w.total) {
		return conflictError(msgAboveOrder), true
	}
	return reply{}, false
}

// thresholdRefusal reports whether a refund needs an approval.
func (s *Simulator) thresholdRefusal(amount decimal.Decimal) (reply, bool) {
	if s.thresh.Amount.IsPos() && s.thresh.Amount.Less(amount) {
		return conflictError(msgAboveAmount), true
	}
	if s.thresh.PerWeek <= 0 {
		return reply{}, false
	}
	n, since := 0, s.opts.Clock().Add(-week)
	for _, o := range s.list {
		for _, r := range o.refunds {
			if r.open() && r.Kind != RefundApproval && r.At.After(since) {
				n++
			}
		}
	}
	return conflictError(msgAboveWeekly), n >= s.thresh.PerWeek
}

// SetThresholds changes the thresholds from the next refund on.
func (s *Simulator) SetThresholds(t Thresholds) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.thresh = t
}

// SettleRefund carries out, or fails, the refund of an order that was asked for first
// of those under way. It returns false if none is.
func (s *Simulator) SettleRefund(uuid string, d Deed) (settled bool, err error) {
	err = s.change(uuid, func(o *order) {
		i := slices.IndexFunc(o.refunds, func(r *refund) bool { return r.Status == RefundPending && r.Kind != RefundApproval })
		if settled = i >= 0; settled {
			s.endRefund(o, o.refunds[i], d == Pays)
		}
	})
	return settled, err
}

// addRefund adds a refund to an order.
func (s *Simulator) addRefund(o *order, req *request, w refundContent, kind RefundKind) *refund {
	r := &refund{
		Refund: Refund{At: s.opts.Clock(), Kind: kind, Amount: w.total.Pad(2), Status: RefundPending, Body: req.body},
		parts:  w.parts,
	}
	o.refunds = append(o.refunds, r)
	r.history.add(s.lag.History, r.Status)
	o.views.refund.add(s.lag.RefundStatus, r.Status)
	return r
}

// endRefund decides a refund, frees its terminal and calls back.
func (s *Simulator) endRefund(o *order, r *refund, done bool) {
	r.Status = RefundRejected
	if done {
		r.Status = RefundDone
		status := PartiallyRefunded
		if o.refunded().Equal(o.Amount) {
			status = Refunded
		}
		s.setStatus(o, status, o.Declined)
	}
	r.history.add(s.lag.History, r.Status)
	if o.refunds[len(o.refunds)-1] == r {
		o.views.refund.add(s.lag.RefundStatus, r.Status)
	}
	if r.Kind == RefundRegular {
		o.stopCustomer()
		s.clear(o)
	}
	s.callBack(o, callbackRefund, done, r.Amount)
}

// refundStatus is operation 7, "Refund Status Check", of the refund asked for last.
// An order that none was asked for is not found, on which the documents are silent.
func (s *Simulator) refundStatus(req *request) reply {
	o := s.named(req)
	if o == nil {
		return notFoundError(msgNotFound)
	}
	status, ok := o.views.refund.now()
	if !ok {
		return notFoundError(msgNotFound)
	}
	message := map[RefundStatus]string{
		RefundPending:  msgRetrieved,
		RefundDone:     "orderRefundedSuccessfully",
		RefundRejected: "refundRequestRejectedSuccessfully",
	}[status]
	return withStatus("refund_status", status, message)
}

// approval is operation 9, "Request Refund Approval". An invoiced order takes one
// of type invoiced only. A granted approval is carried out without the terminal.
func (s *Simulator) approval(req *request) reply {
	c := newChecker(req.payload)
	kind := c.oneOf("type", true, "regular", "invoiced", "reservation")
	c.text("message", true)
	c.oneOf("source", kind == "reservation", "captured", "charged")
	c.text("reference", kind == "reservation")
	w := c.refundContent()
	o := s.named(req)
	switch {
	case len(c.errs) > 0:
		return s.invalid(c.errs)
	case o == nil:
		return notFoundData(msgNotFound)
	case o.pending(RefundApproval) != nil:
		return conflictData("orderRefundRequestAlreadySubmitted")
	}
	rep, refused := o.refusal(w)
	if o.Status == Invoiced && kind == "invoiced" {
		rep, refused = o.amountRefusal(w)
	}
	if refused {
		return rep
	}
	r := s.addRefund(o, req, w, RefundApproval)
	if a := s.approver; a.Decision != Undecided {
		s.schedule(a.After, func() { s.endRefund(o, r, a.Decision == Grants) })
	}
	return success(http.StatusCreated, "requestedOrderRefundSuccessfully", nil)
}

// SetApprover sets what becomes of approvals asked for from now on.
func (s *Simulator) SetApprover(a Approver) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.approver = a
}
