package reconcile

import (
	"slices"
	"sync"
	"time"
)

const (
	// sampleMost is how many orders a list is held against.
	sampleMost = 500
	// sampleLasts is how long an order has to be in the list: older ones may be archived there.
	sampleLasts = 24 * time.Hour
)

// controlSample is the latest orders of ours that a list has to show: the API has answered for them itself, or its list has shown
// them before. A list in which one of them is missing is not the whole list, or not one of orders like ours.
type controlSample struct {
	mu     sync.Mutex
	orders []sampleOrder
}

type sampleOrder struct {
	uuid  string
	at    time.Time // when the API first answered for it
	shown bool      // a list has shown it
}

// add adds an order that the API had accepted at a moment, or whose status it had returned.
func (e *controlSample) add(uuid string, at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if slices.ContainsFunc(e.orders, func(o sampleOrder) bool { return o.uuid == uuid }) || time.Since(at) >= sampleLasts {
		return
	}
	i, _ := slices.BinarySearchFunc(e.orders, at, func(o sampleOrder, t time.Time) int { return o.at.Compare(t) })
	e.orders = slices.Insert(e.orders, i, sampleOrder{uuid: uuid, at: at})
	if len(e.orders) > sampleMost {
		e.orders = slices.Delete(e.orders, 0, 1)
	}
}

// latest returns the order for which the API answered last, "" for none.
func (e *controlSample) latest() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.orders) == 0 {
		return ""
	}
	return e.orders[len(e.orders)-1].uuid
}

// markShown notes which of the orders a list has shown.
func (e *controlSample) markShown(uuids map[string]bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, o := range e.orders {
		e.orders[i].shown = o.shown || uuids[o.uuid]
	}
}

// expected returns the orders that a list asked for now has to show, if it may lack those for which the API answered less than
// lag ago.
func (e *controlSample) expected(lag time.Duration) map[string]bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	all := map[string]bool{}
	for _, o := range e.orders {
		if age := now.Sub(o.at); age < sampleLasts && (o.shown || age >= lag) {
			all[o.uuid] = true
		}
	}
	return all
}
