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
	var b []byte
	err := s.view(func(t *txn) error {
		v := t.blobs.Get([]byte(name))
		if v == nil {
			return outbox.ErrNotFound
		}
		var err error
		if b, err = decodeBody(0, v); err != nil {
			return &DamagedError{Path: s.path, Found: fmt.Sprintf("value %q: %v", name, err), Err: err}
		}
		return nil
	})
	return b, err
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
