package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

// OrderStatus reads one order's status ("Get Order Status By UUID"). A reply about
// another order is ambiguous.
func (c *Client) OrderStatus(ctx context.Context, orderUUID string) (OrderStatus, Reply) {
	var status OrderStatus
	reply := c.order(ctx, OpOrderStatus, http.MethodGet, "connect/orders/status/", orderUUID, nil, request{
		read: func(e envelope) error {
			m, err := e.record(orderUUID)
			if err != nil {
				return err
			}
			raw, ok := asText(m["status"])
			if !ok {
				return errors.New("the reply holds no status")
			}
			status = OrderStatus{UUID: orderUUID, Status: cutText(raw, maxText)}
			return nil
		},
	})
	return status, reply
}

// record returns the one object in data, or in a list of one. Where it names its
// order, that must be the one that was asked for.
func (e envelope) record(orderUUID string) (map[string]json.RawMessage, error) {
	raw := e.data
	if list, ok := asList(raw); ok && len(list) == 1 {
		raw = list[0]
	}
	m, ok := asObject(raw)
	if !ok || len(m) == 0 {
		return nil, errors.New("the reply holds no order")
	}
	for _, key := range []string{"uuid", "orderUuid"} {
		if id, ok := asText(field(m, key)); ok && id != orderUUID {
			return nil, errors.New("the reply is about another order")
		}
	}
	return m, nil
}
