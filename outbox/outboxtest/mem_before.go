package outboxtest

import (
	"context"

	"tillpost/outbox"
)

// Before is as the real store's.
func (m *Mem) Before(seq uint64, fn func(outbox.Request) bool) error {
	return m.each(context.Background(), fn, true, func(r outbox.Request) bool { return seq == 0 || r.Seq < seq })
}
