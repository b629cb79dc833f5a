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

var refundNames = map[RefundState]string{RefundPending: "pending", RefundDone: "refunded", RefundRejected: "rejected"}

// String returns the state's name in lower case.
func (s RefundState) String() string { return cmp.Or(refundNames[s], "unknown") }

// RefundStatus is the answer to a refund status check. Raw is the API's
// refund_status as it came, bounded; "" where there was none (then pending).
type RefundStatus struct {
	State RefundState
	Raw   string
}

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
func (c *Client) RefundStatus(ctx context.Context, orderUUID string) (RefundStatus, Reply) {
	get := c.getRefunds.Load()
	status, reply := c.refundStatus(ctx, orderUUID, get)
	if reply.HTTPStatus != http.StatusMethodNotAllowed {
		return status, reply
	}
	status, reply = c.refundStatus(ctx, orderUUID, !get)
	if reply.HTTPStatus != 0 && reply.HTTPStatus != http.StatusMethodNotAllowed {
		c.getRefunds.Store(!get)
	}
	return status, reply
}

func (c *Client) refundStatus(ctx context.Context, orderUUID string, get bool) (RefundStatus, Reply) {
	method := http.MethodPost
	if get {
		method = http.MethodGet
	}
	var status RefundStatus
	reply := c.order(ctx, OpRefundStatus, method, "connect/terminal/orders/refund-status/", orderUUID, nil, request{
		read: func(e envelope) error {
			raw, found := e.status("refund_status")
			if !found && !e.fromAPI {
				return errNotFramed
			}
			status = RefundStatus{State: refundState(raw), Raw: cutText(raw, maxText)}
			return nil
		},
	})
	return status, reply
}

func refundState(raw string) RefundState {
	switch messageKey(raw) {
	case "refunded":
		return RefundDone
	case "rejected":
		return RefundRejected
	default:
		return RefundPending
	}
}
