package bolt

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"os"

	"go.etcd.io/bbolt"

	"tillpost/outbox"
)

// marker is the small file next to the database that says that there is one, and which. Without it a lost, emptied or
// exchanged database would look like a new one.
type marker struct {
	Instance   string `json:"instance"`
	Generation uint64 `json:"generation"`

	// unreadable: there is a marker, but its content is lost.
	unreadable bool
}

// readMarker returns nil if there is no marker.
func readMarker(path string) (*marker, error) {
	b, err := os.ReadFile(path + suffixMarker)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // its absence is an answer
	}
	if err != nil {
		return nil, err
	}
	m := &marker{}
	if json.Unmarshal(b, m) != nil || m.Instance == "" {
		// It is written in one piece, so this is damage of the disk. That there is one says enough.
		m = &marker{unreadable: true}
	}
	return m, nil
}

func writeMarker(path string, m marker) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := writeFile(path+suffixMarker, append(b, '\n')); err != nil {
		return fmt.Errorf("write the marker beside the outbox: %w", err)
	}
	return nil
}

// stampKey holds the id of the last transaction, in the meta bucket, in the page that every commit writes anyway.
var stampKey = []byte("tx")

// countKey holds, beside the stamp, how many commits this outbox has seen in its life: unlike the transactions' ids, which a
// compaction begins anew, it never goes back.
var countKey = []byte("n")

// stamp writes a transaction's id into it, and counts it. Every write transaction has to call it before its commit.
func stamp(tx *bbolt.Tx) error {
	meta := tx.Bucket(bucketMeta)
	if err := meta.Put(countKey, binary.AppendUvarint(nil, commitCount(tx)+1)); err != nil {
		return err
	}
	return meta.Put(stampKey, binary.AppendVarint(nil, int64(tx.ID())))
}

// commitCount returns the number of commits in the life of a file, 0 in one older than the count.
func commitCount(tx *bbolt.Tx) uint64 {
	v := tx.Bucket(bucketMeta).Get(countKey)
	if n, size := binary.Uvarint(v); size > 0 && size == len(v) {
		return n
	}
	return 0
}

// stale reports whether a file whose last transaction has the id last is an earlier state of itself: a disk that lies
// about a sync can keep a commit's root, and older pages where it leads to. A file of before there were stamps has none.
func stale(tx *bbolt.Tx, last int) bool {
	v := tx.Bucket(bucketMeta).Get(stampKey)
	id, n := binary.Varint(v)
	return n > 0 && n == len(v) && id < int64(last)
}

// What bbolt's two root pages look like: a page's header, then the fields that the checksum covers, then that.
const (
	rootHeader  = 16
	rootCovered = 56
	rootMagic   = 0xED0CDAED
)

// rootLost reports whether just one of the two root pages is readable. bbolt goes on with that one, which is right after a
// power cut in a commit; but if the newer one went bad later, a commit is missing that somebody may have acted on.
func rootLost(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }() // only read from
	pages := make([]byte, 2*pageSize)
	if n, _ := f.ReadAt(pages, 0); n < len(pages) {
		return false, nil // the check will say more
	}
	return rootValid(pages[:pageSize]) != rootValid(pages[pageSize:]), nil
}

func rootValid(page []byte) bool {
	m := page[rootHeader:]
	h := fnv.New64a()
	_, _ = h.Write(m[:rootCovered]) // it never fails
	// bbolt writes in the machine's own byte order.
	return binary.NativeEndian.Uint32(m) == rootMagic && binary.NativeEndian.Uint64(m[rootCovered:]) == h.Sum64()
}

// Distrust is outbox.Store's. The next Open starts a generation beyond the given one. It returns how many requests it put
// in doubt; in a copy that is RolledBack already, what came since is left as it is.
func (s *Store) Distrust(ctx context.Context, generation uint64) (inDoubt int, err error) {
	var copied outbox.Copied
	err = s.changeState(ctx, func(t *txn, st *fileState) (err error) {
		inDoubt = 0
		if !st.RolledBack {
			inDoubt, err = t.rollBack(st)
			t.note(err)
		}
		st.Generation, copied = max(st.Generation, generation), st.Copied
		return nil
	})
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.identity.RolledBack, s.identity.Copied = true, copied
	return inDoubt, nil
}

// Identity is outbox.Store's. Distrust and AcceptRollback change its RolledBack.
func (s *Store) Identity() outbox.Identity {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.identity
}

// AcceptRollback notes that a person takes this copy as the outbox that counts.
func (s *Store) AcceptRollback(ctx context.Context) error {
	err := s.changeState(ctx, func(_ *txn, st *fileState) error {
		st.RolledBack = false
		return nil
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.identity.RolledBack = false
	return nil
}

// newInstance makes the name of a new outbox.
func newInstance() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}
