package blob

import (
	"context"
	"encoding/json"
	"errors"

	"tillpost/outbox"
)

// Read returns what was kept in the outbox under a name, the zero value where nothing was, and beside an error.
func Read[T any](store interface {
	GetBlob(name string) ([]byte, error)
}, name string) (T, error) {
	var kept, none T
	raw, err := store.GetBlob(name)
	if errors.Is(err, outbox.ErrNotFound) || err == nil && len(raw) == 0 {
		return none, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &kept)
	}
	if err != nil {
		return none, err
	}
	return kept, nil
}

// Write keeps a value in the outbox under a name, for Read.
func Write(ctx context.Context, store interface {
	PutBlob(ctx context.Context, name string, data []byte) error
}, name string, value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return store.PutBlob(ctx, name, raw)
}
