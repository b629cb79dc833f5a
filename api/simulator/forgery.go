package simulator

import (
	"errors"

	"github.com/govalues/decimal"
)

// Forgery is a callback that does not come from the API: callbacks are unsigned, and
// whoever knows the address can make one.
type Forgery struct {
	// Order is the uuid in it, of any order or of none.
	Order    string
	Approved bool
	Refund   bool
	Amount   decimal.Decimal
}

// Forge makes a forged callback to the callbackUrl of the order with that uuid. It
// fails where no callbacks are made for that order.
func (s *Simulator) Forge(uuid string, f Forgery) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.orders[uuid]
	if o == nil {
		return errUnknownOrder
	}
	u, ok := s.callbackURL(o)
	if !ok {
		return errors.New("simulator: forge: the order has no callbackUrl that may be called")
	}
	kind := callbackPayment
	if f.Refund {
		kind = callbackRefund
	}
	q := u.Query()
	q.Set("orderUuid", f.Order)
	q.Set("status", callbackStatus(f.Approved))
	q.Set("type", kind)
	q.Set("totalAmount", f.Amount.Trim(0).String())
	q.Set("currency", s.opts.Currency)
	u.RawQuery = q.Encode()
	s.goCall(o, u, Action{})
	return nil
}
