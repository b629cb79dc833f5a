package bolt

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"tillpost/outbox"
)

// Account is outbox.Store's.
func (s *Store) Account() (a outbox.Account, ok bool) {
	st, err := read(s, (*txn).state)
	if err != nil || st.Account == nil {
		return a, false
	}
	return *st.Account, true
}

// BindAccount is outbox.Store's. An account without an organisation takes up the first that is named.
func (s *Store) BindAccount(ctx context.Context, a outbox.Account) error {
	return s.bind(ctx, a, false)
}

// RebindAccount gives the outbox to another account. Only a person may decide that.
func (s *Store) RebindAccount(ctx context.Context, a outbox.Account) error {
	return s.bind(ctx, a, true)
}

func (s *Store) bind(ctx context.Context, a outbox.Account, force bool) error {
	return s.changeState(ctx, func(_ *txn, st *fileState) error {
		switch have := st.Account; {
		case have == nil || force:
		case *have == a:
			return nil
		case have.BaseURL != a.BaseURL || have.Organization != "" && have.Organization != a.Organization:
			return fmt.Errorf("%w: it belongs to organisation %q at %s", outbox.ErrWrongAccount, have.Organization, have.BaseURL)
		}
		st.Account = &a
		return nil
	})
}

// changeState commits what change makes of the file's record of itself.
func (s *Store) changeState(ctx context.Context, change func(*txn, *fileState) error) error {
	return s.submit(ctx, false, func(t *txn) error {
		st, err := t.state()
		before := st
		if err == nil {
			err = change(t, &st)
		}
		if err == nil && st != before {
			t.note(t.setState(st))
		}
		return err
	})
}

// fileState is the file's own record of itself. It is framed as a body is, so that damage is detected.
type fileState struct {
	Format     int             `json:"format"`
	Instance   string          `json:"instance"`
	Generation uint64          `json:"generation"`
	RolledBack bool            `json:"rolledBack,omitempty"`
	Account    *outbox.Account `json:"account,omitempty"`
	Copied     outbox.Copied   `json:"copied,omitzero"`
	// Unindexed is the first sequence of a record that the buckets of ids and orders may lack entries of; 0 if they lack none.
	Unindexed uint64 `json:"unindexed,omitempty"`
}

func (st fileState) identity() outbox.Identity {
	return outbox.Identity{Instance: st.Instance, Generation: st.Generation, RolledBack: st.RolledBack, Copied: st.Copied}
}

func (t *txn) state() (fileState, error) {
	var st fileState
	b, err := decodeBody(0, t.meta.Get(metaKey))
	if err == nil {
		err = json.Unmarshal(b, &st)
	}
	if err != nil {
		return st, t.damaged("the state of the file, record", 0, err)
	}
	if st.Format > layoutInUse {
		return st, fmt.Errorf("%w: its layout is %d, this one knows %d", ErrNewerFormat, st.Format, layoutInUse)
	}
	return st, nil
}

// rollBack notes that the outbox is an older copy, and puts all that is open in doubt.
func (t *txn) rollBack(st *fileState) (inDoubt int, err error) {
	st.RolledBack, st.Copied = true, outbox.AsCopy(t.requests.Sequence())
	inDoubt, err = t.doubtAll()
	return inDoubt, cmp.Or(err, t.requests.SetSequence(st.Copied.After))
}

func (t *txn) setState(st fileState) error {
	b, err := json.Marshal(st)
	if err != nil {
		return err
	}
	return t.meta.Put(metaKey, encodeBody(0, b))
}

// GetBlob is outbox.Store's.
func (s *Store) GetBlob(name string) ([]byte, error) {
	return read(s, func(t *txn) ([]byte, error) {
		v := t.blobs().Get([]byte(name))
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

// PutBlob is outbox.Store's. The same value again is not written.
func (s *Store) PutBlob(ctx context.Context, name string, data []byte) error {
	if name == "" {
		return errors.New("a value needs a name")
	}
	return s.submit(ctx, false, func(t *txn) error {
		k := []byte(name)
		have := t.blobs().Get(k)
		switch {
		case len(data) == 0 && have == nil:
		case len(data) == 0:
			t.note(t.blobs().Delete(k))
		default:
			if b := encodeBody(0, data); !bytes.Equal(have, b) {
				t.note(t.blobs().Put(k, b))
			}
		}
		return nil
	})
}
