package demo

import (
	"fmt"
	"strings"

	"tillpost/mqtt"
	"tillpost/mqtt/message"
)

// waitingWords say in plain words what a request waits for, by the code of its status.
var waitingWords = map[string]string{
	"behind":          "waits: others are before it at this terminal",
	"terminalIsBusy":  "waits: the terminal is busy, it is tried again",
	"apiUnreachable":  "waits on disk: Front Payment can't be reached",
	"waitingForOrder": "waits: the sale it belongs to is not finished",
	"clockUnknown":    "waits: whether this machine's clock is right is not known yet",
	"needs_staff":     "is still in doubt: no trace of it was found. A person has to look, and decide",
}

var stateWords = map[string]string{
	"queued":            "is queued: on disk, no power cut can lose it",
	"in_doubt":          "is in doubt: nobody knows whether Front Payment got it. It is looked for, and never simply sent again",
	"awaiting_customer": "is on the terminal: the customer may pay",
	"awaiting_refund":   "is under way at the terminal",
	"awaiting_approval": "waits for an approval at Front Payment, which may take days; the terminal is free meanwhile",
	"cancelling":        "is being taken off the terminal",
	"done":              "is done",
}

// statusWords returns a request's status as a sentence; "" where a reader need not know.
func statusWords(s message.Status) (words string, how tone) {
	switch {
	case s.State == "sending":
		return "", plainly // it lasts for a moment, and is no answer yet
	case s.State == "queued" && (s.Kind == mqtt.KindCancel || s.Kind == mqtt.KindResolution):
		return "", plainly // these don't wait in line
	}
	text := stateWords[s.State]
	switch {
	case s.Final && s.State != "done":
		return finalWords(s)
	case s.Waiting != nil && waitingWords[s.Waiting.Code] != "":
		text, how = waitingWords[s.Waiting.Code], waits
	case s.State == "queued" && s.Waiting != nil:
		text, how = "waits: "+s.Waiting.Code, waits
	case text == "":
		text = "is " + s.State
	case s.State == "in_doubt":
		how = waits
	}
	return s.RequestID + " " + text, how
}

func finalWords(s message.Status) (words string, how tone) {
	how = badly
	if s.State == "paid" || s.State == "refunded" || s.State == "submitted" {
		how = well
	}
	text := s.RequestID + " is " + strings.ToUpper(s.State)
	if s.Amount != nil {
		text += ", " + s.Amount.Value + " " + s.Amount.Currency
	}
	if s.Late {
		text += " (late: another end had been told before)"
	}
	if s.Reason != nil {
		text += ": " + s.Reason.Message
	}
	return text, how
}

// displayWords returns what the customer reads at a terminal.
func displayWords(d message.Display) string {
	text := fmt.Sprintf("at %s: “%s”", d.Name, d.Text.English)
	if d.Amount != nil {
		text += " " + d.Amount.Value + " " + d.Amount.Currency
	}
	return text
}
