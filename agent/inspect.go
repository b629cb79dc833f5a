package agent

import (
	"encoding/json"
	"errors"

	"tillpost/agent/publish"
	"tillpost/mqtt/message"
	"tillpost/outbox"
)

// requestView is a request as the JSON API shows it: the status message, and how it came about.
type requestView struct {
	message.Status
	// Accepted is not known any more of a pruned request.
	Accepted message.Timestamp `json:"accepted,omitzero"`
	History  []historyEntry    `json:"history"`
	// Evidence is there for what is, or was, in doubt.
	Evidence []evidence `json:"evidence,omitempty"`
}

type historyEntry struct {
	Revision uint64            `json:"revision"`
	At       message.Timestamp `json:"at"`
	State    string            `json:"state"`
	Event    string            `json:"event"`
	Code     string            `json:"code,omitempty"`
	By       string            `json:"by,omitempty"`
	// To is the terminal that a request was moved to.
	To string `json:"to,omitempty"`
}

func (a *Agent) view(r outbox.Request) requestView {
	v := requestView{Status: a.publish.Current(r), History: history(r), Evidence: evidenceOf(r)}
	if r.Accepted != (outbox.Instant{}) {
		v.Accepted = message.At(r.Accepted.Time())
	}
	return v
}

func history(r outbox.Request) []historyEntry {
	list := []historyEntry{}
	for _, e := range r.History {
		list = append(list, historyEntry{
			Revision: e.Revision, At: message.At(e.At.Time()), State: e.State.String(), Event: e.Event, Code: e.Code, By: e.By, To: e.To,
		})
	}
	return list
}

// Request implements monitor.Source.
func (a *Agent) Request(id string) (any, bool, error) {
	r, err := a.store.Lookup(id)
	switch {
	case err == nil, errors.Is(err, outbox.ErrPruned):
		return a.view(r), true, nil
	case errors.Is(err, outbox.ErrNotFound):
		return nil, false, nil
	}
	return nil, false, err
}

// evidence is one look that was made for a request whose fate was not known.
type evidence struct {
	At     message.Timestamp `json:"at"`
	Looked string            `json:"looked"` // at what
	Seen   string            `json:"seen"`
}

// doubtChecks says what the events of a doubt looked at, and what was seen there.
var doubtChecks = map[string]evidence{
	outbox.Ambiguous.String():     {Looked: "the reply to the call", Seen: "no reply that says whether it was carried out"},
	outbox.Found.String():         {Looked: "the orders at Front Payment", Seen: "an order that bears our mark"},
	outbox.NotFound.String():      {Looked: "the orders at Front Payment", Seen: "no order that bears our mark"},
	outbox.StatusSeen.String():    {Looked: "the order's status at Front Payment", Seen: "a status"},
	outbox.StatementSeen.String(): {Looked: "the order's books at Front Payment", Seen: "what was paid and paid back"},
	outbox.CallbackSeen.String():  {Looked: "a call from Front Payment", Seen: "it named an order"},
	outbox.HintRead.String():      {Looked: "the order that Front Payment's call named", Seen: "what its details show"},
	outbox.DoubtTimeout.String():  {Looked: "all of it, for as long as the policy says", Seen: "nothing that decides"},
	outbox.Restarted.String():     {Looked: "the outbox, at a start", Seen: "a call that was under way when tillpost ended"},
}

// evidenceOf returns what was looked at while a request was in doubt, nil where it never was.
func evidenceOf(r outbox.Request) []evidence {
	var list []evidence
	was := false
	for _, e := range r.History {
		is := e.State == outbox.StateInDoubt || e.State == outbox.StateUnresolved
		if look, ok := doubtChecks[e.Event]; ok && (is || was) { // what ended the doubt is evidence too
			look.At = message.At(e.At.Time())
			list = append(list, look)
		}
		was = is
	}
	return list
}

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
