package api

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Outcome says what is known after a call. Its names are metric labels too; new values are only ever appended.
type Outcome uint8

const (
	// OutcomeAccepted: the API did what was asked and the reply could be read.
	OutcomeAccepted Outcome = iota + 1
	// OutcomeRefused: the API said no, in its own words; nothing was done.
	OutcomeRefused
	// OutcomeNotFound: the API does not know the order; nothing was done.
	OutcomeNotFound
	// OutcomeBusy: the API answered terminalIsBusy. It means "not now".
	OutcomeBusy
	// OutcomeRateLimited: too many calls; nothing was done.
	OutcomeRateLimited
	// OutcomeUnauthorized: the token is missing, unreadable or was refused (401); nothing was done.
	OutcomeUnauthorized
	// OutcomeUnavailable: no byte of the request left this machine.
	OutcomeUnavailable
	// OutcomeAmbiguous: the request, or a part of it, was sent, and no reply came
	// that says what became of it. On a read: no usable reply.
	OutcomeAmbiguous
)

var outcomeNames = map[Outcome]string{
	OutcomeAccepted: "accepted", OutcomeRefused: "refused", OutcomeNotFound: "not_found", OutcomeBusy: "busy",
	OutcomeRateLimited: "rate_limited", OutcomeUnauthorized: "unauthorized", OutcomeUnavailable: "unavailable", OutcomeAmbiguous: "ambiguous",
}

// Outcomes lists every [Outcome].
func Outcomes() []Outcome {
	return slices.Sorted(maps.Keys(outcomeNames))
}

// String returns the metric label.
func (o Outcome) String() string {
	return cmp.Or(outcomeNames[o], fmt.Sprintf("outcome(%d)", uint8(o)))
}

// Operation names one of the API's operations; the values are metric labels.
type Operation string

// The operations of the terminal chapter, and the three order pages beside it.
const (
	OpListTerminals Operation = "list_terminals"
	OpCreate        Operation = "create"
	OpCancel        Operation = "cancel"
	OpResend        Operation = "resend"
	OpPaymentStatus Operation = "payment_status"
	OpRefund        Operation = "refund"
	OpRefundStatus  Operation = "refund_status"
	OpApproval      Operation = "approval"
	OpOrderStatuses Operation = "order_statuses"
	OpOrderStatus   Operation = "order_status"
	OpOrderDetails  Operation = "order_details"
)

// Operations lists every [Operation], in the order of the API's documents.
func Operations() []Operation {
	return []Operation{
		OpListTerminals, OpCreate, OpCancel, OpResend, OpPaymentStatus, OpRefund, OpRefundStatus,
		OpApproval, OpOrderStatuses, OpOrderStatus, OpOrderDetails,
	}
}

// Submits reports whether repeating the call could charge or pay out twice.
func (o Operation) Submits() bool {
	return o == OpCreate || o == OpRefund || o == OpApproval
}

// urgent reports whether the call goes before polls when calls are scarce.
func (o Operation) urgent() bool {
	return o.Submits() || o == OpCancel || o == OpResend
}

// FieldError is one entry of what the API sent in "errors". Path is the API's own name of the field
// ("orderSummary.grandTotal"), empty where it named none. Both texts are bounded and hold no personal data.
type FieldError struct {
	Path    string `json:"path"`
	Message string `json:"message"`
}

// Reply is what is known after a call. Its texts may be published: they hold neither personal data nor the token.
type Reply struct {
	Outcome Outcome
	// HTTPStatus is the status that decided: the reply's own or, where that is
	// a success and the body's status_code is not, the body's. 0 without reply.
	HTTPStatus int
	// Code is the API's message in the camelCase of its documents, up to a colon; "" where no envelope could be read.
	Code string
	// Message is a sentence for people, at most 200 characters.
	Message string
	// Errors is what the API sent in errors, at most 20 entries.
	Errors []FieldError
	// RetryAfter is how long to leave the API alone: after OutcomeRateLimited what it asked for (at most 5 minutes),
	// after OutcomeUnavailable the time until the next try is let through; otherwise 0.
	RetryAfter time.Duration
	// FromAPI reports whether a reply came in the API's own envelope, whatever its status: not a proxy's page.
	FromAPI bool
	// Withheld reports whether its status, or status_code in its body, was 401 or 429, whatever else it said: the API, or a
	// proxy before it, did not let the call in.
	Withheld bool
	// Err is the cause of OutcomeUnavailable, OutcomeAmbiguous, and an OutcomeUnauthorized without a reply; else nil.
	Err error
}

// Call is one finished call, for Options.Observe. Calls that were held back (breaker, limiter, token) are reported too,
// with Replied false and Duration near zero. A Dial is no call.
type Call struct {
	Operation     Operation
	Outcome       Outcome
	HTTPStatus    int           // the HTTP reply's status; 0 without reply
	Duration      time.Duration // from the request's start to the body's end, without the wait for the limiter
	Date          time.Time     // the server's Date header; zero without one
	Begun         time.Time     // local time when the exchange began; zero where it was not tried
	At            time.Time     // local time when the reply's header, or the failure, came
	RateRemaining int           // x-ratelimit-remaining; -1 where unknown
	Replied       bool          // some HTTP reply came
	FromAPI       bool          // it was in the API's own envelope, not a proxy's page
	Withheld      bool          // it said 401 or 429, in its status or its body
	Held          bool          // not tried: the breaker is open
	Err           error         // why nothing was sent, where it was tried; otherwise nil
}

// UnavailableError says that no connection was made, or tried, as the API is out of reach. Nothing was sent.
type UnavailableError struct {
	RetryAfter time.Duration // until the next try is let through
	Err        error         // the cause, never nil
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("cannot reach the API: %v", e.Err)
}

func (e *UnavailableError) Unwrap() error { return e.Err }

var (
	// ErrBreakerOpen is the cause of a call that was not tried, as the pause after earlier failures is not over.
	ErrBreakerOpen = errors.New("not tried: the API was out of reach a moment ago")
	// ErrConnUsed is the cause where a Conn was given to a second call.
	ErrConnUsed = errors.New("this connection was used before")
	// ErrCut is the cause where a reply was longer than its bound.
	ErrCut = errors.New("the reply is longer than the bound")
	// ErrNoOperation is the cause where somebody else than the API itself answered
	// 404, as a web server does for a path that it does not have, and as any proxy may.
	ErrNoOperation = errors.New("nothing answers to this operation")
	// ErrPaged is the cause where a list came in pages, so that one page of it proves nothing about the rest.
	ErrPaged = errors.New("the list came in pages")
)
