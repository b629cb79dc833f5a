package agent

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"tillpost/monitor"
	"tillpost/mqtt/message"
	"tillpost/outbox"
)

// reportNote is what every report says of itself.
const reportNote = "This is not a cash register's report (Z report). It counts what tillpost took in on this day, by how it stands now."

// Sum is how many requests ended in one way, and what they add up to, exactly.
type Sum struct {
	Count int    `json:"count"`
	Sum   string `json:"sum"`
	ore   int64
}

func (s *Sum) add(ore int64) {
	s.Count++
	s.ore += ore
}

// outcomes are a day's sums. Late ones are counted under paid or refunded too.
type outcomes struct {
	Paid       Sum `json:"paid"`
	Refunded   Sum `json:"refunded"`
	Declined   Sum `json:"declined"`
	Cancelled  Sum `json:"cancelled"`
	Rejected   Sum `json:"rejected"`
	Expired    Sum `json:"expired"`
	InDoubt    Sum `json:"inDoubt"`
	Unresolved Sum `json:"unresolved"`
	Late       Sum `json:"late"`
}

// of returns the sum that a state belongs to, nil for one that is no outcome.
func (o *outcomes) of(s outbox.State) *Sum {
	switch s {
	case outbox.StatePaid:
		return &o.Paid
	case outbox.StateRefunded:
		return &o.Refunded
	case outbox.StateDeclined:
		return &o.Declined
	case outbox.StateCancelled:
		return &o.Cancelled
	case outbox.StateRejected:
		return &o.Rejected
	case outbox.StateExpired:
		return &o.Expired
	case outbox.StateInDoubt:
		return &o.InDoubt
	case outbox.StateUnresolved:
		return &o.Unresolved
	}
	return nil
}

func (o *outcomes) add(r outbox.Request) {
	if sum := o.of(r.State); sum != nil {
		sum.add(r.AmountMinor)
	}
	if r.Late {
		o.Late.add(r.AmountMinor)
	}
}

// write makes the sums' texts.
func (o *outcomes) write() {
	for _, s := range []*Sum{&o.Paid, &o.Refunded, &o.Declined, &o.Cancelled, &o.Rejected, &o.Expired, &o.InDoubt, &o.Unresolved, &o.Late} {
		s.Sum = message.NewAmount(s.ore, "").Value
	}
}

type terminalSums struct {
	TerminalUUID string `json:"terminalUuid"`
	Name         string `json:"name"`
	outcomes
}

// changedRequest came to its present outcome after its day.
type changedRequest struct {
	RequestID    string            `json:"requestId"`
	TerminalUUID string            `json:"terminalUuid"`
	State        string            `json:"state"`
	At           message.Timestamp `json:"at"`
	Amount       *message.Amount   `json:"amount,omitempty"`
}

// oneSided is an order that only the API or only the outbox has.
type oneSided struct {
	OrderUUID    string          `json:"orderUuid"`
	Status       string          `json:"status,omitempty"` // at the API
	RequestID    string          `json:"requestId,omitempty"`
	TerminalUUID string          `json:"terminalUuid,omitempty"`
	Amount       *message.Amount `json:"amount,omitempty"`
}

// report is a day's sums: of the orders and refunds that were accepted on it, as they stand now.
type report struct {
	Day         string         `json:"day"`
	Preliminary bool           `json:"preliminary"`
	Currency    string         `json:"currency"`
	Terminals   []terminalSums `json:"terminals"`
	Total       outcomes       `json:"total"`
	OnlyAtAPI   []oneSided     `json:"onlyAtAPI"`
	OnlyHere    []oneSided     `json:"onlyHere"`
	// Compared: the API's list could be read, and was compared with the outbox.
	Compared     bool             `json:"compared"`
	ChangedSince []changedRequest `json:"changedSince"`
	Note         string           `json:"note"`
}

// reports are what is kept for reports and charts.
type reports struct {
	gained sync.Mutex // held while what the API's list gained is read and kept
	charts keptCharts
}

