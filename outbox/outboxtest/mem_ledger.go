package outboxtest

import (
	"slices"

	"tillpost/outbox"
)

// Refunds is as bolt.Store's.
func (m *Mem) Refunds(orderUUID string) ([]outbox.Request, error) {
	return read(m, func() ([]outbox.Request, error) { return m.refundsBy(orderUUID, ""), nil })
}

// Waiting is as bolt.Store's.
func (m *Mem) Waiting(orderID string) ([]outbox.Request, error) {
	return read(m, func() ([]outbox.Request, error) { return m.refundsBy("", orderID), nil })
}

// refundsBy lists the refunds and approvals that name an order by its uuid, and those that only know its requestId.
func (m *Mem) refundsBy(uuid, id string) []outbox.Request {
	return m.sorted(func(r outbox.Request) bool {
		switch {
		case r.Kind != outbox.KindRefund && r.Kind != outbox.KindApproval:
			return false
		case r.OrderUUID != "":
			return r.OrderUUID == uuid
		}
		return r.Target != "" && r.Target == id
	})
}

// ledger adds up what is known of a refund's or approval's order.
func (m *Mem) ledger(r outbox.Request) outbox.Ledger {
	var l outbox.Ledger
	uuid, id := r.OrderUUID, r.Target
	seq, ok := m.orders[uuid]
	if uuid == "" {
		seq, ok = m.ids[id]
	}
	if order, kept := m.records[seq]; ok && kept && order.Kind == outbox.KindOrder {
		if uuid == "" {
			uuid = order.OrderUUID
		}
		state := order.State
		if slices.Contains(order.FurtherPaid, uuid) {
			state = outbox.StatePaid
		}
		l.Order = &outbox.LedgerOrder{State: state, OrderUUID: uuid, AmountMinor: order.AmountMinor}
		id = order.ID
	}
	for _, other := range m.refundsBy(uuid, id) {
		if other.Seq != r.Seq {
			l.Count(other, r)
		}
	}
	return l
}
