package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"tillpost/outbox"
)

// GetBlob returns a small value that PutBlob stored; ErrNotFound if there is none.
func (s *Store) GetBlob(name string) ([]byte, error) {
	return read(s, func(t *txn) ([]byte, error) {
		v := t.blobs.Get([]byte(name))
		if v == nil {
			return nil, outbox.ErrNotFound
		}
		b, err := decodeBody(0, v)
		if err != nil {
			return nil, &DamagedError{Path: s.path, Found: fmt.Sprintf("value %q: %v", name, err), Err: err}
		}
		return b, nil
	})
}

// PutBlob stores a small value under a name. The same value again is not written; an empty one removes it.
func (s *Store) PutBlob(ctx context.Context, name string, data []byte) error {
	if name == "" {
		return errors.New("a value needs a name")
	}
	return s.submit(ctx, false, func(t *txn) error {
		k := []byte(name)
		have := t.blobs.Get(k)
		switch {
		case len(data) == 0 && have == nil:
		case len(data) == 0:
			t.note(t.blobs.Delete(k))
		default:
			if b := encodeBody(0, data); !bytes.Equal(have, b) {
				t.note(t.blobs.Put(k, b))
			}
		}
		return nil
	})
}
