package outboxtest

import (
	"context"
	"time"

	"tillpost/outbox"
)

// Identity is as bolt.Store's; a Mem is never an older copy by itself.
func (m *Mem) Identity() outbox.Identity {
	m.mu.Lock()
	defer m.mu.Unlock()
	return outbox.Identity{Instance: "memory", Generation: m.generation, RolledBack: m.rolledBack, Copied: m.copied}
}

// Distrust is as bolt.Store's.
func (m *Mem) Distrust(ctx context.Context, generation uint64) (inDoubt int, err error) {
	err = m.write(ctx, func() (changes []outbox.Change, err error) {
		if m.rolledBack && m.generation >= generation {
			return nil, nil
		}
		if !m.rolledBack {
			for _, before := range m.sorted(func(r outbox.Request) bool { return !r.State.Final() }) {
				after := outbox.AfterRestore(before, m.now())
				m.records[after.Seq] = copied(after)
				changes = append(changes, outbox.Change{Request: after, Previous: before.State})
			}
		}
		if !m.rolledBack {
			m.copied = outbox.AsCopy(m.last)
			m.last = m.copied.After
		}
		m.rolledBack, m.generation, inDoubt = true, max(m.generation, generation), len(changes)
		return changes, nil
	})
	return inDoubt, err
}

func (m *Mem) now() outbox.Instant {
	if m.o.Now == nil {
		return outbox.Instant{Wall: time.Now().UnixMilli()}
	}
	return m.o.Now()
}

// Announce does nothing: no commit takes time.
func (m *Mem) Announce(bool) {}

// Room reports whether new requests are taken.
func (m *Mem) Room() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fail == nil
}

// Recovery is empty: there is nothing to mend.
func (m *Mem) Recovery() outbox.Recovery { return outbox.Recovery{} }

// Snapshot keeps nothing: there is no file.
func (m *Mem) Snapshot(context.Context) error { return nil }

// AcceptRollback is as bolt.Store's, but that it may be called while m is in use.
func (m *Mem) AcceptRollback() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rolledBack = false
}
