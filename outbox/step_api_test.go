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
	// listed is when the list shows it, known when its details do, referenced when these have its references.
	listed, known, referenced time.Duration
	// odd: another till's order that bears the references of ours, but another amount.
	odd bool
}

func (w *world) oneOf(events ...Event) Event { return events[w.pick.choose("answer", len(events))] }

// failure is an answer that settles nothing; the breaker's and the limiter's waits come with it.
func (w *world) failure() Event {
	return w.oneOf(Event{Type: Unavailable, RetryAfter: 2 * time.Second}, Event{Type: RateLimited, RetryAfter: 10 * time.Second},
		Event{Type: Unauthorized, RetryAfter: 10 * time.Second}, evAmbiguous)
}

func (w *world) create(mark string) *apiOrder {
	o := w.newOrder(fmt.Sprintf("order%d", len(w.orders)+1))
	o.mark = mark
	w.orders = append(w.orders, o)
	return o
}

// newOrder is one that the API has just made, and shows only by and by.
func (w *world) newOrder(uuid string) *apiOrder {
	lag := func(what string, most time.Duration) time.Duration {
		return w.uptime + most*time.Duration(w.pick.choose(what, 3))/2
	}
	return &apiOrder{uuid: uuid, listed: lag("listed", w.lag), known: lag("known", min(w.lag, w.policy.DoubtHold/4)), referenced: lag("referenced", w.lag)}
}

// stranger is another till's order.
func (w *world) stranger() *apiOrder {
	if n := len(w.strangers); n > 0 && !w.chance("a new one", 3) {
		return w.strangers[w.pick.choose("stranger", n)]
	}
	o := w.newOrder(fmt.Sprintf("stranger%d", len(w.strangers)+1))
	o.odd = w.chance("our references", 3)
	w.strangers = append(w.strangers, o)
	return o
}

// judge looks at an order that a callback named.
func (w *world) judge(uuid string) Event {
	e := Event{Type: HintRead, OrderUUID: uuid}
	o := w.order(uuid)
	switch {
	case w.chance("judging fails", 4):
		return e
	case !w.searchable:
		e.Order.Details = DetailsNotOurs
		if o == nil || w.chance("status fails", 4) {
			return e
		}
		e.Order.Known = true
	case o == nil, w.uptime < o.known:
		e.Order.Details = DetailsMissing
		return e
	default:
		e.Order = OrderSeen{Details: DetailsRead, References: w.references(o), AmountKnown: !w.chance("amount not told", 4)}
		e.Order.AmountFits = e.Order.AmountKnown && !o.odd
	}
	e.Status = o.status
	return e
}

func (w *world) references(o *apiOrder) ReferencesSeen {
	switch {
	case w.uptime < o.referenced:
		return ReferencesNull
	case o.mark != "" && w.shown:
		return ReferencesMarked
	case o.mark != "" || o.odd && !w.shown:
		return ReferencesOwn
	}
	return ReferencesOther
}

// submit creates an order, or does not; hint is an order that a callback names before the answer comes.
func (w *world) submit(mark string) (answer Event, hint string) {
	w.submitted++
	if w.callbacks && !w.hides && w.chance("busy, and called back", 5) {
		return Event{Type: Busy}, w.create(mark).uuid
	}
	return w.created(mark), ""
}

func (w *world) created(mark string) Event {
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
		return Event{Type: Busy}
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
	all := slices.Concat(w.orders, w.strangers)
	if i := slices.IndexFunc(all, func(o *apiOrder) bool { return o.uuid == uuid }); i >= 0 {
		return all[i]
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

// searchFor looks for our marks. While the references of an order in the list are not there, it is no full answer.
func (w *world) searchFor() Event {
	if w.chance("search fails", 4) {
		return w.failure()
	}
	if !w.findable() {
		return Event{Type: NotFound, Search: SearchForbidden}
	}
	for _, o := range w.orders {
		switch {
		case !w.r.Bears(o.mark), o.uuid == w.r.OrderUUID, slices.Contains(w.r.Further, o.uuid), w.uptime < o.listed:
		case w.uptime < o.referenced:
			return evAmbiguous
		default:
			return Event{Type: Found, OrderUUID: o.uuid, Status: o.status}
		}
	}
	return Event{Type: NotFound, Search: SearchClear}
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
