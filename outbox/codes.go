package outbox

// Our own reason codes, as the till sees them. Where the API gave a message of its own, that one is published instead.
const (
	CodeExpired         = "expired"
	CodeAgeUnknown      = "ageUnknown"
	CodeCustomerTimeout = "customerTimeout"
	CodeDeclined        = "declined"
	CodeCancelled       = "cancelled"
	CodeAbandoned       = "abandoned"
	CodeDoubtUnresolved = "doubtUnresolved"
	CodeOrderUUIDTaken  = "orderUuidTaken"
	CodeCancelWanted    = "cancelWanted"
	CodeAlreadyPaid     = "orderStatusAlreadyPaid"
	CodeUnknownTerminal = "unknownTerminal"
	CodeUnknownTarget   = "unknownTarget"
	CodeStaleRevision   = "staleRevision"
	CodeNotInDoubt      = "notInDoubt"
	CodeAmountMismatch  = "amountMismatch"
	CodeOrderNotPaid    = "orderNotPaid"
	CodeOrderUnknown    = "orderUnknown"
	CodeRefundExceeds   = "refundExceedsOrder"
	CodeRefundOpen      = "refundOpen"
	CodeInvalidRequest  = "invalidRequest"
	// CodeProductUnknown is the API's own code for a product that an order does not have.
	CodeProductUnknown = "orderProductsNotFound"
)

// Codes of the API that the state machine distinguishes (Front Payment, Refund or Reverse Payment; Request Refund
// Approval).
const (
	CodeAmountThreshold  = "refundRejectionForRequestAmountThresholdExceed"
	CodeWeeklyThreshold  = "refundRejectionForWeeklyThresholdExceed"
	CodeAlreadySubmitted = "orderRefundRequestAlreadySubmitted"
)

// Why a request waits.
const (
	WaitBehind         = "behind"
	WaitBusy           = "terminalIsBusy"
	WaitAPIUnreachable = "apiUnreachable"
	WaitAPIError       = "apiError"
	WaitRateLimited    = "rateLimited"
	WaitUnauthorized   = "unauthorized"
	WaitClockUnknown   = "clockUnknown"
	WaitForOrder       = "waitingForOrder"
	WaitChecking       = "checking"
	WaitNeedsStaff     = "needs_staff"
	WaitPaused         = "paused"
	WaitWrongAccount   = "wrongAccount"
	WaitRolledBack     = "outboxRolledBack"
	WaitAnotherAgent   = "anotherAgent"
)

// What Alarm effects carry.
const (
	// AlarmNeedsStaff: a doubt was looked into for doubt_check without a find.
	AlarmNeedsStaff = "needsStaff"
	// AlarmUnresolved: a doubt ended without an answer.
	AlarmUnresolved = "unresolved"
	// AlarmLatePayment: a payment was found after another final state had been published.
	AlarmLatePayment = "latePayment"
	// AlarmFurtherOrder: a second order was found paid for one request.
	AlarmFurtherOrder = "furtherOrderPaid"
)

// IgnoredEarly is why a resubmission was not carried out yet: doubt_check has not passed, or the search is missing.
const IgnoredEarly = "early"

// IgnoredHint is why a resubmission was not carried out yet: a callback named an order that is not judged.
const IgnoredHint = "callback"

const (
	ignoredPair  = "illegal"   // the event means nothing in this state
	ignoredStale = "stale"     // it came too late or too early to matter
	ignoredKind  = "otherKind" // the kind has no such step
)
