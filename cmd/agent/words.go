package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tillpost/internal/term"
	"tillpost/mqtt/message"
)

// maxReasonErrors bounds, in bytes, what is shown of the errors that the API sent.
const maxReasonErrors = 300

// stateWords explain the states whose names don't.
var stateWords = map[string]string{
	"in_doubt":          "it may have reached the API; the agent looks for it",
	"awaiting_customer": "the terminal shows it",
	"awaiting_refund":   "the refund is on its way",
	"awaiting_approval": "somebody has to approve the refund",
	"cancelling":        "it is being taken off the terminal",
	"expired":           "it was never sent",
	"unresolved":        "nobody knows whether it was carried out; somebody has to settle it",
}

// waitingWords say what a request waits for, by the code of its status.
var waitingWords = map[string]string{
	"behind":           "others are before it",
	"terminalIsBusy":   "the terminal is busy",
	"apiUnreachable":   "the API does not answer",
	"apiError":         "the API has trouble",
	"rateLimited":      "the API allows no more calls just now",
	"unauthorized":     "the API does not accept the token",
	"clockUnknown":     "the agent's clock is not known to be right",
	"waitingForOrder":  "its order is not finished",
	"checking":         "it is being looked into",
	"needs_staff":      "nothing was found; staff has to decide",
	"paused":           "somebody has paused the terminal",
	"wrongAccount":     "the outbox belongs to another account",
	"outboxRolledBack": "the outbox is an old copy; an operator has to accept it",
	"anotherAgent":     "another agent runs; an operator has to decide",
}

// endedWell reports whether a final state is what the till asked for.
func endedWell(state string) bool {
	return slices.Contains([]string{"paid", "refunded", "submitted", "done"}, state)
}

// statusWords returns a request's status in words, in one line without its name. Times are in the zone of local.
func statusWords(s message.Status, local *time.Location) string {
	place, late := "", ""
	if s.QueuePosition == 1 {
		place = "next in line"
	} else if s.QueuePosition > 1 {
		place = fmt.Sprintf("number %d in line", s.QueuePosition)
	}
	if s.Late {
		late = "late: found after the request had ended"
	}
	parts := []string{place, stateWords[s.State], late, amountText(s.Amount), s.OrderUUID}
	if w := s.Waiting; w != nil {
		parts = append(parts, waitWords(*w, local))
	}
	if s.Reason != nil {
		parts = append(parts, reasonWords(*s.Reason))
	}
	return term.Printable(head(s.State, parts))
}

// head returns what parts are about, with those that are not empty behind it.
func head(what string, parts []string) string {
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
	if len(parts) == 0 {
		return what
	}
	return what + ": " + strings.Join(parts, "; ")
}

func waitWords(w message.Waiting, local *time.Location) string {
	text := cmp.Or(waitingWords[w.Code], "waits: "+w.Code)
	switch {
	case w.Attempts == 1:
		text += ", tried once"
	case w.Attempts > 1:
		text += fmt.Sprintf(", tried %d times", w.Attempts)
	}
	if !w.NextAttemptAt.IsZero() {
		text += ", again at " + w.NextAttemptAt.In(local).Format(time.TimeOnly)
	}
	return text
}

func reasonWords(r message.Reason) string {
	text := r.Code
	if r.Message != "" && r.Message != r.Code {
		text += ", " + r.Message
	}
	if r.HTTPStatus != 0 {
		text += fmt.Sprintf(" (HTTP %d)", r.HTTPStatus)
	}
	var faults []message.FieldError
	switch err := json.Unmarshal(r.Errors, &faults); {
	case len(r.Errors) == 0:
	case err == nil && len(faults) > 0 && faults[0].Message != "":
		for i, f := range faults {
			if i > 0 || !strings.HasSuffix(r.Message, strings.TrimSpace(f.Path+" "+f.Message)) { // the message may end with the first
				text += "; " + fieldWords(f)
			}
		}
	default:
		text += "; " + cut(string(r.Errors), maxReasonErrors)
	}
	return text
}

func fieldWords(f message.FieldError) string {
	if f.Path == "" {
		return "the payload " + f.Message
	}
	return f.Path + " " + f.Message
}

func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + " …"
}

// agentWords returns the agent's state in words.
func agentWords(a message.AgentState, local *time.Location) string {
	if a.State == message.AgentOffline {
		return a.State // its former problems are not those of now
	}
	var parts []string
	for _, p := range a.Problems {
		text := p.Code
		if !p.Since.IsZero() {
			text += " since " + p.Since.In(local).Format(time.TimeOnly)
		}
		text += ", " + p.Message
		if p.RequestID != "" {
			text += " (request " + p.RequestID + ")"
		}
		parts = append(parts, text)
	}
	if len(parts) == 0 && a.Version != "" {
		parts = append(parts, "version "+a.Version)
	}
	return term.Printable(head(a.State, parts))
}

// displayWords returns what a terminal's display shows.
func displayWords(d message.Display) string {
	parts := []string{amountText(d.Amount)}
	if d.RequestID != "" {
		parts = append(parts, string(d.Kind)+" "+d.RequestID)
	}
	return term.Printable(head(string(d.Phase), parts))
}

// rejectWords returns why a message was refused.
func rejectWords(r message.Reject) string {
	text := cmp.Or(r.RequestID, "a message without a usable requestId") + " on " + r.Topic
	if r.Reason != nil {
		text += ": " + reasonWords(*r.Reason)
	}
	return term.Printable(text)
}

// terminalsWords returns the terminals in words, without what changes with every request.
func terminalsWords(list []message.TerminalInfo) string {
	if len(list) == 0 {
		return "none"
	}
	var parts []string
	for _, t := range list {
		text := t.UUID
		if t.Name != "" {
			text += " " + t.Name
		}
		if !t.Active {
			text += " (not active)"
		}
		if t.Paused != nil {
			text += " (paused by " + t.Paused.By + ")"
		}
		parts = append(parts, text)
	}
	return term.Printable(strings.Join(parts, ", "))
}
