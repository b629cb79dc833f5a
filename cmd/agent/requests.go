package main

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"tillpost/mqtt/message"
	"tillpost/outbox"
)

// listOnce is how many requests are asked for in one call.
const listOnce = 500

// wanted narrows a list of requests.
type wanted struct {
	terminal, state, kind, day string
	limit                      int
	json                       bool
}

func newRequests() *cobra.Command {
	var wants wanted
	c := &cobra.Command{
		Use:   "requests",
		Short: "List requests, the newest first",
		Long: `Lists the requests that the daemon keeps, the newest acceptance first. On a terminal
it is a table as wide as that; in a pipe the columns are separated by tabs.`,
		Example: `  tillpost requests --state in_doubt
  tillpost requests --terminal TRML1000000001 --day 2026-11-20 --json`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return listRequests(c, wants) },
	}
	c.Flags().StringVar(&wants.terminal, "terminal", "", "only those of this terminal, by its `UUID`")
	c.Flags().StringVar(&wants.state, "state", "", "only those in this `STATE`, as queued or in_doubt")
	c.Flags().StringVar(&wants.kind, "kind", "", "only those of this `KIND`, as order or refund")
	c.Flags().StringVar(&wants.day, "day", "", "only those accepted on this `DAY` of the store, as 2026-11-20")
	c.Flags().IntVar(&wants.limit, "limit", 100, "at most that many; 0 is all")
	c.Flags().BoolVar(&wants.json, "json", false, "print one JSON array")
	return daemonFlags(c)
}

// query returns the parameters of the daemon's list.
func (q wanted) query() (url.Values, error) {
	values := url.Values{}
	if _, ok := outbox.ParseState(q.state); q.state != "" && !ok {
		return nil, usagef("--state %q is no request's state; there are queued, sending, in_doubt, paid and so on", q.state)
	}
	if _, ok := outbox.ParseKind(q.kind); q.kind != "" && !ok {
		return nil, usagef("--kind %q is no kind of request; there are order, refund, approval, cancel, resend, check and resolution", q.kind)
	}
	if q.day != "" {
		if err := checkDay(q.day); err != nil {
			return nil, err
		}
	}
	if q.limit < 0 {
		return nil, usagef("--limit %d is less than nothing; 0 is all", q.limit)
	}
	for name, value := range map[string]string{"terminal": q.terminal, "state": q.state, "kind": q.kind, "day": q.day} {
		if value != "" {
			values.Set(name, value)
		}
	}
	return values, nil
}

func checkDay(day string) error {
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		return usagef("--day %q is no day; write it as 2026-11-20", day)
	}
	return nil
}

func listRequests(c *cobra.Command, wants wanted) error {
	query, err := wants.query()
	if err != nil {
		return err
	}
	d, err := findDaemon(c)
	if err != nil {
		return err
	}
	list, err := allRequests(c.Context(), d, query, wants.limit)
	if err != nil {
		return err
	}
	if wants.json {
		raw, err := json.Marshal(list)
		if err != nil {
			return err
		}
		return printJSON(c, raw)
	}
	p, local := newPaper(c.OutOrStdout()), d.cfg.Store.Location
	t := table{columns: []column{
		{head: "ACCEPTED AS", least: 12}, {head: "KIND", givesWay: 3}, {head: "STATE", paint: stateColour}, {head: "AMOUNT", right: true, givesWay: 1},
		{head: "TERMINAL", givesWay: 4}, {head: "SINCE", givesWay: 2}, {head: "WHY", givesWay: 5, least: 24}, {head: "ORDER", givesWay: 6},
	}}
	for _, raw := range list {
		var s message.Status
		if err := readAnswer(raw, &s); err != nil {
			return err
		}
		t.add(s.RequestID, string(s.Kind), s.State, amountText(s.Amount), s.TerminalUUID, p.when(s.At.In(local)), why(s, local), s.OrderUUID)
	}
	p.table(t)
	return p.err
}

// allRequests follows the cursor until there is no more, or enough.
func allRequests(ctx context.Context, d *daemonClient, query url.Values, limit int) ([]json.RawMessage, error) {
	list := []json.RawMessage{}
	for {
		once := listOnce
		if limit > 0 {
			once = min(once, limit-len(list))
		}
		query.Set("limit", strconv.Itoa(once))
		page, err := askFor[struct {
			Requests   []json.RawMessage
			NextCursor string
		}](ctx, d, "/api/v1/requests", query)
		if err != nil {
			return nil, err
		}
		list = append(list, page.Requests...)
		if page.NextCursor == "" || limit > 0 && len(list) >= limit {
			return list, nil
		}
		query.Set("cursor", page.NextCursor)
	}
}

func amountText(a *message.Amount) string {
	if a == nil {
		return ""
	}
	return a.Value + " " + a.Currency
}

// why returns what a request waits for, or why it ended.
func why(s message.Status, local *time.Location) string {
	switch {
	case s.Waiting != nil:
		return waitWords(*s.Waiting, local)
	case s.Reason != nil:
		return reasonWords(*s.Reason)
	case s.Late:
		return "late: found after the request had ended"
	}
	return ""
}
