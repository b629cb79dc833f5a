package bolt

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"

	"tillpost/outbox"

	"go.etcd.io/bbolt"
)

// The buckets. Requests that are not final have a bucket of their own: it stays small, so that the commits of a
// request's life touch few pages however many ended ones are kept, and a start reads what is open only. Ended records
// move once. Bodies are written once and deleted once.
var (
	bucketRequests = []byte("requests") // seq: record, not final
	bucketEnded    = []byte("ended")    // seq: record, final
	bucketBodies   = []byte("bodies")   // seq: body
	bucketOpen     = []byte("open")     // terminal 0x00 turn: nothing, or seq where that differs, for what is not final; empty in layout 2
	bucketIDs      = []byte("ids")      // request id: seq, for ever; see indexes
	bucketOrders   = []byte("orders")   // order uuid: seq of the order that owns it; see indexes
	bucketTombs    = []byte("tombs")    // seq: tombstone
	bucketRefunds  = []byte("refunds")  // order uuid 0x00 seq, or 0x00 order's id 0x00 seq: nothing, for refunds and approvals
	bucketMeta     = []byte("meta")
	bucketBlobs    = []byte("blobs") // small values of the agent's
	bucketCold     = []byte("cold")  // holds coldBuckets

	bucketEndedNew = []byte("ended.new") // the newest ended records; see tiered
	// Where layout 1 has the newest entries of ids and orders. They stay, empty, so that a build that knows no other layout comes as
	// far as this one's number, and refuses it instead of taking the file for damaged.
	bucketIDsNew    = []byte("ids.new")
	bucketOrdersNew = []byte("orders.new")
)

// Every commit writes the root page, and bbolt keeps buckets of less than a quarter of a page within it. Were it to
// overflow once, it would stay two pages and one above them for good: 16 KiB more for every order. So the buckets that
// most commits leave alone lie apart, in one of their own.
var (
	hotBuckets  = [][]byte{bucketRequests, bucketBodies, bucketOpen, bucketMeta, bucketEndedNew, bucketIDsNew, bucketOrdersNew}
	coldBuckets = [][]byte{bucketEnded, bucketIDs, bucketOrders, bucketTombs, bucketRefunds, bucketBlobs}
)

// metaKey is the one key in the meta bucket: a framed fileState.
var metaKey = []byte("state")

// A file in use has layout 2: the index of open requests is empty, for their records tell the same, and those of ids and orders may lack
// their newest entries. One that was closed has layout 1, so that the build before can take over.
const (
	layoutClosed = 1
	layoutInUse  = 2
)

// Ended records, bodies and tombstones are added in about the order of their sequence, so their pages can be full.
const appendFill = 0.9

func seqKey(seq uint64) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 0, 8), seq)
}

func seqOfKey(k []byte) (uint64, bool) {
	if len(k) != 8 {
		return 0, false
	}
	return binary.BigEndian.Uint64(k), true
}

func openKey(terminal string, turn uint64) []byte {
	k := append(append(make([]byte, 0, len(terminal)+9), terminal...), 0)
	return binary.BigEndian.AppendUint64(k, turn)
}

// openValue is what stands in the open index under a request's key.
func openValue(p place) []byte {
	if p.turn == p.seq {
		return nil
	}
	return seqKey(p.seq)
}

// openEntry decodes an entry of the open index.
func openEntry(k, v []byte) (p place, ok bool) {
	i := bytes.IndexByte(k, 0)
	if i < 0 || len(k) != i+9 {
		return place{}, false
	}
	turn := binary.BigEndian.Uint64(k[i+1:])
	if len(v) == 0 {
		return place{turn, turn}, true
	}
	seq, ok := seqOfKey(v)
	return place{turn, seq}, ok
}

// txn is one bbolt transaction with the outbox's buckets. Its changes of the lanes count once it is committed.
type txn struct {
	s  *Store
	tx *bbolt.Tx

	cold, requests, bodies, meta *bbolt.Bucket
	ended                        tiered
	ids, orders                  index
	unindexed                    uint64 // fileState.Unindexed

	lanes   map[string]*laneState
	opened  int // change of the number of open requests
	changes []outbox.Change
	dirty   bool
	// broken is an error after a first write: nothing of the transaction may be committed.
	broken error
}

