package outbox

import (
	"bytes"
	"encoding/binary"
	"errors"
)

func refundPrefix(orderUUID string) []byte { return append([]byte(orderUUID), 0) }

func refundKey(orderUUID string, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(refundPrefix(orderUUID), seq)
}

// pays tells whether a request belongs into the index of what pays back an order.
func pays(r Request) bool {
	return (r.Kind == KindRefund || r.Kind == KindApproval) && r.OrderUUID != ""
}

// indexRefund keeps the index when a refund's order becomes known, which happens once.
func (t *txn) indexRefund(r Request) {
	if pays(r) {
		t.note(t.refunds.Put(refundKey(r.OrderUUID, r.Seq), nil))
	}
}

// ledger adds up what this outbox knows of a refund's or approval's order.
func (t *txn) ledger(r Request) (Ledger, error) {
	var l Ledger
	uuid, err := t.ledgerOrder(r, &l)
	if err != nil || uuid == "" {
		return l, err
	}
	err = t.eachRefund(uuid, func(other Request) {
		if other.Seq != r.Seq {
			l.Count(other, r.AmountOre)
		}
	})
	return l, err
}

// ledgerOrder finds the order that a refund pays back, and the request of ours that placed it, if one did.
func (t *txn) ledgerOrder(r Request, l *Ledger) (uuid string, err error) {
	uuid = r.OrderUUID
	var k []byte
	if uuid != "" {
		k = t.orders.Get([]byte(uuid))
	} else {
		k = t.ids.Get([]byte(r.Target))
	}
	seq, ok := keySeq(k)
	if !ok {
		return uuid, nil
	}
	order, err := t.load(seq)
	if err != nil || order.Kind != KindOrder {
		if errors.Is(err, ErrNotFound) {
			err = nil // pruned long ago
		}
		return uuid, err
	}
	if uuid == "" {
		uuid = order.OrderUUID
	}
	l.Order = &LedgerOrder{State: order.State, OrderUUID: uuid, AmountOre: order.AmountOre}
	return uuid, nil
}

// eachRefund visits the refunds and approvals that name an order.
func (t *txn) eachRefund(uuid string, fn func(Request)) error {
	prefix := refundPrefix(uuid)
	c := t.refunds.Cursor()
	for k, _ := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		seq, ok := keySeq(k[len(prefix):])
		if !ok {
			return &DamagedError{Path: t.s.path, Found: "the index of refunds has a key that is none"}
		}
		other, err := t.load(seq)
		if err != nil {
			return err
		}
		fn(other)
	}
	return nil
}

// Refunds lists the refunds and approvals that name an order, oldest first.
func (s *Store) Refunds(orderUUID string) ([]Request, error) {
	var list []Request
	err := s.view(func(t *txn) error {
		list = nil
		return t.eachRefund(orderUUID, func(r Request) { list = append(list, r) })
	})
	return list, err
}
