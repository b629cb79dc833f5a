package agent

import (
	"slices"
	"sync"
	"time"
)

const (
	// evidenceMost is how many orders a list is held against.
	evidenceMost = 4
	// evidenceFresh is how long an order that the API spoke of has to be in its list: what is older may be put away there.
	evidenceFresh = time.Hour
)

// evidence is the latest orders of ours that the API has spoken of itself: it took them, or told their status. A list in
// which one of them is missing is not the whole list, or not one of orders like ours.
type evidence struct {
	mu     sync.Mutex
	orders []evident
}

type evident struct {
	uuid string
	at   time.Time // when the API last spoke of it
}

// created notes an order that the API took.
func (e *evidence) created(uuid string) { e.note(uuid, true) }

// told notes an order whose status the API told. It takes no newer one's place.
func (e *evidence) told(uuid string) { e.note(uuid, false) }

func (e *evidence) note(uuid string, newest bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	e.orders = slices.DeleteFunc(e.orders, func(o evident) bool { return now.Sub(o.at) >= evidenceFresh })
	if i := slices.IndexFunc(e.orders, func(o evident) bool { return o.uuid == uuid }); i >= 0 {
		e.orders[i].at = now
		return
	}
	if len(e.orders) == evidenceMost {
		if !newest {
			return
		}
		e.orders = slices.Delete(e.orders, 0, 1)
	}
	e.orders = append(e.orders, evident{uuid, now})
}

// recall notes an order that the API spoke of so long ago, before this process; the newest come first.
func (e *evidence) recall(uuid string, ago time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if ago < 0 || ago >= evidenceFresh || len(e.orders) == evidenceMost || slices.ContainsFunc(e.orders, func(o evident) bool { return o.uuid == uuid }) {
		return
	}
	e.orders = slices.Insert(e.orders, 0, evident{uuid, time.Now().Add(-ago)})
}

// expected is what a list that is asked for now has to show.
func (e *evidence) expected() map[string]bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := map[string]bool{}
	for _, o := range e.orders {
		if time.Since(o.at) < evidenceFresh {
			all[o.uuid] = true
		}
	}
	return all
}