// Report implements monitor.Source.
func (a *Agent) Report(ctx context.Context, name string) (any, error) {
	d, err := dayOf(name, a.cfg.Store.Location)
	if err != nil {
		return nil, err
	}
	now := a.clock.Now().Time()
	refuse := func(code, detail string) (any, error) {
		return nil, &monitor.Refusal{Status: http.StatusBadRequest, Code: code, Detail: detail}
	}
	switch {
	case d.from.After(now):
		return refuse("futureDay", "the day "+name+" has not begun")
	case d.from.Before(now.Add(-a.cfg.Outbox.Retention)):
		return refuse("dayPruned", "the day "+name+" is older than what is kept (outbox.retention)")
	}
	c := tally{day: d, byTerminal: map[string]*terminalSums{}}
	c.report = report{
		Day: name, Preliminary: now.Before(d.to), Currency: a.cfg.Store.Currency, Note: reportNote,
		Terminals: []terminalSums{}, OnlyAtAPI: []oneSided{}, OnlyHere: []oneSided{}, ChangedSince: []changedRequest{},
	}
	for _, t := range a.terminalInfos() {
		c.terminal(t.UUID, t.Name)
	}
	err = a.store.Before(0, func(r outbox.Request) bool {
		c.take(r, a.directory.Name(r.Terminal))
		return ctx.Err() == nil && !surelyBefore(r, d.from)
	})
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	a.compare(ctx, &c)
	return c.end(), nil
}

// tally adds a day up.
type tally struct {
	day        shopDay
	report     report
	byTerminal map[string]*terminalSums
	paid       []outbox.Request // orders of the day that are paid
}

func (c *tally) terminal(uuid, name string) *terminalSums {
	t := c.byTerminal[uuid]
	if t == nil {
		t = &terminalSums{TerminalUUID: uuid, Name: name}
		c.byTerminal[uuid] = t
	}
	return t
}

// take counts a request of the day. What is neither an order nor a refund moves no money.
func (c *tally) take(r outbox.Request, name string) {
	at := r.Accepted.Time()
	if r.Kind != outbox.KindOrder && r.Kind != outbox.KindRefund || at.Before(c.day.from) || !at.Before(c.day.to) {
		return
	}
	c.terminal(r.Terminal, name).add(r)
	c.report.Total.add(r)
	if r.Kind == outbox.KindOrder && r.State == outbox.StatePaid && r.OrderUUID != "" {
		c.paid = append(c.paid, r)
	}
	if changed := r.LastChange().Time(); r.State.Final() && !c.report.Preliminary && !changed.Before(c.day.to) {
		entry := changedRequest{RequestID: r.ID, TerminalUUID: r.Terminal, State: r.State.String(), At: message.At(changed)}
		if r.AmountMinor > 0 {
			entry.Amount = message.NewAmount(r.AmountMinor, r.Currency)
		}
		c.report.ChangedSince = append(c.report.ChangedSince, entry)
	}
}

// end makes the report of what was counted.
func (c *tally) end() report {
	for _, t := range c.byTerminal {
		t.write()
		c.report.Terminals = append(c.report.Terminals, *t)
	}
	slices.SortFunc(c.report.Terminals, func(a, b terminalSums) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.TerminalUUID, b.TerminalUUID))
	})
	c.report.Total.write()
	return c.report
}

// shopDay is a date of the store's zone: 23 or 25 hours long where the clocks change.
type shopDay struct {
	name     string
	from, to time.Time // to is the next day's from
}

// dayOf reads a date as 2006-01-02.
func dayOf(name string, zone *time.Location) (shopDay, error) {
	at, err := time.Parse(time.DateOnly, name)
	if err != nil {
		return shopDay{}, fmt.Errorf("the day %q: %w", name, err)
	}
	return shopDay{name: name, from: startOfDay(at, zone), to: startOfDay(at.AddDate(0, 0, 1), zone)}, nil
}

// startOfDay is the first moment that a date, of which the time of day is left out, has in a zone. Not all have midnight.
func startOfDay(date time.Time, zone *time.Location) time.Time {
	y, m, d := date.Date()
	t := time.Date(y, m, d, 0, 0, 0, 0, zone)
	for t.Day() != d {
		t = t.Add(15 * time.Minute)
	}
	return t
}
