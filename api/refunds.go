package api

import (
	"cmp"
	"context"
	"net/http"
)

// RefundState is what a refund's status means; a closed enum.
type RefundState uint8

const (
	// RefundPending: not over, or a status that the documents do not name.
	RefundPending RefundState = iota + 1
	// RefundDone: REFUNDED.
	RefundDone
	// RefundRejected: REJECTED.
	RefundRejected
)

// Refund refunds or reverses a payment ("Refund or Reverse Payment"). body is sent byte for byte. conn is consumed; nil
// dials one. final reports whether the money went back with this reply (a reversal); otherwise an accepted refund is
// under way, and RefundStatus returns how it ends.
func (c *Client) Refund(ctx context.Context, conn *Conn, orderUUID string, body []byte) (final bool, r Reply) {
	r = c.order(ctx, OpRefund, http.MethodPost, "connect/terminal/orders/refund/", orderUUID, body, request{
		conn: conn,
		read: func(e envelope) error {
			final = e.fromAPI && e.code == codeReversed
			return needsFrame(e)
		},
	})
	return final, r
}

// RequestApproval submits a refund for approval ("Request Refund Approval"). body is sent byte for byte. conn is
// consumed; nil dials one. A refusal with the code orderRefundRequestAlreadySubmitted is left to the caller to
// interpret: it may be about an earlier attempt, or another till's.
func (c *Client) RequestApproval(ctx context.Context, conn *Conn, orderUUID string, body []byte) Reply {
	return c.order(ctx, OpApproval, http.MethodPost, "orders/refund/request/approval/", orderUUID, body, request{
		conn: conn, read: needsFrame,
	})
}

// RefundStatus reads the status of an order's refund ("Refund Status Check"). The documents say POST, a public client
// uses GET: on 405 the other one is tried, and remembered. Each of the two is a call of its own to the observer.
func (c *Client) RefundStatus(ctx context.Context, orderUUID string) (RefundState, Reply) {
	get := c.getRefunds.Load()
	state, reply := c.refundStatus(ctx, orderUUID, get)
	if reply.HTTPStatus != http.StatusMethodNotAllowed {
		return state, reply
	}
	state, reply = c.refundStatus(ctx, orderUUID, !get)
	if reply.HTTPStatus != 0 && reply.HTTPStatus != http.StatusMethodNotAllowed {
		c.getRefunds.Store(!get)
	}
	return state, reply
}

func (c *Client) refundStatus(ctx context.Context, orderUUID string, get bool) (RefundState, Reply) {
	method := http.MethodPost
	if get {
		method = http.MethodGet
	}
	const path = "connect/terminal/orders/refund-status/"
	return ask(ctx, c, OpRefundStatus, method, path, orderUUID, func(e envelope) (RefundState, error) {
		raw, err := e.status("refund_status")
		return refundState(raw), err
	})
}

var refundStates = map[string]RefundState{"refunded": RefundDone, "rejected": RefundRejected}

func refundState(raw string) RefundState { return cmp.Or(refundStates[messageKey(raw)], RefundPending) }
