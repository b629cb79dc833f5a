package outboxtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"

	"tillpost/outbox"
	"tillpost/outbox/bolt"
)

// Store is what the suite needs of a store: what agents need, and what only a person may decide.
type Store interface {
	outbox.Store
	RebindAccount(ctx context.Context, a outbox.Account) error
}

// Mem is a store in memory that behaves as the real one: for tests whose time is not the disk's.
type Mem struct {
	// Step stands for outbox.Step, for tests of machines with a fault; nil is the real one. It is set before first use.
	Step func(outbox.Request, outbox.Event) (outbox.Request, []outbox.Effect)

	o bolt.Options

	mu      sync.Mutex
	closed  bool
	last    uint64
	commits int64
	earlier int64 // commits before the last Reopen
	records map[uint64]outbox.Request
	tombs   map[uint64]outbox.Request
	ids     map[string]uint64
	orders  map[string]uint64
	lanes   map[string]bool
	account *outbox.Account
	// generation grows with each Reopen; rolledBack is what Distrust says.
	generation uint64
	rolledBack bool
	copied     outbox.Copied
	blobs      map[string][]byte
	fail       error
}

// NewMem makes an empty store. It takes Policy, Committed, Answered and OnCommit of the options.
func NewMem(o bolt.Options) *Mem {
	return &Mem{
		o: o, records: map[uint64]outbox.Request{}, tombs: map[uint64]outbox.Request{}, ids: map[string]uint64{},
		orders: map[string]uint64{}, lanes: map[string]bool{}, blobs: map[string][]byte{}, generation: 1,
	}
}

// Reopen returns another store with the same contents, as a process finds them that starts after this one was killed. m
// can still be used, closed or not.
func (m *Mem) Reopen(o bolt.Options) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := NewMem(o)
	n.Step, n.last, n.copied = m.Step, m.last, m.copied
	n.earlier = m.earlier + m.commits
	n.generation, n.rolledBack = m.generation+1, m.rolledBack
	for seq, r := range m.records {
		n.records[seq] = copied(r)
	}
	maps.Copy(n.tombs, m.tombs)
	maps.Copy(n.ids, m.ids)
	maps.Copy(n.orders, m.orders)
	maps.Copy(n.blobs, m.blobs) // a blob is replaced, never written to
	for _, r := range m.records {
		if !r.State.Final() {
			n.lanes[r.Terminal] = true
		}
	}
	if m.account != nil {
		account := *m.account
		n.account = &account
	}
	return n
}

