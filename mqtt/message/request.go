package message

import (
	"crypto/sha256"
	"encoding/json"
	"time"

	"tillpost/mqtt"
)

// Request is a message of a till that passed every check at the door. What its Kind has no use for is zero.
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

	// Target is the requestId of the request that this one is about, for a refund or approval its orderRequestId.
	// OrderUUID names an order at the API instead; a resolution has both if Outcome is OutcomeAdopt.
	Target    string
	OrderUUID string
	// Body is the order, refund or approval object byte for byte as the till sent it. It may hold personal data.
	Body json.RawMessage
	// AmountMinor is its grandTotal in øre, positive; of a refund or approval the sum of the products.
	AmountMinor int64
	Products    []RefundProduct
	// Full asks a refund for all that is left; Body, AmountMinor and Products are then empty.
	Full       bool
	IsReversal bool
	// ApprovalMessage is the message to the approver if the refund is over a
	// threshold; "" if the till does not want to ask.
	ApprovalMessage string
	// Type is "payment" or "refund" beside the OrderUUID of a cancel or check; "" if a check does not say.
	Type string
	// Outcome is what a resolution chooses.
	Outcome string
	// Revision is the target's revision that a resolution was made on, 0 if it does not say.
	Revision uint64
	// By names who decided a resolution.
	By string
}

// RefundProduct is one product to be paid back, named in exactly one of three ways.
type RefundProduct struct {
	// ID is the number of the order product at the API.
	ID int64
	// ProductID is what the order called the product.
	ProductID string
	// Line is the product's place in the order from 0, where neither ID nor ProductID names it.
	Line int
	// AmountMinor is positive.
	AmountMinor int64
}

// The outcomes that a resolution may choose.
const (
	OutcomeAdopt    = "adopt"
	OutcomeResubmit = "resubmit"
	OutcomeAbandon  = "abandon"
)
