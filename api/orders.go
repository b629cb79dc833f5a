package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// CancelType says what a cancel is for.
type CancelType string

const (
	// CancelPayment cancels an order that is not paid ("Cancel Terminal Order").
	CancelPayment CancelType = "payment"
	// CancelRefund cancels a refund request ("Cancel Refund Request").
	CancelRefund CancelType = "refund"
)

// PaymentState is what an order's status means for the till; a closed enum.
type PaymentState uint8

const (
	// PaymentPending: not over, or a status that the documents do not name.
	PaymentPending PaymentState = iota + 1
	// PaymentPaid: PAID, REFUNDED, PARTIAL REFUNDED or INVOICED.
	PaymentPaid
	// PaymentDeclined: CANCELLED with the message orderPaymentFailed.
	PaymentDeclined
	// PaymentCancelled: CANCELLED with any other message.
	PaymentCancelled
	// PaymentExpired: EXPIRED; the till treats it as cancelled.
	PaymentExpired
)

// PaymentStatus is the answer to a payment status check. Raw is order_status, bounded; "" if missing (pending).
type PaymentStatus struct {
	State PaymentState
	Raw   string
}

// OrderStatus is an order's status as the API writes it. A declined payment has the same one as a cancelled order.
type OrderStatus struct {
	UUID   string
	Status string
}

// State returns what the status means.
func (s OrderStatus) State() PaymentState { return paymentState(s.Status, "") }

var paymentStates = map[string]PaymentState{
	"paid": PaymentPaid, "refunded": PaymentPaid, "partialrefunded": PaymentPaid, "partiallyrefunded": PaymentPaid, "invoiced": PaymentPaid,
	"cancelled": PaymentCancelled, "canceled": PaymentCancelled, "expired": PaymentExpired,
}

func paymentState(status, code string) PaymentState {
	state := cmp.Or(paymentStates[messageKey(status)], PaymentPending)
	if state == PaymentCancelled && code == codePaymentFailed {
		return PaymentDeclined
	}
	return state
}

// CreateOrder places an order ("Create Terminal Order"). body is sent byte for byte. conn is consumed; nil dials one.
// The order uuid is set exactly if the outcome is accepted: a 2xx that names no order is ambiguous, and so is a refusal
// that names one.
func (c *Client) CreateOrder(ctx context.Context, conn *Conn, body []byte) (string, Reply) {
	var uuid string
	reply := c.call(ctx, request{
		op: OpCreate, method: http.MethodPost, path: "connect/terminal/orders/create", body: body, conn: conn,
		read: func(e envelope) error {
			if uuid = e.orderUUID(); uuid == "" {
				return errors.New("the reply names no order")
			}
			return nil
		},
	})
	return uuid, reply
}

// orderUUID returns data.orderUuid, in an object, in a list, or beside the message; "" where none is well-formed.
func (e envelope) orderUUID() string {
	var objects []map[string]json.RawMessage
	list, _ := asList(e.data)
	for _, raw := range append([]json.RawMessage{e.data}, list...) {
		m, _ := asObject(raw)
		objects = append(objects, m)
	}
	for _, m := range append(objects, e.fields) {
		if id, ok := asText(field(m, "orderUuid")); ok && validID(id) {
			return id
		}
	}
	return ""
}

// Cancel cancels an order's payment or refund request. Refused as orderStatusAlreadyPaid, the order is paid.
func (c *Client) Cancel(ctx context.Context, orderUUID string, t CancelType) Reply {
	if t != CancelPayment && t != CancelRefund {
		return c.invalid(OpCancel, "the cancel's type is neither payment nor refund")
	}
	body := []byte(`{"type":"` + string(t) + `"}`)
	return c.order(ctx, OpCancel, http.MethodPost, "connect/terminal/orders/cancel/", orderUUID, body, request{read: needsFrame})
}

// Resend shows the order on its terminal again ("Resend Terminal Order").
func (c *Client) Resend(ctx context.Context, orderUUID string) Reply {
	return c.order(ctx, OpResend, http.MethodPost, "connect/terminal/orders/resend/", orderUUID, nil, request{read: needsFrame})
}

// PaymentStatus reads the status of an order's payment ("Payment Status Check"). Not accepted: PaymentStatus is zero.
func (c *Client) PaymentStatus(ctx context.Context, orderUUID string) (PaymentStatus, Reply) {
	const path = "connect/terminal/orders/payment-status/"
	return ask(ctx, c, OpPaymentStatus, http.MethodGet, path, orderUUID, func(e envelope) (PaymentStatus, error) {
		raw, err := e.status("order_status")
		return PaymentStatus{State: paymentState(raw, e.code), Raw: cutText(raw, maxText)}, err
	})
}

// ask makes a call that only reads about one order. The value is that of read where the reply is accepted, else zero.
func ask[T any](ctx context.Context, c *Client, op Operation, method, prefix, uuid string, read func(envelope) (T, error)) (T, Reply) {
	var value T
	reply := c.order(ctx, op, method, prefix, uuid, nil, request{
		read: func(e envelope) error {
			found, err := read(e)
			if err == nil {
				value = found
			}
			return err
		},
	})
	return value, reply
}

// status returns a status by name, beside the message or in data; "" where only the API's own envelope came.
func (e envelope) status(name string) (string, error) {
	s, ok := asText(field(e.fields, name))
	if !ok {
		m, _ := asObject(e.data)
		s, ok = asText(field(m, name))
	}
	if !ok {
		return "", needsFrame(e)
	}
	return strings.TrimSpace(s), nil
}

// needsFrame is for calls whose success is but a message: a 2xx outside the API's envelope may come from a proxy.
func needsFrame(e envelope) error {
	if !e.fromAPI {
		return errors.New("the reply is not one of the API's")
	}
	return nil
}

// order makes a call about one order; rest holds what is particular to it.
func (c *Client) order(ctx context.Context, op Operation, method, prefix, uuid string, body []byte, rest request) Reply {
	if !validID(uuid) {
		if rest.conn != nil {
			_ = rest.conn.Close()
		}
		return c.invalid(op, "the order's uuid is not an id")
	}
	rest.op, rest.method, rest.path, rest.body = op, method, prefix+url.PathEscape(uuid), body
	return c.call(ctx, rest)
}

// invalid refuses a call that cannot be made.
func (c *Client) invalid(op Operation, why string) Reply {
	c.observe(Call{Operation: op, Outcome: OutcomeRefused, RateRemaining: -1, At: time.Now()})
	return Reply{Outcome: OutcomeRefused, Code: codeInvalidRequest, Message: "Not sent: " + why + "."}
}

// OrderStatus reads one order's status ("Get Order Status By UUID"). A reply about another order is ambiguous.
func (c *Client) OrderStatus(ctx context.Context, orderUUID string) (OrderStatus, Reply) {
	return ask(ctx, c, OpOrderStatus, http.MethodGet, "connect/orders/status/", orderUUID, func(e envelope) (OrderStatus, error) {
		m, err := e.record(orderUUID)
		raw, ok := asText(m["status"])
		if err == nil && !ok {
			err = errors.New("the reply holds no status")
		}
		return OrderStatus{UUID: orderUUID, Status: cutText(raw, maxText)}, err
	})
}

// record returns the one object in data, or in a list of one, unless it names another order than was asked for.
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
