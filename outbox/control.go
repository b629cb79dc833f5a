package outbox

// Scope says whether a cancel or check of a bare order uuid means its payment or its refund. Stored values are
// append-only.
type Scope uint8

// The scopes.
const (
	ScopePayment Scope = 1
	ScopeRefund  Scope = 2
)

// Decision is what a resolution asks for.
type Decision struct {
	Resolution Resolution `json:"r"`
	By         string     `json:"by"`
	// Revision is that of the target which the person saw, 0 if they named none.
	Revision uint64 `json:"rev,omitempty"`
}

// Settlement is a person's decision as it was carried out on a request.
type Settlement struct {
	// ID is the resolution's requestId.
	ID         string     `json:"id"`
	Resolution Resolution `json:"r"`
	By         string     `json:"by"`
	At         Instant    `json:"at"`
}
