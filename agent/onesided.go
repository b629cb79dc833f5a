package agent

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"tillpost/agent/blob"
	"tillpost/api"
	"tillpost/mqtt/message"
)

const (
	// gainedBlob is the name under which orders are kept that only the API has, with the day on which its list gained them.
	gainedBlob = "gained"
	// gainedMost bounds them: an organisation whose other shops use the same list has many, and none of them is
	// ours to report.
	gainedMost = 5000
	// compareWithin bounds how long a report waits for the API's list.
	compareWithin = 10 * time.Second
)

// gainedOrder is an order that the API's list gained and no request held.
type gainedOrder struct {
	UUID string `json:"uuid"`
	Day  string `json:"day"`
}

// noteGained keeps orders that a list gained, and reports whether it could; it logs where it can't.
func (a *Agent) noteGained(ctx context.Context, orderUUIDs []string) (kept bool) {
	if len(orderUUIDs) == 0 {
		return true
	}
	a.reports.gained.Lock()
	defer a.reports.gained.Unlock()
	err := a.keepGained(ctx, orderUUIDs)
	if err != nil && ctx.Err() == nil {
		a.log.Warn("what only the API's list has could not be kept for the day's report", "err", err)
	}
	return err == nil
}

func (a *Agent) keepGained(ctx context.Context, orderUUIDs []string) error {
	list, err := a.gainedOrders()
	if err != nil {
		return err
	}
	now := a.clock.Now().Time().In(a.cfg.Store.Location)
	oldest := now.Add(-a.cfg.Outbox.Retention).Format(time.DateOnly)
	known := map[string]bool{}
	kept := list[:0]
	for _, s := range list {
		if s.Day >= oldest {
			known[s.UUID] = true
			kept = append(kept, s)
		}
	}
	before := len(kept)
	for _, uuid := range orderUUIDs {
		if !known[uuid] {
			kept = append(kept, gainedOrder{UUID: uuid, Day: now.Format(time.DateOnly)})
		}
	}
	if len(kept) == before {
		return nil
	}
	return blob.Write(ctx, a.store, gainedBlob, kept[max(0, len(kept)-gainedMost):])
}

func (a *Agent) gainedOrders() ([]gainedOrder, error) {
	list, err := blob.Read[[]gainedOrder](a.store, gainedBlob)
	if err != nil {
		return nil, fmt.Errorf("the kept orders of the API's list can't be read: %w", err)
	}
	return list, nil
}

// compare compares a day's sums with the API's list, where that can be read and shows orders of ours. Where it can't, the report
// says so.
func (a *Agent) compare(ctx context.Context, c *tally) {
	ctx, cancel := context.WithTimeout(ctx, compareWithin)
	defer cancel()
	statuses := map[string]string{} // of orders that are new or of the day
	missing := map[string]bool{}
	for _, r := range c.paid {
		missing[r.OrderUUID] = true
	}
	kept, err := a.gainedOrders()
	if err != nil {
		a.log.Warn("a day's report does not tell what only the API has", "err", err)
		return
	}
	days := map[string]string{}
	for _, s := range kept {
		days[s.UUID] = s.Day
	}
	var gained []string
	reply := a.api.OrderStatuses(ctx, "", func(o api.OrderStatus) error {
		delete(missing, o.UUID)
		switch day, known := days[o.UUID]; {
		case day == c.day.name:
			statuses[o.UUID] = o.Status
		case !known && c.report.Preliminary && a.reconciler.GainedSince(o.UUID) && !a.owns(o.UUID):
			statuses[o.UUID] = o.Status
			gained = append(gained, o.UUID)
		}
		return nil
	})
	if reply.Outcome != api.OutcomeAccepted || len(c.paid) > 0 && len(missing) == len(c.paid) {
		return // not ours to read, or not a list of orders like ours
	}
	c.report.Compared = true
	a.noteGained(ctx, gained)
	for uuid, status := range statuses {
		if !a.owns(uuid) {
			c.report.OnlyAtAPI = append(c.report.OnlyAtAPI, oneSided{OrderUUID: uuid, Status: status})
		}
	}
	slices.SortFunc(c.report.OnlyAtAPI, func(a, b oneSided) int { return cmp.Compare(a.OrderUUID, b.OrderUUID) })
	for _, r := range c.paid {
		if missing[r.OrderUUID] {
			c.report.OnlyHere = append(c.report.OnlyHere, oneSided{
				OrderUUID: r.OrderUUID, RequestID: r.ID, TerminalUUID: r.Terminal, Amount: message.NewAmount(r.AmountMinor, r.Currency),
			})
		}
	}
}

// owns reports whether a request of ours holds an order.
func (a *Agent) owns(orderUUID string) bool {
	_, err := a.store.ByOrder(orderUUID)
	return err == nil
}
