package message

import (
	"encoding/json"
	"time"

	"tillpost/internal/money"
	"tillpost/mqtt"
)

// Timestamp is a time that is written in RFC 3339, in UTC, with exactly milliseconds.
type Timestamp struct{ time.Time }

const timestampLayout = "2006-01-02T15:04:05.000Z"

// At returns t as a Timestamp.
func At(t time.Time) Timestamp { return Timestamp{t} }

// String returns the time as it is published.
func (t Timestamp) String() string { return t.UTC().Format(timestampLayout) }

// MarshalText implements encoding.TextMarshaler.
func (t Timestamp) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// MarshalJSON implements json.Marshaler.
func (t Timestamp) MarshalJSON() ([]byte, error) { return []byte(`"` + t.String() + `"`), nil }

// Amount is money as it is published.
type Amount struct {
	// Value is a decimal with two digits after the point.
	Value    string `json:"value"`
	Currency string `json:"currency"`
}

// NewAmount returns the Amount of so many øre, or hundredths of another currency.
func NewAmount(minor int64, currency string) *Amount {
	return &Amount{Value: money.Minor(minor).String(), Currency: currency}
}

// Reason says why a request was refused or ended, so that a person can act.
type Reason struct {
	// Code is one of our own codes, or the API's message in camelCase.
	Code    string `json:"code"`
	Message string `json:"message"`
	// HTTPStatus is the API's, 0 if it was not asked.
	HTTPStatus int `json:"httpStatus,omitempty"`
	// Errors is a list of FieldError for our own refusals, or what the API sent; empty if there are none, never "null".
	Errors json.RawMessage `json:"errors,omitempty"`
}

// Waiting says what a request waits for.
type Waiting struct {
	Code          string    `json:"code"`
	Since         Timestamp `json:"since"`
	Attempts      int       `json:"attempts"`
	NextAttemptAt Timestamp `json:"nextAttemptAt,omitzero"`
}

// Status is a request's latest state, published retained on its own topic.
type Status struct {
	RequestID string `json:"requestId"`
	// Kind is "" only for a message that was refused as CodeUnknownKind.
	Kind         mqtt.Kind `json:"kind,omitempty"`
	TerminalUUID string    `json:"terminalUuid"`
	State        string    `json:"state"`
	// Final reports whether only late evidence or a resolution can still change the state.
	Final bool `json:"final"`
	// Revision grows by one with each durable change.
	Revision        uint64    `json:"revision"`
	At              Timestamp `json:"at"`
	OrderUUID       string    `json:"orderUuid,omitempty"`
	TargetRequestID string    `json:"targetRequestId,omitempty"`
	Amount          *Amount   `json:"amount,omitempty"`
	// QueuePosition is 1 for the next request of the queue; 0 is not in a queue.
	QueuePosition int      `json:"queuePosition,omitempty"`
	Waiting       *Waiting `json:"waiting,omitempty"`
	Reason        *Reason  `json:"reason,omitempty"`
	// Late reports whether the payment was found after the request had ended.
	Late bool `json:"late,omitempty"`
}

// StateRejected is the state of a request that was refused.
const StateRejected = "rejected"

// Reject reports a message that was refused at the door; never retained.
type Reject struct {
	At        Timestamp `json:"at"`
	Topic     string    `json:"topic"`
	RequestID string    `json:"requestId,omitempty"`
	Reason    *Reason   `json:"reason"`
}

// TerminalInfo is one entry of the retained list of terminals.
type TerminalInfo struct {
	UUID        string `json:"uuid"`
	Name        string `json:"name"`
	Active      bool   `json:"active"`
	QueueLength int    `json:"queueLength"`
	// Lane is what its lane is doing: idle, busy, in_doubt, paused or waiting.
	Lane string `json:"lane"`
	// Paused is nil unless somebody has paused it. What is on the terminal goes on meanwhile, so Lane may differ from
	// "paused".
	Paused *Paused `json:"paused,omitempty"`
}

// Paused says who has paused a terminal, and since when.
type Paused struct {
	By    string    `json:"by"`
	Since Timestamp `json:"since"`
}

// The agent's own states.
const (
	AgentOnline   = "online"
	AgentDegraded = "degraded"
	AgentOffline  = "offline"
)

// AgentState is the agent's own state, retained; the last will has the same shape.
type AgentState struct {
	// State is AgentDegraded if there are Problems, else AgentOnline; in the last will it is AgentOffline.
	State   string    `json:"state"`
	Version string    `json:"version"`
	Since   Timestamp `json:"since"`
	// Instance names the outbox, Generation counts how often it was opened.
	Instance   string `json:"instance"`
	Generation uint64 `json:"generation"`
	// SettledThrough bounds the statuses that are not retained any more.
	SettledThrough SettledThrough `json:"settledThrough"`
	Problems       []Problem      `json:"problems"`
}

// SettledThrough bounds the retained statuses that the agent has cleared. By it an older copy of the outbox, which has
// accepted less or whose file has seen fewer commits, recognises itself as one, though the statuses are gone. It never
// goes back; while nothing was cleared both are 0.
type SettledThrough struct {
	// Accepted is the highest acceptance number of a request whose status was cleared.
	Accepted uint64 `json:"accepted"`
	// Commits is how many commits the outbox had seen when the last one was.
	Commits uint64 `json:"commits"`
}

// Join returns the higher of each of two bounds.
func (s SettledThrough) Join(o SettledThrough) SettledThrough {
	return SettledThrough{Accepted: max(s.Accepted, o.Accepted), Commits: max(s.Commits, o.Commits)}
}

// MarshalJSON writes no problems as an empty list.
func (a AgentState) MarshalJSON() ([]byte, error) {
	if a.Problems == nil {
		a.Problems = []Problem{}
	}
	type plain AgentState
	return json.Marshal(plain(a))
}

// Problem is something that needs a person, or time.
type Problem struct {
	Code      string    `json:"code"`
	Message   string    `json:"message"`
	Since     Timestamp `json:"since"`
	RequestID string    `json:"requestId,omitempty"`
}
