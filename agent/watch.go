package agent

import (
	"slices"

	"tillpost/outbox"
)

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
