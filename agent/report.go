package agent

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"tillpost/monitor"
	"tillpost/mqtt/message"
	"tillpost/outbox"
)

// reportNote is what every report says of itself.
const reportNote = "This is not a cash register's report (Z report). It counts what tillpost took in on this day, by how it stands now."

// sum is how many requests ended in one way, and what they add up to, exactly.
type sum struct {
	Count int `json:"count"`
	Sum   ore `json:"sum"`
}

func (s *sum) add(amount int64) {
	s.Count++
	s.Sum += ore(amount)
}

// ore is an amount that is written in kroner.
type ore int64

// MarshalText implements encoding.TextMarshaler.
func (o ore) MarshalText() ([]byte, error) { return []byte(message.NewAmount(int64(o), "").Value), nil }

// outcomes are a day's sums. Late ones are counted under paid or refunded too.
type outcomes struct {
	Paid       sum `json:"paid"`
	Refunded   sum `json:"refunded"`
	Declined   sum `json:"declined"`
	Cancelled  sum `json:"cancelled"`
	Rejected   sum `json:"rejected"`
	Expired    sum `json:"expired"`
	InDoubt    sum `json:"inDoubt"`
	Unresolved sum `json:"unresolved"`
	Late       sum `json:"late"`
}

// byState returns the sums of the states that are outcomes.
func (o *outcomes) byState() map[outbox.State]*sum {
	return map[outbox.State]*sum{
		outbox.StatePaid:       &o.Paid,
		outbox.StateRefunded:   &o.Refunded,
		outbox.StateDeclined:   &o.Declined,
		outbox.StateCancelled:  &o.Cancelled,
		outbox.StateRejected:   &o.Rejected,
		outbox.StateExpired:    &o.Expired,
		outbox.StateInDoubt:    &o.InDoubt,
		outbox.StateUnresolved: &o.Unresolved,
	}
}

func (o *outcomes) add(r outbox.Request) {
	if s := o.byState()[r.State]; s != nil {
		s.add(r.AmountMinor)
	}
	if r.Late {
		o.Late.add(r.AmountMinor)
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
	if r.Kind != outbox.KindOrder && r.Kind != outbox.KindRefund || !c.day.has(r) {
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
		c.report.Terminals = append(c.report.Terminals, *t)
	}
	slices.SortFunc(c.report.Terminals, func(a, b terminalSums) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.TerminalUUID, b.TerminalUUID))
	})
	return c.report
}

// shopDay is a date of the store's zone: 23 or 25 hours long where the clocks change.
type shopDay struct {
	name     string
	from, to time.Time // to is the next day's from
}

// has reports whether a request was accepted on the day.
func (d shopDay) has(r outbox.Request) bool {
	at := r.Accepted.Time()
	return !at.Before(d.from) && at.Before(d.to)
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
