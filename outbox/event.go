package outbox

import "time"

// EventType says what happened to a request.
type EventType uint8

// The events that Step knows.
const (
	// Due: its turn has come; Mark, Shown and References are set, and Search, Seen and Statement to what was read
	// for it. Where nothing has to be asked first, a connection stands.
	Due EventType = iota + 1
	// Accepted: the API took the submission; OrderUUID is set.
	Accepted
	// Done: the API carried out the cancel or resend.
	Done
	// Busy: the API said that the terminal is busy.
	Busy
	// Unavailable: not a byte of the call reached the API; RetryAfter may be set.
	Unavailable
	// RateLimited: the API refused for now; RetryAfter is set.
	RateLimited
	// Unauthorized: the API did not accept the token.
	Unauthorized
	// Refused: the API said no; Reason is set.
	Refused
	// Ambiguous: the call may or may not have been carried out; Reason may be set.
	Ambiguous
	// StatusSeen: the API answered with the status of OrderUUID.
	StatusSeen
	// Found: an order that bears one of our marks is OrderUUID, its status Status. A StatusSeen about an order that the
	// request does not hold is taken as one.
	Found
	// NotFound: a search that began after the doubt showed nothing; Search says what that is worth, Seen when it was.
	NotFound
	// CallbackSeen: somebody called with our mark and named OrderUUID. A hint, never a proof; it is kept until it is judged.
	CallbackSeen
	// CancelWanted: somebody wants it cancelled; Reason.Code says why.
	CancelWanted
	// ResendWanted: somebody wants it shown on the terminal again.
	ResendWanted
	// CheckWanted: somebody wants to know the status now.
	CheckWanted
	// Resolved: a person decided; Resolution, By, and OrderUUID for an adoption are set.
	Resolved
	// Expired: the time to live seems to have run out. Step checks that.
	Expired
	// CustomerTimeout: the customer had the time that the policy grants.
	CustomerTimeout
	// DoubtTimeout: Timer says whether doubt_check or doubt_hold ran out.
	DoubtTimeout
	// Restarted: the process has just started and found the request as it is.
	Restarted
	// StatementSeen: order details and refund status were asked for, as far as the API lets us; Statement is set. It answers
	// the Search and the Query of a refund or approval. Journals call it BooksSeen.
	StatementSeen
	// TargetSeen: the request that this one is about is in state Target.
	TargetSeen
	// HintRead: the order that a callback named, OrderUUID, was read; Order says what was seen, Status how it stands.
	HintRead
	// Moved: a person puts it at the end of another terminal's queue; To and By are set.
	Moved

	// added stands in the journal for the acceptance itself.
	added EventType = 0
)

var eventNames = [...]string{
	added: "Added", Due: "Due", Accepted: "Accepted", Done: "Done", Busy: "Busy", Unavailable: "Unavailable", RateLimited: "RateLimited",
	Unauthorized: "Unauthorized", Refused: "Refused", Ambiguous: "Ambiguous", StatusSeen: "StatusSeen", Found: "Found",
	NotFound: "NotFound", CallbackSeen: "CallbackSeen", CancelWanted: "CancelWanted", ResendWanted: "ResendWanted",
	CheckWanted: "CheckWanted", Resolved: "Resolved", Expired: "Expired", CustomerTimeout: "CustomerTimeout",
	DoubtTimeout: "DoubtTimeout", Restarted: "Restarted", StatementSeen: "BooksSeen", TargetSeen: "TargetSeen", HintRead: "HintRead", Moved: "Moved",
}

// EventTypes lists all event types.
func EventTypes() []EventType {
	all := make([]EventType, 0, len(eventNames)-1)
	for t := Due; int(t) < len(eventNames); t++ {
		all = append(all, t)
	}
	return all
}

func (t EventType) String() string { return nameOf(eventNames[:], t, "event") }

// OrderStatus is what the API says of an order, as far as it matters here.
type OrderStatus uint8

// What an order's status means (reference: Payment Status Check; all order statuses).
const (
	// StatusPending is everything that is not one of the others.
	StatusPending OrderStatus = iota
	// StatusPaid: PAID, REFUNDED, PARTIAL REFUNDED or INVOICED.
	StatusPaid
	// StatusDeclined: CANCELLED with orderPaymentFailed.
	StatusDeclined
	// StatusCancelled: CANCELLED otherwise, and EXPIRED.
	StatusCancelled
	// StatusRefunded: a refund status REFUNDED.
	StatusRefunded
	// StatusRefundDenied: a refund status REJECTED.
	StatusRefundDenied
	// StatusRefundPending: any other refund status.
	StatusRefundPending
	// StatusRefundNone: the API knows of no refund of the order (404).
	StatusRefundNone
)

func (s OrderStatus) String() string {
	names := []string{"pending", "paid", "declined", "cancelled", "refunded", "rejected", "pending", "none"}
	return nameOf(names, s, "status")
}

// SearchResult says what a search for the marks of a submission showed before its repeat.
type SearchResult uint8

// What is known before a repeat.
const (
	// SearchNone: no search was made since the last answer.
	SearchNone SearchResult = iota
	// SearchClear: a search begun after the busy answer came back in full, without our mark.
	SearchClear
	// SearchForbidden: the API does not let us search, which is established, and was confirmed just now.
	SearchForbidden
)

// Resolution is a person's decision on a request in doubt. Stored values are append-only.
type Resolution uint8

// The decisions.
const (
	Adopt    Resolution = 1
	Resubmit Resolution = 2
	Abandon  Resolution = 3
)

