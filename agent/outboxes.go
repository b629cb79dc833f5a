package agent

import (
	"context"

	"tillpost/outbox"
)

// Outbox is what the agent needs of the durable store; bolt.Store is one.
type Outbox interface {
	Add(ctx context.Context, rs ...outbox.Request) ([]outbox.Added, error)
	Apply(ctx context.Context, seq uint64, e outbox.Event) (outbox.Request, []outbox.Effect, error)
	Get(seq uint64) (outbox.Request, error)
	Records(seqs []uint64) ([]outbox.Request, error)
	Lookup(id string) (outbox.Request, error)
	Refunds(orderUUID string) ([]outbox.Request, error)
	Waiting(orderID string) ([]outbox.Request, error)
	ByOrder(uuid string) (outbox.Request, error)
	Sequence() (uint64, error)
	Lane(terminal string) outbox.Lane
	Lanes() []outbox.Lane
	Positions(terminal string, n int) []outbox.Request
	EachOpen(ctx context.Context, terminal string, fn func(outbox.Request) bool) error
	Each(newestFirst bool, fn func(outbox.Request) bool) error
	Before(seq uint64, fn func(outbox.Request) bool) error
	Prune(ctx context.Context, prunable func(outbox.Request) bool, most int) ([]outbox.Request, error)
	Stats() outbox.Stats
	Identity() outbox.Identity
	Room() bool
	Recovery() outbox.Recovery
	Distrust(ctx context.Context, generation uint64) (inDoubt int, err error)
	Snapshot(ctx context.Context) error
	Account() (outbox.Account, bool)
	BindAccount(ctx context.Context, a outbox.Account) error
	GetBlob(name string) ([]byte, error)
	PutBlob(ctx context.Context, name string, data []byte) error
	Close() error
}
