package api

import (
	"errors"
	"net/url"
)

// Callback is the API's call of a callback URL ("Callback URL Parameters"): unsigned, a reason to ask, never a proof.
type Callback struct {
	OrderUUID string
	Refund    bool // type Payment_Refund; otherwise Payment
}

// ParseCallback reads the query of a callback. Order, status and type must be well-formed. Errors do not echo the query.
func ParseCallback(q url.Values) (Callback, error) {
	c := Callback{OrderUUID: q.Get("orderUuid")}
	if !validID(c.OrderUUID) {
		return Callback{}, errors.New("the callback's orderUuid is missing or not an id")
	}
	switch messageKey(q.Get("status")) {
	case "approved", "cancelled":
	default:
		return Callback{}, errors.New("the callback's status is neither Approved nor Cancelled")
	}
	switch messageKey(q.Get("type")) {
	case "payment":
	case "paymentrefund":
		c.Refund = true
	default:
		return Callback{}, errors.New("the callback's type is neither Payment nor Payment_Refund")
	}
	return c, nil
}
