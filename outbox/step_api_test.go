package outbox

import (
	"fmt"
	"slices"
	"time"
)

// apiOrder is an order as it really is at the simulated API.
type apiOrder struct {
	uuid, mark string
	status     OrderStatus
}

func (w *world) oneOf(events ...Event) Event { return events[w.pick.choose("answer", len(events))] }

// failure is an answer that settles nothing; the breaker's and the limiter's waits come with it.
func (w *world) failure() Event {
	return w.oneOf(Event{Type: Unavailable, RetryAfter: 2 * time.Second}, Event{Type: RateLimited, RetryAfter: 10 * time.Second},
		Event{Type: Unauthorized, RetryAfter: 10 * time.Second}, evAmbiguous)
}

func (w *world) create(mark string) *apiOrder {
	o := &apiOrder{uuid: fmt.Sprintf("order%d", len(w.orders)+1), mark: mark}
	w.orders = append(w.orders, o)
	return o
}

func (w *world) submit(mark string) Event {
	w.submitted++
	if w.doubtful && w.submitted < 3 {
		o := w.create(mark)
		if w.submitted == 1 {
			return evAmbiguous
		}
		return Event{Type: Accepted, OrderUUID: o.uuid}
	}
	switch w.pick.choose("submit", 10) {
	case 0, 1, 2:
		return Event{Type: Accepted, OrderUUID: w.create(mark).uuid}
	case 3, 4:
		if w.hides && w.chance("hidden", 2) {
			w.create(mark)
		}
		return evBusy
	case 5:
		w.create(mark)
		return w.oneOf(evAmbiguous, Event{Type: Accepted})
	case 6:
		return evAmbiguous
	case 7:
		return Event{Type: Refused, Reason: apiRefused}
	default:
		e := w.failure()
		if e.Type == Ambiguous && w.chance("created", 2) {
			w.create(mark)
		}
		return e
	}
}

func (w *world) order(uuid string) *apiOrder {
	if i := slices.IndexFunc(w.orders, func(o *apiOrder) bool { return o.uuid == uuid }); i >= 0 {
		return w.orders[i]
	}
	return nil
}

func (w *world) query(uuid string) Event {
	o := w.order(uuid)
	switch {
	case o == nil:
		return w.oneOf(Event{Type: NotFound, OrderUUID: uuid}, Event{Type: Refused, Reason: apiRefused, OrderUUID: uuid})
	case w.useless && w.chance("lost", 5):
		return w.oneOf(Event{Type: NotFound, OrderUUID: uuid}, Event{Type: Refused, Reason: apiRefused, OrderUUID: uuid})
	case w.chance("query fails", 3):
		e := w.failure()
		e.OrderUUID = uuid
		return e
	}
	return Event{Type: StatusSeen, OrderUUID: uuid, Status: o.status}
}

func (w *world) searchFor() (Event, SearchResult) {
	if !w.searchable {
		return Event{Type: Refused, Reason: apiRefused}, SearchForbidden
	}
	if w.chance("search fails", 4) {
		return w.failure(), SearchNone
	}
	for _, o := range w.orders {
		if w.r.Bears(o.mark) && o.uuid != w.r.OrderUUID && !slices.Contains(w.r.Further, o.uuid) {
			return Event{Type: Found, OrderUUID: o.uuid, Status: o.status}, SearchNone
		}
	}
	return Event{Type: NotFound}, SearchClear
}

func (w *world) cancel(uuid string) Event {
	o := w.order(uuid)
	switch {
	case o == nil:
		return Event{Type: Refused, Reason: apiRefused, OrderUUID: uuid}
	case o.status == StatusPaid:
		return Event{Type: Refused, Reason: alreadyPd, OrderUUID: uuid}
	case w.chance("cancel fails", 3):
		e := w.failure()
		e.OrderUUID = uuid
		return e
	case w.useless:
	default:
		o.status = StatusCancelled
	}
	return Event{Type: Done, OrderUUID: uuid}
}
