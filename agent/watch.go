package agent

import (
	"slices"
	"time"

	"tillpost/outbox"
)

// soughtFor is longer than the longest pause between two searches for the marks of one request.
const soughtFor = 11 * time.Minute

// lookAgain looks once more at what may turn up after all: a payment of the request's order, further orders of its, and
// what bears its marks.
func (l *lane) lookAgain(r outbox.Request) {
	if r.Kind != outbox.KindOrder || r.Sought() {
		l.search(r)
	}
	if r.Kind == outbox.KindOrder && r.OrderUUID != "" && r.State != outbox.StatePaid && r.State.Final() {
		l.query(r, r.OrderUUID)
	}
	for _, uuid := range r.Further {
		if !slices.Contains(r.FurtherPaid, uuid) {
			l.query(r, uuid)
		}
	}
}

// sought notes that an old submission of a request is looked for again and again: a list that is taken as a baseline
// meanwhile would have every order of the API looked into for it.
func (ls *lanes) sought(r outbox.Request) {
	if r.Kind == outbox.KindOrder && r.Sought() && r.State.Final() {
		ls.soughtUntil.Store(time.Now().Add(soughtFor).UnixNano())
	}
}
