package outbox

// Refund is what a refund or an approval asks for beyond its amount, and what the order's statement showed before it was sent.
type Refund struct {
	// Full asks for all that is left; amount and lines are computed once, when it is sent.
	Full     bool `json:"f,omitempty"`
	Reversal bool `json:"rv,omitempty"`
	// Ask is the message to the approver where the API wants an approval; "": don't ask for one.
	Ask string `json:"ask,omitempty"`
	// Approving: the API refused over a threshold, and the submission is now the request for an approval.
	Approving bool         `json:"ap,omitempty"`
	Lines     []RefundLine `json:"l,omitempty"`
	// Doubted: a submission of this stage was in doubt, and a person had it sent again.
	Doubted bool `json:"dt,omitempty"`
	// Before is what the statement showed when the submission began; only a change since then is evidence.
	Before *Statement `json:"b,omitempty"`
	// Moved: the order's refund status was seen to be under way since the submission, so that an end which stood there
	// before has given way to one of ours.
	Moved bool `json:"mv,omitempty"`
	// DeniedAt is when the order's refund status was first seen REJECTED since the submission while the statement showed
	// somebody else's refund that this may be about.
	DeniedAt Instant `json:"da,omitzero"`
	// CalledOff: the API carried out our cancel, so REJECTED is the answer to this one even if it stood there before.
	CalledOff bool `json:"co,omitempty"`
}

// RefundLine is one product to pay back: by its number at the API, by what the till called it, or by its place.
type RefundLine struct {
	ID        int64  `json:"i,omitempty"`
	ProductID string `json:"p,omitempty"`
	Line      int    `json:"n,omitempty"` // from 0; counts where ID and ProductID are absent, or with ByLine
	Minor     int64  `json:"o"`
	// ByLine: ID was found by Line, which is what the till knows it by.
	ByLine bool `json:"bl,omitempty"`
	// More: it goes on with what the till named in the line before, of which one order product had not enough.
	More bool `json:"m,omitempty"`
}
