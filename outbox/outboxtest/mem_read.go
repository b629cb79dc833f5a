package outboxtest

import (
	"cmp"
	"context"
	"slices"

	"tillpost/outbox"
)

// read runs fn under the lock.
func read[T any](m *Mem, fn func() (T, error)) (value T, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return value, outbox.ErrClosed
	}
	return fn()
}

// Get is as bolt.Store's.
func (m *Mem) Get(seq uint64) (outbox.Request, error) {
	return read(m, func() (outbox.Request, error) { return m.get(seq) })
}

// Records is as bolt.Store's.
func (m *Mem) Records(seqs []uint64) ([]outbox.Request, error) {
	return read(m, func() (list []outbox.Request, err error) {
		for _, seq := range seqs {
			if r, ok := m.records[seq]; ok {
				r = copied(r)
				r.Body = nil
				list = append(list, r)
			}
		}
		return list, nil
	})
}

// Lookup is as bolt.Store's.
func (m *Mem) Lookup(id string) (outbox.Request, error) {
	return read(m, func() (outbox.Request, error) {
		seq, ok := m.ids[id]
		if !ok {
			return outbox.Request{}, outbox.ErrNotFound
		}
		if r, ok := m.tombs[seq]; ok {
			return r, outbox.ErrPruned
		}
		return m.get(seq)
	})
}

// ByOrder is as bolt.Store's.
func (m *Mem) ByOrder(uuid string) (outbox.Request, error) {
	return read(m, func() (outbox.Request, error) {
		seq, ok := m.orders[uuid]
		if !ok {
			return outbox.Request{}, outbox.ErrNotFound
		}
		return m.get(seq)
	})
}

// sorted lists the records by sequence.
func (m *Mem) sorted(keep func(outbox.Request) bool) []outbox.Request {
	return m.sortedBy(func(r outbox.Request) uint64 { return r.Seq }, keep)
}

func (m *Mem) sortedBy(order func(outbox.Request) uint64, keep func(outbox.Request) bool) []outbox.Request {
	var list []outbox.Request
	for _, r := range m.records {
		if keep(r) {
			list = append(list, copied(r))
		}
	}
	slices.SortFunc(list, func(a, b outbox.Request) int { return cmp.Compare(order(a), order(b)) })
	return list
}

func (m *Mem) queued(terminal string) []outbox.Request {
	return m.sortedBy(outbox.Request.Turn, func(r outbox.Request) bool {
		return r.Terminal == terminal && r.InQueue()
	})
}

func (m *Mem) position(r outbox.Request) int {
	if !r.InQueue() {
		return 0
	}
	n := 0
	for _, q := range m.records {
		if q.Terminal == r.Terminal && q.InQueue() && q.Turn() <= r.Turn() {
			n++
		}
	}
	return n
}

// behind reports whether others come before a queued request.
func (m *Mem) behind(r outbox.Request) bool {
	position := m.position(r)
	return position > 1 || position == 1 && m.lane(r.Terminal).Holder != 0
}

func (m *Mem) lane(terminal string) outbox.Lane {
	l := outbox.Lane{Terminal: terminal}
	var first uint64 // the head's turn
	for _, r := range m.records {
		switch {
		case r.Terminal != terminal || !r.Kind.Laned():
		case r.State.HoldsLane():
			at, _ := slices.BinarySearch(l.Holders, r.Seq)
			l.Holders = slices.Insert(l.Holders, at, r.Seq)
			l.Holder = l.Holders[0]
		case r.InQueue():
			l.Queued++
			if l.Head == 0 || r.Turn() < first {
				l.Head, first, l.Oldest = r.Seq, r.Turn(), r.Accepted
			}
		}
	}
	return l
}

// Sequence is as bolt.Store's.
func (m *Mem) Sequence() (uint64, error) {
	return read(m, func() (uint64, error) { return m.last, nil })
}

// Lane is as bolt.Store's.
func (m *Mem) Lane(terminal string) outbox.Lane {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lane(terminal)
}

// Lanes is as bolt.Store's.
func (m *Mem) Lanes() []outbox.Lane {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]outbox.Lane, 0, len(m.lanes))
	for t := range m.lanes {
		list = append(list, m.lane(t))
	}
	slices.SortFunc(list, func(a, b outbox.Lane) int { return cmp.Compare(a.Terminal, b.Terminal) })
	return list
}

// Positions is as bolt.Store's.
func (m *Mem) Positions(terminal string, n int) []outbox.Request {
	m.mu.Lock()
	defer m.mu.Unlock()
	q := m.queued(terminal)
	return q[:min(len(q), max(n, 0))]
}

// EachOpen is as bolt.Store's.
func (m *Mem) EachOpen(ctx context.Context, terminal string, fn func(outbox.Request) bool) error {
	order := outbox.Request.Turn
	if terminal == "" {
		order = func(r outbox.Request) uint64 { return r.Seq }
	}
	list, err := read(m, func() ([]outbox.Request, error) {
		return m.sortedBy(order, func(r outbox.Request) bool { return !r.State.Final() && (terminal == "" || r.Terminal == terminal) }), nil
	})
	if err != nil {
		return err
	}
	return visit(ctx, list, fn)
}

// Each is as bolt.Store's.
func (m *Mem) Each(fn func(outbox.Request) bool) error {
	return m.each(context.Background(), fn, false, func(outbox.Request) bool { return true })
}

func (m *Mem) each(ctx context.Context, fn func(outbox.Request) bool, down bool, keep func(outbox.Request) bool) error {
	list, err := read(m, func() ([]outbox.Request, error) { return m.sorted(keep), nil })
	if err != nil {
		return err
	}
	if down {
		slices.Reverse(list)
	}
	return visit(ctx, list, fn)
}

func visit(ctx context.Context, list []outbox.Request, fn func(outbox.Request) bool) error {
	for _, r := range list {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !fn(r) {
			return nil
		}
	}
	return nil
}

// Before is as bolt.Store's.
func (m *Mem) Before(seq uint64, fn func(outbox.Request) bool) error {
	return m.each(context.Background(), fn, true, func(r outbox.Request) bool { return seq == 0 || r.Seq < seq })
}
