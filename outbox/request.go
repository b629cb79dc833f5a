package outbox

import (
	"cmp"
	"slices"
	"time"
)

// Request is one accepted request with all that is known of it. It is a value: Step returns a changed copy, and no two
// copies share a slice that either may write to.
type Request struct {
	// Seq is the acceptance sequence, from 1. It orders a lane, but for what was moved to it; clocks never do.
	Seq uint64 `json:"-"`
	// ID is the till's requestId, unique for ever.
	ID       string `json:"id"`
	Kind     Kind   `json:"-"`
	Terminal string `json:"t"`
	// Earlier are the terminals that it was moved away from, that of its arrival first: its status is published for them too.
	Earlier []string `json:"te,omitempty"`
	// Moved is the number that the last move took of those for Seq, 0 if it was never moved. In a lane it stands for Seq.
	Moved uint64 `json:"mv,omitempty"`
	State State  `json:"-"`
	// Revision grows by one with each durable change.
	Revision uint64 `json:"r"`
	// Digest is that of kind, terminal and JSON value: by it a repeat is distinguished from a conflict.
	Digest [32]byte `json:"d"`
	// Body is what the till asked to forward, as it came; empty once final (unresolved keeps it).
	Body []byte `json:"-"`
	// AmountMinor is what the customer pays or gets, in øre (hundredths of Currency); 0 where a kind has none.
	AmountMinor int64  `json:"a,omitempty"`
	Currency    string `json:"c,omitempty"`

	Accepted Instant `json:"acc"`
	// PublishedAt is the till's own time in Unix milliseconds, 0 if it gave none.
	PublishedAt int64 `json:"pub,omitempty"`
	// TTL bounds the start of every attempt, counted from TTLFrom, or from PublishedAt where that is earlier.
	TTL     time.Duration `json:"ttl"`
	TTLFrom Instant       `json:"ttlf"`
	// Entered is when State was entered, Finished when it first became final.
	Entered  Instant  `json:"ent"`
	Finished *Instant `json:"fin,omitempty"`

	// OrderUUID is the order at the API that this request created or was settled on. At most one request owns a uuid.
	OrderUUID string `json:"o,omitempty"`
	// Target is the requestId that a cancel, resend, check or resolution is about, or whose order a refund or approval
	// pays back; "" where OrderUUID says it.
	Target string `json:"tg,omitempty"`
	// Scope says what of a bare OrderUUID a cancel is about, and what of an order a check asks for.
	Scope Scope `json:"sc,omitempty"`
	// Refund is set for refunds and approvals, Decision for resolutions.
	Refund   *Refund   `json:"rf,omitempty"`
	Decision *Decision `json:"dc,omitempty"`
	// Parked: a queued refund that waits for an order or refund in another lane, or for its order's statement, and keeps
	// nothing in its own lane waiting meanwhile.
	Parked bool `json:"pk,omitempty"`
	// Settled is the last decision of a person on this request.
	Settled *Settlement `json:"st,omitempty"`
	// Unmarked: OrderUUID was named by a callback, and no mark of ours can be seen in it. It is never cancelled by us.
	Unmarked bool `json:"um,omitempty"`
	// Hints are orders that callbacks named and that are not judged yet.
	Hints []Hint `json:"hi,omitempty"`
	// Further lists orders found beyond OrderUUID that bear a mark of ours.
	Further []string `json:"fo,omitempty"`
	// FurtherPaid lists those of them that a person was alarmed about because they are paid.
	FurtherPaid []string `json:"fp,omitempty"`
	// Submissions are the marks under which this request may have reached the API, oldest first.
	Submissions []Submission `json:"sub,omitempty"`
	// Attempts counts the times a submission was started, Unsent those of them of which not a byte left.
	Attempts int `json:"n,omitempty"`
	Unsent   int `json:"un,omitempty"`
	// Fresh says that the next submission takes a new mark, because a person chose to send again.
	Fresh bool `json:"fr,omitempty"`
	// Busy counts the "terminal is busy" answers in a row to the last submission, of which the first came at BusySince and the
	// last at BusyAt. While it is not 0, a search must have come back empty before the next attempt.
	Busy      int     `json:"bz,omitempty"`
	BusyAt    Instant `json:"ba,omitzero"`
	BusySince Instant `json:"bs,omitzero"`
	// Repeated: it was sent again after a busy answer, so an earlier attempt may have been carried out all the same.
	Repeated bool `json:"rp,omitempty"`
	// RefusedBusy: it is in doubt because the API refused it, with Reason, after it had called it busy.
	RefusedBusy bool `json:"rb,omitempty"`

	Waiting      *Waiting `json:"wt,omitempty"`
	Reason       *Reason  `json:"rs,omitempty"`
	CancelWanted bool     `json:"cw,omitempty"`
	// CancelReason is why the order is being cancelled, for the reason it will end with.
	CancelReason string `json:"cr,omitempty"`
	// Resent is set once the automatic resend was spent.
	Resent bool `json:"re,omitempty"`
	// Late marks a payment found after another final state had been published.
	Late bool `json:"lt,omitempty"`
	// Alarmed is set while a person has yet to look at late evidence.
	Alarmed bool `json:"al,omitempty"`

	History []Entry `json:"h"`
	// Folded counts history entries left out of the middle, to keep the record small.
	Folded int `json:"hf,omitempty"`
}

