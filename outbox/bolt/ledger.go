package bolt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"

	"tillpost/outbox"
)

func refundPrefix(orderUUID string) []byte { return append([]byte(orderUUID), 0) }

// waitingPrefix stands before the refunds that name an order by its requestId, as long as they don't know its uuid.
func waitingPrefix(orderID string) []byte { return append(append([]byte{0}, orderID...), 0) }

// refundKey is a request's key in the index of what pays back an order; nil if it has none.
func refundKey(r outbox.Request) []byte {
	switch {
	case r.Kind != outbox.KindRefund && r.Kind != outbox.KindApproval:
		return nil
	case r.OrderUUID != "":
		return binary.BigEndian.AppendUint64(refundPrefix(r.OrderUUID), r.Seq)
	case r.Target != "":
		return binary.BigEndian.AppendUint64(waitingPrefix(r.Target), r.Seq)
	}
	return nil
}

// indexRefund updates the index of refunds. A key changes once, when the order becomes known.
func (t *txn) indexRefund(before, after outbox.Request) {
	was, is := refundKey(before), refundKey(after)
	if bytes.Equal(was, is) {
		return
	}
	if was != nil {
		t.note(t.refunds().Delete(was))
	}
	if is != nil {
		t.note(t.refunds().Put(is, nil))
	}
}

// ledger adds up what this outbox knows of a refund's or approval's order.
func (t *txn) ledger(r outbox.Request) (outbox.Ledger, error) {
	var l outbox.Ledger
	uuid, id, err := t.ledgerOrder(r, &l)
	if err != nil {
		return l, err
	}
	count := func(other outbox.Request) {
		if other.Seq != r.Seq {
			l.Count(other, r)
		}
	}
	if uuid != "" {
		err = t.eachRefund(refundPrefix(uuid), count)
	}
	if err == nil && id != "" {
		err = t.eachRefund(waitingPrefix(id), count)
	}
	return l, err
}

// ledgerOrder finds the order that a refund pays back, and the request of ours that placed it, if one did.
func (t *txn) ledgerOrder(r outbox.Request, l *outbox.Ledger) (uuid, id string, err error) {
	uuid, id = r.OrderUUID, r.Target
	var k []byte
	if uuid != "" {
		k = t.orders.Get([]byte(uuid))
	} else {
		k = t.ids.Get([]byte(id))
	}
	seq, ok := seqOfKey(k)
	if !ok {
		return uuid, id, nil
	}
	order, err := t.load(seq)
	switch {
	case errors.Is(err, outbox.ErrNotFound):
		return uuid, id, nil // pruned long ago
	case err != nil || order.Kind != outbox.KindOrder:
		return uuid, id, err
	case uuid == "":
		uuid = order.OrderUUID
	}
	state := order.State
	if slices.Contains(order.FurtherPaid, uuid) {
		state = outbox.StatePaid // that order was paid, however the request ended
	}
	l.Order = &outbox.LedgerOrder{State: state, OrderUUID: uuid, AmountMinor: order.AmountMinor}
	return uuid, order.ID, nil
}

// eachRefund visits the refunds and approvals whose keys begin with prefix.
func (t *txn) eachRefund(prefix []byte, fn func(outbox.Request)) error {
	c := t.refunds().Cursor()
	for k, _ := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, _ = c.Next() {
		seq, ok := seqOfKey(k[len(prefix):])
		if !ok {
			return t.wrong("the index of refunds has a key that is none")
		}
		other, err := t.load(seq)
		if err != nil {
			return err
		}
		fn(other)
	}
	return nil
}

// Refunds is outbox.Store's.
func (s *Store) Refunds(orderUUID string) ([]outbox.Request, error) {
	return s.refunds(refundPrefix(orderUUID))
}

// Waiting is outbox.Store's.
func (s *Store) Waiting(orderID string) ([]outbox.Request, error) {
	return s.refunds(waitingPrefix(orderID))
}

func (s *Store) refunds(prefix []byte) ([]outbox.Request, error) {
	return read(s, func(t *txn) (list []outbox.Request, err error) {
		err = t.eachRefund(prefix, func(r outbox.Request) { list = append(list, r) })
		return list, err
	})
}
