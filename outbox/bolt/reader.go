package bolt

import (
	"go.etcd.io/bbolt"

	"tillpost/outbox"
)

// Reader reads an outbox, or a snapshot of one, that nobody has open. It changes nothing, not even the generation. Its
// methods may be called from several goroutines at once.
type Reader struct{ s *Store }

// OpenReader checks all of an outbox as CheckFile does, and opens it for reading. The errors are Open's: ErrLocked while
// a daemon has it, *DamagedError, ErrMissing.
func OpenReader(path string) (*Reader, error) {
	if fileSize(path) == 0 {
		return nil, openError(path, ErrMissing)
	}
	err := checkFile(path)
	s := &Store{path: path}
	if err == nil {
		s.db, err = openBolt(path, true)
	}
	if err == nil {
		if err = s.db.View(s.load); err != nil {
			_ = s.db.Close()
		}
	}
	if err != nil {
		return nil, openError(path, err)
	}
	return &Reader{s}, nil
}

// Close releases the file.
func (r *Reader) Close() error {
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	if r.s.db == nil {
		return nil
	}
	err := r.s.db.Close()
	r.s.db, r.s.down = nil, outbox.ErrClosed
	return err
}

// Each visits all records, open and ended, by sequence, until fn returns false.
func (r *Reader) Each(fn func(outbox.Request) bool) error { return r.s.Each(fn) }

// GetBlob is Store.GetBlob.
func (r *Reader) GetBlob(name string) ([]byte, error) { return r.s.GetBlob(name) }

// Identity returns the identity in the file; the zero one where it can't be read.
func (r *Reader) Identity() (id outbox.Identity) {
	if st, err := read(r.s, (*txn).state); err == nil {
		id = st.identity()
	}
	return id
}

// Account is Store.Account.
func (r *Reader) Account() (a outbox.Account, ok bool) { return r.s.Account() }

// Figures are how much an outbox holds.
type Figures struct {
	Identity outbox.Identity
	// Size is the file's in bytes, Free how much of that holds nothing.
	Size, Free int64
	// States counts the records, open and ended, by state.
	States map[outbox.State]int
	// Outdated says that the marker next to the file is another copy's, or missing: the next Open takes this file for an
	// older copy. It means nothing for a snapshot.
	Outdated bool
	// Open and Ended count the records; Pruned counts the ids of ended requests whose record was removed.
	Open, Ended, Pruned int
}

// Figures counts what the outbox holds.
func (r *Reader) Figures() (Figures, error) {
	mark, err := readMarker(r.s.path)
	if err != nil {
		return Figures{}, err
	}
	f := Figures{Size: fileSize(r.s.path), States: map[outbox.State]int{}}
	err = r.s.view(func(t *txn) error {
		st, err := t.state()
		if err != nil {
			return err
		}
		f.Identity = st.identity()
		f.Outdated = outdated(mark, st, t.requests.Sequence() > 0)
		f.Free = int64(r.s.db.Stats().FreePageN) * pageSize
		f.Pruned = count(t.tombs())
		for _, b := range []*bbolt.Bucket{t.requests, t.ended.all, t.ended.newest} {
			c := b.Cursor()
			for k, v := c.First(); k != nil; k, v = c.Next() {
				seq, _ := seqOfKey(k)
				h, err := decodeHeader(seq, v)
				if err != nil {
					return t.damaged("record", seq, err)
				}
				f.States[h.state]++
				if h.state.Final() {
					f.Ended++
				} else {
					f.Open++
				}
			}
		}
		return nil
	})
	return f, err
}