// Submission is one mark of ours and where the API can show it.
type Submission struct {
	Mark string `json:"m"`
	// Shown says that the mark stands in a reference of the order, so that a search of details can find it.
	Shown bool `json:"s,omitempty"`
	// References is a digest of the till's own references, where they left no room for the mark.
	References string  `json:"rf,omitempty"`
	At         Instant `json:"at"`
}

// Waiting says why a request does not move. It may change within one revision.
type Waiting struct {
	Code     string  `json:"c"`
	Since    Instant `json:"s"`
	Attempts int     `json:"n,omitempty"`
	// Next is when the next attempt is due, zero if that is not known.
	Next Instant `json:"x,omitzero"`
}

// Reason says why a request ended as it did, in words that a person can act on.
type Reason struct {
	Code       string       `json:"c"`
	Message    string       `json:"m,omitempty"`
	HTTPStatus int          `json:"h,omitempty"`
	Errors     []FieldError `json:"e,omitempty"`
}

// FieldError is one fault that the API named.
type FieldError struct {
	Path    string `json:"p"`
	Message string `json:"m"`
}

// Entry is one line of a request's journal.
type Entry struct {
	Revision uint64  `json:"r"`
	At       Instant `json:"at"`
	State    State   `json:"s"`
	Event    string  `json:"e"`
	Code     string  `json:"c,omitempty"`
	// By names the person behind a resolution or a move.
	By string `json:"by,omitempty"`
	// To is the terminal that it moved to.
	To string `json:"to,omitempty"`
}

// Mark is the mark of the latest submission, "" before the first.
func (r Request) Mark() string {
	if len(r.Submissions) == 0 {
		return ""
	}
	return r.Submissions[len(r.Submissions)-1].Mark
}

// LastBusy is when the last busy answer came; a record of an earlier version knows when it went back to the queue.
func (r Request) LastBusy() Instant {
	return cmp.Or(r.BusyAt, r.Entered)
}

// LiveFor returns what is left of the time to live at a moment. ok is false where the age can't be known.
func (r Request) LiveFor(at Instant) (left time.Duration, ok bool) {
	age, ok := at.Since(r.TTLFrom)
	if !ok {
		return 0, false
	}
	if r.PublishedAt != 0 {
		if !at.Known {
			return 0, false
		}
		age = max(age, millis(at.Wall-r.PublishedAt))
	}
	return r.TTL - age, true
}

// InQueue reports whether a request waits for its turn in its lane.
func (r Request) InQueue() bool { return r.Kind.Laned() && r.State == StateQueued && !r.Parked }

// Turn orders the requests of a lane: lower comes first.
func (r Request) Turn() uint64 { return cmp.Or(r.Moved, r.Seq) }

// Arrival is the terminal on whose topic the request came.
func (r Request) Arrival() string { return r.Terminals()[0] }

// Terminals are those for which its status is published, that of its arrival first.
func (r Request) Terminals() []string {
	if slices.Contains(r.Earlier, r.Terminal) {
		return r.Earlier
	}
	return append(slices.Clip(r.Earlier), r.Terminal)
}

// NeverSent reports whether it is certain that no byte of a queued request ever left, under this outbox or a newer copy.
func (r Request) NeverSent() bool {
	return r.State == StateQueued && r.Attempts == r.Unsent && len(r.Hints) == 0 && r.Settled == nil
}

// Clone returns a copy that shares no slice that a Step may write to. Body is never written to, and shared.
func (r Request) Clone() Request {
	r.Further = slices.Clone(r.Further)
	r.FurtherPaid = slices.Clone(r.FurtherPaid)
	r.Submissions = slices.Clone(r.Submissions)
	r.Hints = slices.Clone(r.Hints)
	r.Earlier = slices.Clone(r.Earlier)
	r.History = slices.Clone(r.History)
	if r.Refund != nil {
		refund := *r.Refund
		refund.Lines = slices.Clone(refund.Lines)
		r.Refund = &refund
	}
	return r
}

// LastChange is the moment of the last durable change.
func (r Request) LastChange() Instant {
	if n := len(r.History); n > 0 {
		return r.History[n-1].At
	}
	return r.Entered
}

// PublishedFor reports whether the status of the request is published for a terminal.
func (r Request) PublishedFor(terminal string) bool { return slices.Contains(r.Terminals(), terminal) }

// Scope says what a cancel or check of a bare order uuid means: payment or refund. Stored values are append-only.
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
