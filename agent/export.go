package agent

import (
	"encoding/json"

	"tillpost/agent/publish"
	"tillpost/mqtt/message"
	"tillpost/outbox"
)

// Exported is a request as an export shows it: the status message and how it came about. Its JSON holds no personal data
// unless it was made with bodies.
type Exported struct {
	message.Status
	Accepted    message.Timestamp `json:"accepted"`
	Submissions []exportedSubmit  `json:"submissions,omitempty"`
	History     []historyEntry    `json:"history"`
	// Body is what the till asked to forward; it is kept only while the request is open or unresolved.
	Body json.RawMessage `json:"body,omitempty"`
}

type exportedSubmit struct {
	Mark string            `json:"mark"`
	At   message.Timestamp `json:"at"`
}

// Export makes an export's line of a request. bodies adds what is personal: the body, with the customer's name, phone,
// mail and address, and the names of the staff who settled it.
func Export(r outbox.Request, bodies bool) Exported {
	e := Exported{Status: publish.StatusOf(r, publish.Position{}, nil), Accepted: message.At(r.Accepted.Time()), History: history(r)}
	for _, s := range r.Submissions {
		e.Submissions = append(e.Submissions, exportedSubmit{Mark: s.Mark, At: message.At(s.At.Time())})
	}
	if bodies {
		if json.Valid(r.Body) {
			e.Body = r.Body
		}
		return e
	}
	for i := range e.History {
		e.History[i].By = ""
	}
	return e
}
