package bolt

import (
	"bytes"
	"cmp"
	"context"
	"iter"

	"tillpost/outbox"

	"go.etcd.io/bbolt"
)

// A read transaction keeps the pages it sees from being used again, so long scans take many short ones.
const (
	chunkRecords = 64
	chunkBytes   = 256 << 10
)

// Get is outbox.Store's.
func (s *Store) Get(seq uint64) (outbox.Request, error) {
	if r, ok := s.standing(seq); ok {
		return r, nil
	}
	return read(s, func(t *txn) (outbox.Request, error) { return t.load(seq) })
}

// Records is outbox.Store's. A read transaction lasts as long as that takes, so ask for some dozens at a time.
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

// Lookup is outbox.Store's.
func (s *Store) Lookup(id string) (outbox.Request, error) {
	if r, ok := s.standing(s.indexes.Load().ids.get([]byte(id))); ok {
		return r, nil
	}
	return read(s, func(t *txn) (outbox.Request, error) { return t.lookup(id) })
}

// ByOrder is outbox.Store's.
func (s *Store) ByOrder(uuid string) (outbox.Request, error) {
	if r, ok := s.standing(s.indexes.Load().orders.get([]byte(uuid))); ok {
		return r, nil
	}
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

// EachOpen is outbox.Store's. It reads in short transactions: what changes meanwhile may be seen as it was or as it is.
func (s *Store) EachOpen(ctx context.Context, terminal string, fn func(outbox.Request) bool) error {
	var next uint64
	chunk := func(t *txn) ([]outbox.Request, bool, error) {
		if terminal == "" {
			return t.chunk(next, false, t.requests)
		}
		return t.openChunk(terminal, next)
	}
	for r, err := range s.scan(chunk) {
		if err := cmp.Or(err, ctx.Err()); err != nil {
			return err
		}
		if !fn(r) {
			return nil
		}
		if next = r.Seq + 1; terminal != "" {
			next = r.Turn() + 1
		}
	}
	return nil
}

// Each is outbox.Store's, and reads as EachOpen does.
func (s *Store) Each(fn func(outbox.Request) bool) error { return s.visit(0, false, fn) }

// Before is outbox.Store's, and reads as EachOpen does.
func (s *Store) Before(seq uint64, fn func(outbox.Request) bool) error {
	return s.visit(seq-1, true, fn) // all there are, for 0
}

// visit goes through all records from a sequence on, up or down.
func (s *Store) visit(next uint64, down bool, fn func(outbox.Request) bool) error {
	chunk := func(t *txn) ([]outbox.Request, bool, error) {
		return t.chunk(next, down, t.requests, t.ended.all, t.ended.newest)
	}
	for r, err := range s.scan(chunk) {
		if err != nil {
			return err
		}
		if !fn(r) {
			return nil
		}
		if next = r.Seq + 1; down {
			next = r.Seq - 1
		}
	}
	return nil
}

// scan visits what chunk reads, each time in a read transaction of its own, until that says that there is no more.
func (s *Store) scan(chunk func(*txn) ([]outbox.Request, bool, error)) iter.Seq2[outbox.Request, error] {
	return func(yield func(outbox.Request, error) bool) {
		for more := true; more; {
			var list []outbox.Request
			err := s.view(func(t *txn) (err error) {
				list, more, err = chunk(t)
				return err
			})
			if err != nil {
				yield(outbox.Request{}, err)
				return
			}
			for _, r := range list {
				if !yield(r, nil) {
					return
				}
			}
		}
	}
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
	size := 0
	for p := range t.places(terminal).from(from) {
		if len(list) == chunkRecords || size > chunkBytes {
			return list, true, nil
		}
		if _, there, err := t.header(terminal, p); err != nil {
			return nil, false, err
		} else if !there {
			continue
		}
		r, err := t.load(p.seq)
		if err != nil {
			return nil, false, err
		}
		size += len(r.Body)
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

// Sequence is outbox.Store's.
func (s *Store) Sequence() (uint64, error) {
	return read(s, func(t *txn) (uint64, error) { return t.requests.Sequence(), nil })
}
