package message

import (
	"crypto/sha256"
	"encoding/json"
	"time"

	"tillpost/mqtt"
)

// Request is a message of a till that passed every check at the door. Exactly
// one of the pointers is set: the one of its Kind.
type Request struct {
	Kind      mqtt.Kind
	Terminal  string
	RequestID string
	// TTL is how long the till lets the request wait; 0 if it does not say.
	TTL time.Duration
	// PublishedAt is when the till says it made the request; zero if it does
	// not say. It is as right as the till's clock.
	PublishedAt time.Time
	// Digest is the same for two requests of the same kind, terminal and JSON value. The order of keys and white space
	// don't count; numbers count by their digits.
	Digest [sha256.Size]byte
	// Raw is the payload as it came, without a byte order mark. It may hold personal data.
	Raw []byte

	Order      *OrderRequest
	Refund     *RefundRequest
	Approval   *ApprovalRequest
	Cancel     *CancelRequest
	Resend     *ResendRequest
	Check      *CheckRequest
	Resolution *ResolutionRequest
}

// OrderRequest is what an order asks for.
type OrderRequest struct {
	// Body is the order object byte for byte as the till sent it. It may hold personal data.
	Body json.RawMessage
	// AmountMinor is orderSummary.grandTotal in øre, positive.
	AmountMinor int64
	// OrderDate is nil if the till left it out.
	OrderDate *Date
	// These report what the till put into Body.
	HasTerminalUUID    bool
	HasCustomerDetails bool
	HasSendOrderBy     bool
	HasCallbackURL     bool
	// ReferenceNoEmpty and CustomerReferenceEmpty report whether those members of invoiceReferences are absent, null or
	// an empty string, so that a mark may go there.
	ReferenceNoEmpty       bool
	CustomerReferenceEmpty bool
}

// RefundRequest asks to pay back an order. Exactly one of OrderUUID and OrderRequestID is set.
type RefundRequest struct {
	OrderUUID      string
	OrderRequestID string
	// Full asks for all that is left; Body, AmountMinor and Products are then empty.
	Full bool
	// Body is the refund object byte for byte as the till sent it.
	Body json.RawMessage
	// AmountMinor is grandTotal in øre, positive, the sum of the products.
	AmountMinor int64
	Products    []RefundProduct
	IsReversal  bool
	// ApprovalMessage is the message to the approver if the refund is over a
	// threshold; "" if the till does not want to ask.
	ApprovalMessage string
}

// RefundProduct is one product to be paid back, named in exactly one of three ways.
type RefundProduct struct {
	// ID is the number of the order product at the API, in digits.
	ID string
	// ProductID is what the order called the product.
	ProductID string
	// Line is the product's place in the order from 0, or -1.
	Line int
	// AmountMinor is positive.
	AmountMinor int64
}

// ApprovalRequest asks for the approval of a refund. Exactly one of OrderUUID and OrderRequestID is set.
type ApprovalRequest struct {
	OrderUUID      string
	OrderRequestID string
	// Body is the approval object byte for byte as the till sent it.
	Body json.RawMessage
	// AmountMinor is grandTotal in øre, positive, the sum of the products.
	AmountMinor int64
	Products    []RefundProduct
}

// CancelRequest asks to cancel either the request Target, or at the API the payment or refund of OrderUUID.
type CancelRequest struct {
	Target    string
	OrderUUID string
	// Type is "payment" or "refund" beside OrderUUID, else "".
	Type string
}

// ResendRequest asks to show an order on its terminal again: either the request Target, or OrderUUID.
type ResendRequest struct {
	Target    string
	OrderUUID string
}

// CheckRequest asks for the status now: of the request Target, or of OrderUUID.
type CheckRequest struct {
	Target    string
	OrderUUID string
	// Type is "payment", "refund" or "" if the till does not say.
	Type string
}

// The outcomes that a resolution may choose.
const (
	OutcomeAdopt    = "adopt"
	OutcomeResubmit = "resubmit"
	OutcomeAbandon  = "abandon"
)

// ResolutionRequest settles the request Target, which is in doubt.
type ResolutionRequest struct {
	Target  string
	Outcome string
	// OrderUUID is set if and only if Outcome is OutcomeAdopt.
	OrderUUID string
	// Revision is the target's revision that the decision was made on, 0 if it does not say.
	Revision uint64
	// By names who decided.
	By string
}
