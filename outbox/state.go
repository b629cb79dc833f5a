package outbox

import (
	"fmt"
	"slices"
)

// State is how far a request has come. Stored values are append-only. Step is the only place that assigns one.
type State uint8

// The states of an order; other kinds share most of them. Each comment names what moves a request on.
const (
	// StateQueued is on disk, its turn not yet come. Due moves it to sending; CancelWanted ends it cancelled, Expired
	// ends it expired, Found (an order that came to exist behind a "busy") adopts that order.
	StateQueued State = 1
	// StateSending may be on its way. The API's answer moves it on; Restarted and an ambiguous answer move it to in_doubt.
	StateSending State = 2
	// StateInDoubt may or may not exist at the API. Found adopts, Resolved carries out a person's decision, DoubtTimeout ends
	// it unresolved. Nothing but a resolution to resubmit leads from here to another submission.
	StateInDoubt State = 3
	// StateAwaitingCustomer is on its terminal. StatusSeen ends it; CancelWanted, CustomerTimeout move it to cancelling.
	StateAwaitingCustomer State = 4
	// StateCancelling is being taken off its terminal. StatusSeen or "already paid" ends it, DoubtTimeout as unresolved.
	StateCancelling State = 5
	// StatePaid is final. Only a further order found for it causes anything: a cancel of that one, or an alarm.
	StatePaid State = 6
	// StateDeclined is final; a payment found later moves it to paid, late.
	StateDeclined State = 7
	// StateCancelled is final; a payment found later moves it to paid, late.
	StateCancelled State = 8
	// StateRejected is final: refused by the API, or not forwardable. A payment found later moves it to paid, late.
	StateRejected State = 9
	// StateExpired is final: not sent within its time to live. A payment found later moves it to paid, late.
	StateExpired State = 10
	// StateUnresolved is final but not forgotten: nobody knows whether it exists. Resolved reopens it; evidence ends it.
	StateUnresolved State = 11
	// StateAwaitingRefund is a refund on its way. The refund status ends it.
	StateAwaitingRefund State = 12
	// StateAwaitingApproval is a refund that waits for a person at Front Payment. The refund status ends it, days later.
	StateAwaitingApproval State = 13
	// StateRefunded is final.
	StateRefunded State = 14
	// StateSubmitted is an approval that was handed in; final.
	StateSubmitted State = 15
	// StateDone is a cancel, resend, check or resolution that was carried out; final.
	StateDone State = 16
)

var stateNames = [...]string{
	StateQueued: "queued", StateSending: "sending", StateInDoubt: "in_doubt", StateAwaitingCustomer: "awaiting_customer",
	StateCancelling: "cancelling", StatePaid: "paid", StateDeclined: "declined", StateCancelled: "cancelled",
	StateRejected: "rejected", StateExpired: "expired", StateUnresolved: "unresolved",
	StateAwaitingRefund: "awaiting_refund", StateAwaitingApproval: "awaiting_approval", StateRefunded: "refunded",
	StateSubmitted: "submitted", StateDone: "done",
}

// States lists the states of a kind in the order of a request's life.
func States(k Kind) []State {
	switch k {
	case KindOrder:
		return []State{StateQueued, StateSending, StateInDoubt, StateAwaitingCustomer, StateCancelling,
			StatePaid, StateDeclined, StateCancelled, StateRejected, StateExpired, StateUnresolved}
	case KindRefund:
		return []State{StateQueued, StateSending, StateInDoubt, StateAwaitingRefund, StateAwaitingApproval, StateCancelling,
			StateRefunded, StateDeclined, StateCancelled, StateRejected, StateExpired, StateUnresolved}
	case KindApproval:
		return []State{StateQueued, StateSending, StateInDoubt, StateSubmitted, StateRejected, StateExpired, StateUnresolved}
	default:
		return []State{StateQueued, StateSending, StateDone, StateRejected, StateExpired}
	}
}

// String returns the name that status messages and metric labels carry.
func (s State) String() string { return nameOf(stateNames[:], s, "state") }

// Known reports whether this version of tillpost has such a state.
func (s State) Known() bool { return named(stateNames[:], s) }

// ParseState is the inverse of String.
func ParseState(name string) (State, bool) { return valueOf[State](stateNames[:], name) }

// named reports whether a value has a name.
func named[T ~uint8](names []string, value T) bool {
	return int(value) < len(names) && names[value] != ""
}

// nameOf returns the name of a value, and what it is with its number where it has none.
func nameOf[T ~uint8](names []string, value T, what string) string {
	if named(names, value) {
		return names[value]
	}
	return fmt.Sprintf("%s(%d)", what, uint8(value))
}

// valueOf is the inverse of nameOf, where 0 has no name.
func valueOf[T ~uint8](names []string, name string) (value T, ok bool) {
	i := max(slices.Index(names, name), 0)
	return T(i), i > 0
}

// Final reports whether a request in this state has ended. Late evidence and resolutions may still change it.
func (s State) Final() bool {
	switch s {
	case StatePaid, StateDeclined, StateCancelled, StateRejected, StateExpired, StateUnresolved,
		StateRefunded, StateSubmitted, StateDone:
		return true
	}
	return false
}

// HoldsLane reports whether a laned request in this state keeps the others of its terminal waiting.
func (s State) HoldsLane() bool {
	switch s {
	case StateSending, StateInDoubt, StateAwaitingCustomer, StateCancelling, StateAwaitingRefund:
		return true
	}
	return false
}

// MarshalText writes the state's name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a state's name.
func (s *State) UnmarshalText(b []byte) error {
	v, ok := ParseState(string(b))
	if !ok {
		return fmt.Errorf("unknown state %q", b)
	}
	*s = v
	return nil
}

// Kind says what a request asks for. Stored values are append-only.
type Kind uint8

// The kinds of requests that a till can publish.
const (
	KindOrder      Kind = 1
	KindRefund     Kind = 2
	KindApproval   Kind = 3
	KindCancel     Kind = 4
	KindResend     Kind = 5
	KindCheck      Kind = 6
	KindResolution Kind = 7
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{KindOrder, KindRefund, KindApproval, KindCancel, KindResend, KindCheck, KindResolution}
}

var kindNames = [...]string{
	KindOrder: "order", KindRefund: "refund", KindApproval: "approval", KindCancel: "cancel",
	KindResend: "resend", KindCheck: "check", KindResolution: "resolution",
}

// String returns the name that status messages and metric labels carry.
func (k Kind) String() string { return nameOf(kindNames[:], k, "kind") }

// Known reports whether this version of tillpost has such a kind.
func (k Kind) Known() bool { return named(kindNames[:], k) }

// ParseKind is the inverse of String.
func ParseKind(name string) (Kind, bool) { return valueOf[Kind](kindNames[:], name) }

// Laned reports whether requests of this kind wait their turn in their terminal's lane. Control requests (cancels, resends,
// checks and resolutions) do not.
func (k Kind) Laned() bool { return k == KindOrder || k == KindRefund || k == KindApproval }