// newTxn looks up the buckets. What the indexes have in memory is read from the file where it is nil; a reader has to take it from the
// store before tx began.
func newTxn(s *Store, tx *bbolt.Tx, inMemory *indexes) (*txn, error) {
	t := &txn{s: s, tx: tx, cold: tx.Bucket(bucketCold)}
	if t.cold == nil {
		return nil, noBucket(s, bucketCold)
	}
	for _, b := range []struct {
		in interface {
			Bucket(name []byte) *bbolt.Bucket
		}
		name []byte
		to   **bbolt.Bucket
		fill float64
	}{
		{tx, bucketRequests, &t.requests, appendFill}, {tx, bucketBodies, &t.bodies, appendFill}, {tx, bucketMeta, &t.meta, 0},
		{tx, bucketEndedNew, &t.ended.newest, 0}, {t.cold, bucketEnded, &t.ended.all, appendFill},
		{t.cold, bucketIDs, &t.ids.bucket, 0}, {t.cold, bucketOrders, &t.orders.bucket, 0},
	} {
		*b.to = b.in.Bucket(b.name)
		if *b.to == nil {
			return nil, noBucket(s, b.name)
		}
		if b.fill > 0 {
			(*b.to).FillPercent = b.fill
		}
	}
	for _, x := range []*index{&t.ids, &t.orders} {
		x.last, x.most = t.requests.Sequence(), cmp.Or(s.o.newest, newestMost)
	}
	if inMemory != nil {
		t.ids.table, t.orders.table, t.unindexed = inMemory.ids, inMemory.orders, inMemory.unindexed
		return t, nil
	}
	for _, b := range []struct {
		is   *bbolt.Bucket
		name []byte
	}{
		{t.open(), bucketOpen}, {t.tombs(), bucketTombs}, {t.refunds(), bucketRefunds}, {t.blobs(), bucketBlobs},
		{tx.Bucket(bucketIDsNew), bucketIDsNew}, {tx.Bucket(bucketOrdersNew), bucketOrdersNew},
	} {
		if b.is == nil {
			return nil, noBucket(s, b.name)
		}
	}
	if err := t.readIndexes(); err != nil {
		return nil, err
	}
	return t, nil
}

// The buckets that few transactions look into: to look each up costs as much as a read. That they are there is seen when a file is opened.

func (t *txn) open() *bbolt.Bucket    { return t.tx.Bucket(bucketOpen) }
func (t *txn) tombs() *bbolt.Bucket   { return t.cold.Bucket(bucketTombs) }
func (t *txn) refunds() *bbolt.Bucket { return t.cold.Bucket(bucketRefunds) }
func (t *txn) blobs() *bbolt.Bucket   { return t.cold.Bucket(bucketBlobs) }

func noBucket(s *Store, name []byte) error {
	return &DamagedError{Path: s.path, Found: fmt.Sprintf("it has no bucket %q", name)}
}

// wrong returns the error for what a sound file can't hold.
func (t *txn) wrong(format string, args ...any) error {
	return &DamagedError{Path: t.s.path, Found: fmt.Sprintf(format, args...)}
}

// damaged returns the error for a record that can't be read.
func (t *txn) damaged(what string, seq uint64, err error) error {
	if newer, ok := errors.AsType[newerError](err); ok {
		return fmt.Errorf("%w: %s %d: %w", ErrNewerFormat, what, seq, newer)
	}
	return &DamagedError{Path: t.s.path, Found: fmt.Sprintf("%s %d: %v", what, seq, err), Err: err}
}

// raw finds a record wherever it is.
func (t *txn) raw(seq uint64) []byte {
	k := seqKey(seq)
	if b := t.requests.Get(k); b != nil {
		return b
	}
	return t.ended.Get(k)
}

// load reads a request with its body.
func (t *txn) load(seq uint64) (outbox.Request, error) {
	b := t.raw(seq)
	if b == nil {
		if t.tombs().Get(seqKey(seq)) != nil {
			return outbox.Request{}, outbox.ErrPruned
		}
		return outbox.Request{}, outbox.ErrNotFound
	}
	return t.decode(seq, b)
}

func (t *txn) decode(seq uint64, b []byte) (outbox.Request, error) {
	if r, ok := t.s.recent.get(seq, b); ok {
		return r, nil
	}
	r, h, err := decodeRecord(seq, b)
	if err != nil {
		return outbox.Request{}, t.damaged("record", seq, err)
	}
	if h.hasBody() {
		if r.Body, err = decodeBody(seq, t.bodies.Get(seqKey(seq))); err != nil {
			return outbox.Request{}, t.damaged("body", seq, err)
		}
	}
	t.s.recent.put(bytes.Clone(b), r)
	return r, nil
}

// lookup finds a request by its id; a tombstone comes with ErrPruned.
func (t *txn) lookup(id string) (outbox.Request, error) {
	v := t.ids.Get([]byte(id))
	if v == nil {
		return outbox.Request{}, outbox.ErrNotFound
	}
	seq, ok := seqOfKey(v)
	if !ok {
		return outbox.Request{}, t.wrong("the index of ids has an entry that is no sequence")
	}
	if b := t.raw(seq); b != nil {
		return t.decode(seq, b)
	}
	b := t.tombs().Get(seqKey(seq))
	if b == nil {
		return outbox.Request{}, t.wrong("the index of ids names record %d, which is not there", seq)
	}
	r, _, err := decodeRecord(seq, b)
	if err != nil {
		return outbox.Request{}, t.damaged("tombstone", seq, err)
	}
	return r, outbox.ErrPruned
}
