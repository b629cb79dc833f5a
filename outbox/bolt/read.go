package bolt

import (
	"bytes"
	"context"

	"tillpost/outbox"

	"go.etcd.io/bbolt"
)

// A read transaction keeps the pages it sees from being used again, so long scans take many short ones.
const (
	chunkRecords = 64
	chunkBytes   = 256 << 10
)

// Get reads a request. ErrNotFound if there is none, ErrPruned if its record was removed.
func (s *Store) Get(seq uint64) (outbox.Request, error) {
	return read(s, func(t *txn) (outbox.Request, error) { return t.load(seq) })
}

// Records reads requests, without their bodies, as of one moment. Those that there are not, or not any more, are left
// out. A read transaction lasts as long as that takes, so ask for some dozens at a time.
func (s *Store) Records(seqs []uint64) ([]outbox.Request, error) {
	return read(s, func(t *txn) ([]outbox.Request, error) {
		list := make([]outbox.Request, 0, len(seqs))
		for _, seq := range seqs {
			b := t.raw(seq)
			if b == nil {
				continue
			}
			r, _, err := decodeRecord(seq, b)
			if err != nil {
				return nil, t.damaged("record", seq, err)
			}
			list = append(list, r)
		}
		return list, nil
	})
}

// Lookup finds a request by the till's id. One that was pruned comes with ErrPruned, and only what outlived it.
func (s *Store) Lookup(id string) (outbox.Request, error) {
	return read(s, func(t *txn) (outbox.Request, error) { return t.lookup(id) })
}

// ByOrder finds the order request that owns an order at the API.
func (s *Store) ByOrder(uuid string) (outbox.Request, error) {
	return read(s, func(t *txn) (outbox.Request, error) {
		v := t.orders.Get([]byte(uuid))
		if v == nil {
			return outbox.Request{}, outbox.ErrNotFound
		}
		seq, ok := seqOfKey(v)
		if !ok {
			return outbox.Request{}, t.wrong("the index of orders has an entry that is no sequence")
		}
		return t.load(seq)
	})
}

// EachOpen visits the requests that are not final, of one terminal in the order of its lane or, for "", of all by sequence,
// until fn returns false or ctx ends. It reads in short transactions: what changes meanwhile may be seen as it was or as it is. fn may
// call the store.
func (s *Store) EachOpen(ctx context.Context, terminal string, fn func(outbox.Request) bool) error {
	var next uint64
	for {
		var list []outbox.Request
		more := false
		err := s.view(func(t *txn) (err error) {
			if terminal == "" {
				list, more, err = t.chunk(next, false, t.requests)
			} else {
				list, more, err = t.openChunk(terminal, next)
			}
			return err
		})
		if err != nil {
			return err
		}
		for _, r := range list {
			if err := ctx.Err(); err != nil {
				return err
			}
			if !fn(r) {
				return nil
			}
			if next = r.Seq + 1; terminal != "" {
				next = r.Turn() + 1
			}
		}
		if !more {
			return nil
		}
	}
}

// Each visits all records, open and ended, by sequence, until fn returns false. As EachOpen, it reads in short
// transactions, and fn may call the store.
func (s *Store) Each(newestFirst bool, fn func(outbox.Request) bool) error {
	if newestFirst {
		return s.Before(0, fn)
	}
	return s.visit(0, false, fn)
}

// Before visits the records, open and ended, whose sequence is less than seq, the newest first, until fn returns false;
// with 0 it visits all. Otherwise it is as Each.
func (s *Store) Before(seq uint64, fn func(outbox.Request) bool) error {
	return s.visit(seq-1, true, fn) // all there are, for 0
}

// visit goes through all records from a sequence on, up or down.
func (s *Store) visit(next uint64, down bool, fn func(outbox.Request) bool) error {
	for next > 0 || !down {
		var list []outbox.Request
		more := false
		err := s.view(func(t *txn) (err error) {
			list, more, err = t.chunk(next, down, t.requests, t.ended.all, t.ended.newest)
			return err
		})
		if err != nil {
			return err
		}
		for _, r := range list {
			if !fn(r) {
				return nil
			}
			if next = r.Seq + 1; down {
				next = r.Seq - 1
			}
		}
		if !more {
			return nil
		}
	}
	return nil
}

// chunk reads some records of buckets as one sequence, from one on, up or down; more says that there are others.
func (t *txn) chunk(from uint64, down bool, buckets ...*bbolt.Bucket) (list []outbox.Request, more bool, err error) {
	size := 0
	walks := make([]*walk, len(buckets))
	for i, b := range buckets {
		walks[i] = newWalk(b, from, down)
	}
	for w := nextWalk(walks); w != nil; w = nextWalk(walks) {
		if len(list) == chunkRecords || size > chunkBytes {
			return list, true, nil
		}
		r, err := w.read(t)
		if err != nil {
			return nil, false, err
		}
		size += len(w.value) + len(r.Body)
		list = append(list, r)
		w.next()
	}
	return list, false, nil
}

// openChunk reads some of a terminal's open requests.
func (t *txn) openChunk(terminal string, from uint64) (list []outbox.Request, more bool, err error) {
	prefix := openPrefix(terminal)
	size := 0
	c := t.open.Cursor()
	for k, v := c.Seek(openKey(terminal, from)); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
		if len(list) == chunkRecords || size > chunkBytes {
			return list, true, nil
		}
		_, seq, ok := openEntry(k, v)
		if !ok {
			return nil, false, t.wrong("the index of open requests has a key that is none")
		}
		b := t.requests.Get(seqKey(seq))
		if b == nil {
			return nil, false, t.wrong("the index of open requests names record %d, which is not there", seq)
		}
		r, err := t.decode(seq, b)
		if err != nil {
			return nil, false, err
		}
		size += len(b) + len(r.Body)
		list = append(list, r)
	}
	return list, false, nil
}

// walk is a cursor over records, up or down.
type walk struct {
	c          *bbolt.Cursor
	down       bool
	key, value []byte
}

func newWalk(b *bbolt.Bucket, from uint64, down bool) *walk {
	w := &walk{c: b.Cursor(), down: down}
	k := seqKey(from)
	w.key, w.value = w.c.Seek(k)
	if !down {
		return w
	}
	switch {
	case w.key == nil:
		w.key, w.value = w.c.Last()
	case !bytes.Equal(w.key, k):
		w.key, w.value = w.c.Prev()
	}
	return w
}

// nextWalk returns the walk whose record comes next, nil when all have ended.
func nextWalk(walks []*walk) *walk {
	var first *walk
	for _, w := range walks {
		if w.key != nil && (first == nil || (bytes.Compare(w.key, first.key) < 0) != w.down) {
			first = w
		}
	}
	return first
}

func (w *walk) next() {
	if w.down {
		w.key, w.value = w.c.Prev()
	} else {
		w.key, w.value = w.c.Next()
	}
}

func (w *walk) read(t *txn) (outbox.Request, error) {
	seq, ok := seqOfKey(w.key)
	if !ok {
		return outbox.Request{}, t.wrong("a record's key is no sequence")
	}
	return t.decode(seq, w.value)
}

// Sequence is the highest acceptance number given so far.
func (s *Store) Sequence() (uint64, error) {
	return read(s, func(t *txn) (uint64, error) { return t.requests.Sequence(), nil })
}