func (r Resolution) String() string {
	return nameOf([]string{Adopt: "adopt", Resubmit: "resubmit", Abandon: "abandon"}, r, "resolution")
}

// BusyMeans says what a busy answer stands for where the API does not let us search or read statements.
type BusyMeans uint8

// The two readings.
const (
	BusyNotCreated BusyMeans = iota
	BusyDoubt
)

// Policy is what the operator decided on times and readings. Durations of 0 are off where the field says so.
type Policy struct {
	CustomerTimeout time.Duration // 0: wait for ever
	ResendAfter     time.Duration // 0: never
	BusyMeans       BusyMeans
	DoubtCheck      time.Duration
	DoubtHold       time.Duration
	PollInterval    time.Duration
	BusyBackoffMin  time.Duration
	BusyBackoffMax  time.Duration
}

// Event is something that happened. At, Jitter and Policy come with every event; the other fields as the type says.
type Event struct {
	Type EventType
	At   Instant
	// Jitter is uniform in [0,1): Step itself rolls no dice.
	Jitter float64
	// Policy is filled in by the Store.
	Policy Policy

	// ListLag is how long an order may be missing from the API's list after the API accepted it, StatementLag how long a
	// refund may be missing from its order's statement; 0: not measured yet.
	ListLag, StatementLag time.Duration
	// BusyPace is how far apart the tries at each busy terminal have to be, so that those at all of them hold the rate limit.
	BusyPace time.Duration

	Mark  string
	Shown bool
	// References is what Submission.References is to be.
	References string
	Search     SearchResult
	// Seen says when Search came about.
	Seen Seen
	// Order is what was seen of an order that somebody named.
	Order      OrderSeen
	OrderUUID  string
	Status     OrderStatus
	Reason     *Reason
	RetryAfter time.Duration
	Resolution Resolution
	By         string
	// To is the terminal that a request moves to, and Number what orders it there, filled in by the Store.
	To     string
	Number uint64
	// Lane is where it happened, "" for any. A request that was moved away since is not changed by it: ErrMoved.
	Lane  string
	Timer Timer
	// Final: the API's answer already is the end (a reversal's 200).
	Final bool
	// Target is the state of the request that this one is about.
	Target State
	// Source is the requestId of the resolution behind a Resolved, Revision the target's that it was made on (0: any).
	Source    string
	Revision  uint64
	Statement Statement
	// Ledger is filled in by the Store for refunds and approvals.
	Ledger Ledger
}

// EffectType says what is to be done now that the change is on disk.
type EffectType uint8

// The effects that Step asks for.
const (
	// Submit: make the call that creates, under Mark, on the connection that was dialled for it.
	Submit EffectType = iota + 1
	// Query: ask the API for the status of OrderUUID.
	Query
	// Search: look for the request's marks at the API, or read the statement of the order that it pays back.
	Search
	// SendCancel: ask the API to cancel OrderUUID.
	SendCancel
	// SendResend: ask the API to show OrderUUID on the terminal once more.
	SendResend
	// WakeAt: after After, run what Timer stands for. It replaces one of the same name; entering a state clears all.
	WakeAt
	// Publish: publish the status. Waiting is set for what is published without a durable change.
	Publish
	// Alarm: a person has to know; Code says what.
	Alarm
	// Judge: read OrderUUID, which a callback named, and report it as HintRead.
	Judge
	// Settle: carry the resolution's decision out on Target, and report back what came of that.
	Settle
	// Ignored: the event means nothing in this state; counted, so that it is seen.
	Ignored
)

var effectNames = [...]string{
	Submit: "Submit", Query: "Query", Search: "Search", SendCancel: "SendCancel", SendResend: "SendResend",
	WakeAt: "WakeAt", Publish: "Publish", Alarm: "Alarm", Judge: "Judge", Settle: "Settle", Ignored: "Ignored",
}

func (t EffectType) String() string { return nameOf(effectNames[:], t, "effect") }

// Timer names what is to happen when a WakeAt is over.
type Timer uint8

// The timers.
const (
	// TimerRetry brings the next Due.
	TimerRetry Timer = iota + 1
	// TimerExpire brings Expired.
	TimerExpire
	// TimerPoll runs Query again.
	TimerPoll
	// TimerSearch runs Search again.
	TimerSearch
	// TimerCancel runs SendCancel again.
	TimerCancel
	// TimerCustomer brings CustomerTimeout.
	TimerCustomer
	// TimerDoubtCheck and TimerDoubtHold bring DoubtTimeout.
	TimerDoubtCheck
	TimerDoubtHold
	// TimerWatch runs Query for a request that ended without a payment, or Search where it has no order.
	TimerWatch
	// TimerHint runs Judge again for every hint.
	TimerHint
)

var timerNames = [...]string{
	TimerRetry: "retry", TimerExpire: "expire", TimerPoll: "poll", TimerSearch: "search", TimerCancel: "cancel",
	TimerCustomer: "customer", TimerDoubtCheck: "doubt_check", TimerDoubtHold: "doubt_hold", TimerWatch: "watch", TimerHint: "hint",
}

func (t Timer) String() string { return nameOf(timerNames[:], t, "timer") }

// Effect is one thing to do after the commit. Which fields are set depends on Type.
type Effect struct {
	Type      EffectType
	Mark      string
	OrderUUID string
	Timer     Timer
	After     time.Duration
	// Answering: After counts only time in which the API answers.
	Answering bool
	Waiting   *Waiting
	// Target is the requestId that a cancel, resend, check or resolution is about.
	Target string
	// Code is the alarm's or the cause of an Ignored.
	Code string
}
