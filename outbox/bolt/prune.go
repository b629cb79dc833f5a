package bolt

import (
	"context"

	"tillpost/outbox"
)

// Prune is outbox.Store's. Id, digest, kind, terminal and final state outlive the record: no old id is run again.
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
	chunk := func(t *txn) ([]outbox.Request, bool, error) { return t.chunk(next, false, t.ended.all, t.ended.newest) }
	for r, err := range s.scan(chunk) {
		if err != nil {
			return nil, err
		}
		next = r.Seq + 1
		if len(found) == most {
			break
		}
		if r.State != outbox.StateUnresolved && prunable(r) {
			found = append(found, r)
		}
	}
	return found, nil
}

func (t *txn) prune(r outbox.Request) {
	t.s.recent.drop(r.Seq)
	k := seqKey(r.Seq)
	tombs := t.tombs()
	tombs.FillPercent = appendFill
	t.note(tombs.Put(k, encodeTomb(r)))
	t.note(t.ended.Delete(k))
	for _, uuid := range owned(r) {
		t.note(t.orders.Delete([]byte(uuid)))
	}
	t.indexRefund(r, outbox.Request{})
	if len(r.Body) > 0 {
		t.note(t.bodies.Delete(k))
	}
}
