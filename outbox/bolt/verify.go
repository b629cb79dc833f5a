package bolt

import (
	"bytes"

	"tillpost/outbox"

	"go.etcd.io/bbolt"
)

// verify checks records, checksums, and that records and indexes agree both ways. It keeps only counts in memory.
func (t *txn) verify() error {
	st, err := t.state()
	if err != nil {
		return err
	}
	if err := t.verifyBlobs(); err != nil {
		return err
	}
	n := tally{inUse: st.Format == layoutInUse}
	for _, b := range []struct {
		bucket *bbolt.Bucket
		check  func(seq uint64, h header, n *tally) error
	}{
		{t.requests, t.verifyOpen}, {t.ended.all, t.verifyEnded}, {t.ended.newest, t.verifyEnded}, {t.tombs(), t.verifyTomb},
	} {
		c := b.bucket.Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			seq, ok := seqOfKey(k)
			if !ok {
				return t.wrong("a record's key is no sequence")
			}
			h, err := decodeHeader(seq, v)
			if err != nil {
				return t.damaged("record", seq, err)
			}
			n.records++
			if err := b.check(seq, h, &n); err != nil {
				return err
			}
			if !bytes.Equal(t.ids.Get(h.id), k) {
				return t.wrong("record %d is not in the index of ids", seq)
			}
			if seq > t.requests.Sequence() {
				return t.wrong("record %d is beyond the last sequence", seq)
			}
		}
	}
	return t.verifyCounts(n)
}

// tally counts what the indexes must hold.
type tally struct {
	inUse                                  bool
	records, open, bodies, orders, refunds int
}

func (t *txn) verifyOpen(seq uint64, h header, n *tally) error {
	if h.state.Final() || h.tomb() {
		return t.wrong("record %d is among the open ones, but has ended", seq)
	}
	if !n.inUse {
		n.open++
		key := openKey(string(h.terminal), h.turn(seq))
		k, v := t.open().Cursor().Seek(key)
		if p, ok := openEntry(k, v); !ok || p.seq != seq || !bytes.Equal(k, key) {
			return t.wrong("record %d is not in the index of open requests", seq)
		}
	}
	return t.verifyWhole(seq, h, n)
}

func (t *txn) verifyEnded(seq uint64, h header, n *tally) error {
	if !h.state.Final() || h.tomb() {
		return t.wrong("record %d is among the ended ones, but has not ended", seq)
	}
	return t.verifyWhole(seq, h, n)
}

func (t *txn) verifyTomb(seq uint64, h header, _ *tally) error {
	if !h.tomb() {
		return t.wrong("record %d is among the tombstones, but is none", seq)
	}
	if t.raw(seq) != nil {
		return t.wrong("tombstone %d has a record beside it", seq)
	}
	return nil
}

// verifyWhole reads the body and the orders of a record. Its JSON is covered by the checksum; it is decoded where it
// names an order or pays one back.
func (t *txn) verifyWhole(seq uint64, h header, n *tally) error {
	if h.hasBody() {
		n.bodies++
		if err := checkBody(seq, t.bodies.Get(seqKey(seq))); err != nil {
			return t.damaged("body", seq, err)
		}
	}
	pays := h.kind == outbox.KindRefund || h.kind == outbox.KindApproval
	if !pays && !h.namesOrder() {
		return nil
	}
	r, _, err := decodeRecord(seq, t.raw(seq))
	if err != nil {
		return t.damaged("record", seq, err)
	}
	for _, uuid := range owned(r) {
		n.orders++
		if !bytes.Equal(t.orders.Get([]byte(uuid)), seqKey(seq)) {
			return t.wrong("an order of record %d is not in the index of orders", seq)
		}
	}
	if key := refundKey(r); key != nil {
		n.refunds++
		if k, _ := t.refunds().Cursor().Seek(key); !bytes.Equal(k, key) {
			return t.wrong("record %d is not in the index of refunds", seq)
		}
	}
	return nil
}

// verifyCounts finds entries of the indexes that belong to no record.
func (t *txn) verifyCounts(n tally) error {
	for _, c := range []struct {
		name       string
		want, have int
	}{
		{"ids", n.records, t.ids.count()},
		{"orders", n.orders, t.orders.count()},
		{"open requests", n.open, count(t.open())},
		{"refunds", n.refunds, count(t.refunds())},
		{"bodies", n.bodies, count(t.bodies)},
	} {
		if c.have != c.want {
			return t.wrong("the index of %s has %d entries, not %d", c.name, c.have, c.want)
		}
	}
	return nil
}

func (t *txn) verifyBlobs() error {
	c := t.blobs().Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		if err := checkBody(0, v); err != nil {
			return t.wrong("value %q: %v", k, err)
		}
	}
	return nil
}