// FailWith makes every write fail with an error (outbox.ErrFull, say) and change nothing, until it is called with nil.
func (m *Mem) FailWith(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

// write runs fn under the lock, and then what the real store does after a commit.
func (m *Mem) write(ctx context.Context, fn func() ([]outbox.Change, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
		return outbox.ErrClosed
	case m.fail != nil:
		return m.fail
	}
	changes, err := fn()
	if err != nil {
		return err
	}
	if len(changes) > 0 {
		m.commits++
		if m.o.OnCommit != nil {
			m.o.OnCommit(0)
		}
		if m.o.Committed != nil {
			m.o.Committed(changes)
		}
		if m.o.Answered != nil {
			m.o.Answered(changes)
		}
	}
	return nil
}

// copied returns a copy of a request that shares nothing with the store.
func copied(r outbox.Request) outbox.Request {
	r = r.Clone()
	r.Body = bytes.Clone(r.Body)
	return r
}

// Add is as bolt.Store's.
func (m *Mem) Add(ctx context.Context, rs ...outbox.Request) ([]outbox.Added, error) {
	arrivals := make([]outbox.Arrival, len(rs))
	for i, r := range rs {
		arrivals[i].Request = r
	}
	return m.Accept(ctx, arrivals...)
}

// Accept is as the real store's.
func (m *Mem) Accept(ctx context.Context, arrivals ...outbox.Arrival) ([]outbox.Added, error) {
	var added []outbox.Added
	err := m.write(ctx, func() (changes []outbox.Change, err error) {
		for _, a := range arrivals {
			r := a.Request
			if seq, ok := m.ids[r.ID]; ok {
				known, ok := m.records[seq]
				if !ok {
					known = m.tombs[seq]
				}
				v := outbox.AddedConflict
				if known.Digest == r.Digest && known.Kind == r.Kind && known.Arrival() == r.Terminal {
					v = outbox.AddedSame
				}
				added = append(added, outbox.Added{Request: copied(known), Verdict: v})
				continue
			}
			m.last++
			r = copied(r)
			r.Seq = m.last
			m.records[r.Seq], m.ids[r.ID], m.lanes[r.Terminal] = r, r.Seq, true
			one := outbox.Added{Request: copied(r), Verdict: outbox.AddedNew}
			changes = append(changes, outbox.Change{Request: copied(r), Position: m.position(r), Behind: m.behind(r)})
			if a.Turn != nil && m.position(r) == 1 && !m.behind(r) {
				if c, ok := m.turn(a.Turn, r); ok {
					one.Request, one.Effects = copied(c.Request), c.Effects
					changes = append(changes, c)
				}
			}
			added = append(added, one)
		}
		return changes, nil
	})
	if err != nil {
		return nil, err
	}
	return added, nil
}

func owns(r outbox.Request) []string {
	if r.Kind != outbox.KindOrder {
		return nil
	}
	return slices.DeleteFunc(append(slices.Clone(r.Further), r.OrderUUID), func(u string) bool { return u == "" })
}

func (m *Mem) get(seq uint64) (outbox.Request, error) {
	if r, ok := m.records[seq]; ok {
		return copied(r), nil
	}
	if _, ok := m.tombs[seq]; ok {
		return outbox.Request{}, outbox.ErrPruned
	}
	return outbox.Request{}, outbox.ErrNotFound
}

// Prune is as bolt.Store's.
func (m *Mem) Prune(ctx context.Context, prunable func(outbox.Request) bool, most int) ([]outbox.Request, error) {
	var found []outbox.Request
	err := m.each(ctx, func(r outbox.Request) bool {
		if len(found) < most && r.State.Final() && r.State != outbox.StateUnresolved && prunable(r) {
			found = append(found, r)
		}
		return len(found) < most
	}, false, func(outbox.Request) bool { return true })
	if err != nil || len(found) == 0 {
		return nil, err
	}
	err = m.write(ctx, func() ([]outbox.Change, error) {
		m.commits++
		for _, r := range found {
			delete(m.records, r.Seq)
			for _, u := range owns(r) {
				delete(m.orders, u)
			}
			m.tombs[r.Seq] = outbox.Request{
				Seq: r.Seq, ID: r.ID, Kind: r.Kind, Terminal: r.Arrival(), State: r.State, Digest: r.Digest, Revision: r.Revision,
			}
		}
		return nil, nil
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// Stats counts what is open, and the commits.
func (m *Mem) Stats() outbox.Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	open := m.sorted(func(r outbox.Request) bool { return !r.State.Final() })
	return outbox.Stats{Open: len(open), DiskFree: -1, Commits: m.commits, Accepted: m.last, Written: uint64(m.earlier + m.commits)}
}

// Account is as bolt.Store's.
func (m *Mem) Account() (outbox.Account, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.account == nil {
		return outbox.Account{}, false
	}
	return *m.account, true
}

// BindAccount is as bolt.Store's.
func (m *Mem) BindAccount(ctx context.Context, a outbox.Account) error {
	return m.write(ctx, func() ([]outbox.Change, error) {
		if h := m.account; h != nil && (h.BaseURL != a.BaseURL || h.Organization != "" && h.Organization != a.Organization) {
			return nil, outbox.ErrWrongAccount
		}
		m.account = &a
		return nil, nil
	})
}

// RebindAccount is as bolt.Store's.
func (m *Mem) RebindAccount(ctx context.Context, a outbox.Account) error {
	return m.write(ctx, func() ([]outbox.Change, error) { m.account = &a; return nil, nil })
}

// GetBlob is as bolt.Store's.
func (m *Mem) GetBlob(name string) ([]byte, error) {
	return read(m, func() ([]byte, error) {
		v, ok := m.blobs[name]
		if !ok {
			return nil, outbox.ErrNotFound
		}
		return bytes.Clone(v), nil
	})
}

// PutBlob is as bolt.Store's.
func (m *Mem) PutBlob(ctx context.Context, name string, data []byte) error {
	if name == "" {
		return errors.New("a value needs a name")
	}
	return m.write(ctx, func() ([]outbox.Change, error) {
		if len(data) == 0 {
			delete(m.blobs, name)
		} else {
			m.blobs[name] = bytes.Clone(data)
		}
		return nil, nil
	})
}

// Close makes every later call fail.
func (m *Mem) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	return nil
}

// String shows what is in the store, for a failed test's log.
func (m *Mem) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, err := json.Marshal(m.sorted(func(outbox.Request) bool { return true }))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Copy returns a store with the same contents and generation, as a snapshot of the machine holds them: Reopen it as if
// nothing had happened since.
func (m *Mem) Copy() *Mem {
	n := m.Reopen(m.o)
	n.generation--
	return n
}
