package agent

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"tillpost/api"
	"tillpost/monitor"
	"tillpost/outbox"
)

// Requests implements monitor.Source. A page's end is a sequence, which never changes: nothing is skipped or there twice,
// whatever comes and changes meanwhile.
func (a *Agent) Requests(q monitor.Query) (monitor.Page, error) {
	var page monitor.Page
	wanted, err := a.filter(q)
	if err != nil {
		return page, err
	}
	if q.Q != "" {
		return a.search(q, wanted)
	}
	var last uint64
	err = a.store.Before(q.Before, func(r outbox.Request) bool {
		if !wanted.has(r) {
			return !wanted.over(r)
		}
		if len(page.Requests) == q.Limit {
			page.Next = last
			return false
		}
		last = r.Seq
		page.Requests = append(page.Requests, a.publish.Current(r))
		return true
	})
	return page, err
}

// search finds the requests that an id or an order uuid names: the request itself, or all that are about that order.
func (a *Agent) search(q monitor.Query, wanted filter) (page monitor.Page, err error) {
	refunds, err := a.store.Refunds(q.Q)
	if err != nil {
		return page, err
	}
	var found []outbox.Request
	for _, r := range slices.Backward(refunds) {
		if r.ID != q.Q {
			found = append(found, r)
		}
	}
	for _, find := range []func(string) (outbox.Request, error){a.store.ByOrder, a.store.Lookup} {
		r, err := find(q.Q)
		switch {
		case err == nil:
			found = append(found, r)
		case !errors.Is(err, outbox.ErrNotFound) && !errors.Is(err, outbox.ErrPruned):
			return page, err
		}
	}
	for _, r := range found {
		if wanted.has(r) && (q.Before == 0 || r.Seq < q.Before) && len(page.Requests) < q.Limit {
			page.Requests = append(page.Requests, a.publish.Current(r))
		}
	}
	return page, nil
}

// filter narrows a list.
type filter struct {
	q   monitor.Query
	day shopDay // zero without one
}

// filter makes the filter of a query, and refuses a terminal that nobody knows.
func (a *Agent) filter(q monitor.Query) (f filter, err error) {
	f.q = q
	if q.Terminal != "" && !a.knowsTerminal(q.Terminal) {
		return f, &monitor.Refusal{Status: http.StatusBadRequest, Code: "unknownTerminal", Detail: "terminal is none that is known here; there are " + a.directory.Known()}
	}
	if q.Day != "" {
		f.day, err = dayOf(q.Day, a.cfg.Store.Location)
	}
	return f, err
}

// knowsTerminal reports whether a terminal is listed, or a kept request names it.
func (a *Agent) knowsTerminal(uuid string) bool {
	at := a.store.Lane(uuid)
	if at.Holder != 0 || at.Head != 0 || slices.ContainsFunc(a.directory.List(), func(t api.Terminal) bool { return t.UUID == uuid }) {
		return true
	}
	known := false
	err := a.store.Before(0, func(r outbox.Request) bool {
		known = r.Terminal == uuid
		return !known
	})
	return known || err != nil // what can't be read may be there
}

// has reports whether a request is wanted.
func (f filter) has(r outbox.Request) bool {
	if f.q.Terminal != "" && r.Terminal != f.q.Terminal || f.q.State != 0 && r.State != f.q.State || f.q.Kind != 0 && r.Kind != f.q.Kind {
		return false
	}
	return f.q.Day == "" || f.day.has(r)
}

// over reports whether what was accepted before r is of an earlier day for sure.
func (f filter) over(r outbox.Request) bool { return f.q.Day != "" && surelyBefore(r, f.day.from) }

// surelyBefore reports whether a request, and with it all that were accepted before it, is of a time before t. A clock
// that was known may still have been off by some hours.
func surelyBefore(r outbox.Request, t time.Time) bool {
	return r.Accepted.Known && r.Accepted.Time().Before(t.Add(-24*time.Hour))
}

// Open implements monitor.Source.
func (a *Agent) Open(most int) ([]any, error) {
	var list []any
	err := a.store.EachOpen(context.Background(), "", func(r outbox.Request) bool {
		list = append(list, a.publish.Current(r))
		return len(list) < most
	})
	return list, err
}

// Location implements monitor.Source.
func (a *Agent) Location() *time.Location { return a.cfg.Store.Location }
