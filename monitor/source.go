package monitor

import (
	"context"
	"net/http"
	"time"

	"tillpost/outbox"
)

// Source is what the JSON API, the events and the pages show, and what they can change. The values are marshalled as they
// are; those about requests have the shape of the status message. Its methods are called by many at once.
type Source interface {
	// Agent returns the agent's state, a JSON object without mayWrite, which depends on the client.
	Agent() any
	// Terminals returns the terminals.
	Terminals() []Terminal
	// Displays returns what each terminal's display shows.
	Displays() []Display
	// Requests returns a page of the requests that match a query, the newest acceptance first.
	Requests(q Query) (Page, error)
	// Request returns a request with its history; ok is false for an id that was never seen.
	Request(id string) (v any, ok bool, err error)
	// Open returns requests that are not final, at most that many, the oldest first.
	Open(most int) ([]any, error)
	// Resolve carries out a person's decision. It returns the resolution's own status; settled is false while it still
	// waits. An error is a *Refusal or a fault of the agent.
	Resolve(ctx context.Context, id string, body []byte) (v any, settled bool, err error)
	// Pause stops a terminal's queue, Resume starts it again; body names who wants it, as {"by"}. They return the terminal,
	// as it is listed. An error is a *Refusal or a fault of the agent.
	Pause(ctx context.Context, terminal string, body []byte) (any, error)
	Resume(ctx context.Context, terminal string, body []byte) (any, error)
	// Move puts a request that was never sent at the end of another terminal's queue; body names that terminal and who wants
	// it, as {"to", "by"}. It returns the request's status. An error is a *Refusal or a fault of the agent.
	Move(ctx context.Context, id string, body []byte) (any, error)
	// Report returns a day's sums; day is a date as 2006-01-02. An error is a *Refusal or a fault of the agent.
	Report(ctx context.Context, day string) (any, error)
	// Charts returns what the page draws of the last 24 hours.
	Charts() (any, error)
	// Location returns the zone in which the pages show times.
	Location() *time.Location
}

// Terminal is an entry of the list of terminals.
type Terminal struct {
	UUID string
	View any // as it is published
}

// Display is what one terminal's display shows.
type Display struct {
	Terminal string
	View     any // as it is published
}

// Query narrows a list of requests. Zero fields do not.
type Query struct {
	Terminal string
	State    outbox.State
	Kind     outbox.Kind
	// Day is a date, in the store's zone.
	Day string
	// Q is a whole requestId or order uuid.
	Q string
	// Limit is at least 1.
	Limit int
	// Before leaves out this acceptance and all later ones; 0 leaves out none.
	Before uint64
}

// Page is a part of a list.
type Page struct {
	Requests []any
	// Next is the Before of the next page, 0 after the last one.
	Next uint64
}

// Refusal is why a request of the JSON API was not carried out. With a title it is the body of the answer,
// application/problem+json (RFC 9457).
type Refusal struct {
	// Status is the HTTP status to answer with.
	Status int `json:"status"`
	// Code and Detail say it in one word and in a sentence.
	Code   string `json:"code"`
	Detail string `json:"detail"`
	// Reason has the shape of a status message's reason; nil where there is none.
	Reason any `json:"reason,omitempty"`
}

func (r *Refusal) Error() string { return "refused: " + http.StatusText(r.Status) + ": " + r.Code }
