package bolt

import (
	"context"

	"tillpost/outbox"
)

// Prune removes the records that prunable accepts, at most most of them, oldest first, and returns them once that is
// on disk. It offers only what is final and not unresolved. Id, digest, kind, terminal and final state outlive the
// record, so that an old id is never run again. prunable may call the store.
func (s *Store) Prune(ctx context.Context, prunable func(outbox.Request) bool, most int) ([]outbox.Request, error) {
	found, err := s.prunable(prunable, most)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	var pruned []outbox.Request
	err = s.submit(ctx, false, func(t *txn) error {
		pruned = nil
		for _, r := range found {
			// Late evidence may have changed it since it was read.
			if b := t.ended.Get(seqKey(r.Seq)); b != nil {
				h, err := decodeHeader(r.Seq, b)
				if err != nil {
					return t.damaged("record", r.Seq, err)
				}
				if h.revision == r.Revision {
					pruned = append(pruned, r)
				}
			}
		}
		for _, r := range pruned {
			t.prune(r)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return pruned, nil
}

// prunable lists what may be removed, in short read transactions, so that commits go on meanwhile.
func (s *Store) prunable(prunable func(outbox.Request) bool, most int) ([]outbox.Request, error) {
	var found []outbox.Request
	var next uint64
	for more := true; more; {
		var list []outbox.Request
		err := s.view(func(t *txn) (err error) {
			list, more, err = t.chunk(next, false, t.ended.all, t.ended.newest)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, r := range list {
			next = r.Seq + 1
			if len(found) == most {
				return found, nil
			}
			if r.State != outbox.StateUnresolved && prunable(r) {
				found = append(found, r)
			}
		}
	}
	return found, nil
}

func (t *txn) prune(r outbox.Request) {
	k := seqKey(r.Seq)
	t.note(t.tombs.Put(k, encodeTomb(r)))
	t.note(t.ended.Delete(k))
	for _, uuid := range owned(r) {
		t.note(t.orders.Delete([]byte(uuid)))
	}
	t.indexRefund(r, outbox.Request{})
	if len(r.Body) > 0 {
		t.note(t.bodies.Delete(k))
	}
}
