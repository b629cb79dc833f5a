package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"tillpost/mqtt/message"
)

// shownRequest is a request in the daemon's answer.
type shownRequest struct {
	message.Status
	Accepted message.Timestamp
	History  []struct {
		At                         message.Timestamp
		State, Event, Code, By, To string
	}
	Evidence []struct {
		At           message.Timestamp
		Looked, Seen string
	}
}

func newShow() *cobra.Command {
	var raw bool
	c := &cobra.Command{
		Use:   "show ID",
		Short: "Show a request with its history",
		Args:  oneArg("requestId; tillpost show --help tells more"),
		RunE:  func(c *cobra.Command, args []string) error { return show(c, args[0], raw) },
	}
	c.Flags().BoolVar(&raw, "json", false, "print it as JSON")
	return daemonFlags(c)
}

func show(c *cobra.Command, id string, asJSON bool) error {
	d, raw, err := get(c, "/api/v1/requests/"+url.PathEscape(id), nil)
	if _, answered := errors.AsType[*daemonError](err); answered {
		return fmt.Errorf("show %s: %w", id, err)
	} else if err != nil {
		return err
	}
	if asJSON {
		return printJSON(c, raw)
	}
	var r shownRequest
	if err := readAnswer(raw, &r); err != nil {
		return err
	}
	p := newPaper(c.OutOrStdout())
	p.facts(requestFacts(r, d.cfg.Store.Location))
	r.story(p, d.cfg.Store.Location)
	return p.err
}

// requestFacts returns a request's status as names and values.
func requestFacts(r shownRequest, local *time.Location) [][2]string {
	at := func(t message.Timestamp) string { return t.In(local).Format(time.DateTime) }
	state := r.State
	if words := stateWords[r.State]; words != "" {
		state += ": " + words
	}
	list := [][2]string{{"request", r.RequestID}, {"kind", string(r.Kind)}, {"state", state}, {"since", at(r.At)}}
	for _, f := range [][2]string{
		{"amount", amountText(r.Amount)}, {"terminal", r.TerminalUUID}, {"accepted", at(r.Accepted)}, {"order", r.OrderUUID}, {"about", r.TargetRequestID},
	} {
		if f[1] != "" {
			list = append(list, f)
		}
	}
	if r.QueuePosition > 0 {
		list = append(list, [2]string{"place", fmt.Sprintf("number %d in line", r.QueuePosition)})
	}
	if r.Waiting != nil {
		list = append(list, [2]string{"waits", waitWords(*r.Waiting, local)})
	}
	if r.Reason != nil {
		list = append(list, [2]string{"reason", reasonWords(*r.Reason)})
	}
	if r.Late {
		list = append(list, [2]string{"late", "found after the request had ended"})
	}
	return append(list, [2]string{"revision", fmt.Sprint(r.Revision)})
}

// story writes what happened, and what was looked at.
func (r shownRequest) story(p *paper, local *time.Location) {
	t := table{columns: []column{{head: "WHEN", givesWay: 1}, {head: "STATE", paint: stateColour}, {head: "WHAT HAPPENED", least: 16, folds: true}}}
	for _, e := range r.History {
		words := cmp.Or(eventWords[e.Event], e.Event)
		if e.Code != "" {
			words += ": " + e.Code
		}
		if e.To != "" {
			words += ": " + e.To
		}
		if e.By != "" {
			words += " (" + e.By + ")"
		}
		t.add(p.when(e.At.In(local)), e.State, words)
	}
	p.write("\n")
	p.table(t)
	if len(r.Evidence) == 0 {
		return
	}
	t = table{columns: []column{{head: "LOOKED AT", givesWay: 1}, {head: "WHAT", least: 16}, {head: "SEEN", least: 16, folds: true}}}
	for _, e := range r.Evidence {
		t.add(p.when(e.At.In(local)), e.Looked, e.Seen)
	}
	p.write("\n")
	p.table(t)
}

// eventWords are the words for what happened to a request, by event.
var eventWords = map[string]string{
	"Added": "the till asked for it; it is on disk", "Due": "its turn came", "Accepted": "Front Payment took it", "Done": "carried out",
	"Busy": "the terminal was busy", "Unavailable": "Front Payment was not reached; nothing was sent", "RateLimited": "Front Payment asked to wait",
	"Unauthorized": "the token was not accepted; nothing was done", "Refused": "Front Payment said no",
	"Ambiguous": "the reply was lost: it may or may not have been carried out", "StatusSeen": "Front Payment told how it stands",
	"Found": "found at Front Payment", "NotFound": "looked for at Front Payment, and not found", "CallbackSeen": "Front Payment called back",
	"CancelWanted": "somebody wants it cancelled", "ResendWanted": "shown on the terminal again", "CheckWanted": "somebody asked how it stands",
	"Resolved": "a person decided", "Moved": "a person had it wait at another terminal", "Expired": "its time ran out before it was sent", "CustomerTimeout": "the customer took too long",
	"DoubtTimeout": "looked for as long as allowed", "Restarted": "tillpost was started again", "BooksSeen": "the order's books were read",
	"HintRead": "the order that Front Payment named was read", "TargetSeen": "what it is about has ended",
}

func printJSON(c *cobra.Command, raw []byte) error {
	var b bytes.Buffer
	if err := json.Indent(&b, bytes.TrimSpace(raw), "", "  "); err != nil {
		return fmt.Errorf("the daemon's answer can't be read: %w", err)
	}
	b.WriteByte('\n')
	_, err := b.WriteTo(c.OutOrStdout())
	return err
}
