package bolt

import (
	"context"
	"time"

	"tillpost/outbox"

	"go.etcd.io/bbolt"
)

// WithCommit gives options whose commits a test can make fail.
func WithCommit(o Options, commit func(tx *bbolt.Tx) error) Options {
	o.commit = commit
	return o
}

// WithNewest gives options of a store that keeps no more than so many entries of each index in memory.
func WithNewest(o Options, most int) Options {
	o.newest = most
	return o
}

// LookupAfter looks an id up in a read transaction that begins before what is done in between.
func LookupAfter(s *Store, id string, between func()) (outbox.Request, error) {
	return read(s, func(t *txn) (outbox.Request, error) {
		between()
		return t.lookup(id)
	})
}

// PassOrder has an order pass to another request in one transaction, and returns whose it is for that.
func PassOrder(s *Store, uuid string, to uint64) (owner uint64, err error) {
	err = s.submit(context.Background(), false, func(t *txn) error {
		t.note(t.orders.Delete([]byte(uuid)))
		t.note(t.orders.Put([]byte(uuid), to))
		owner, _ = seqOfKey(t.orders.Get([]byte(uuid)))
		return nil
	})
	return owner, err
}

// Places returns how many places of a terminal are kept in memory, or how many numbers of requests that moved there if those are more.
func Places(s *Store, terminal string) int {
	p := s.lanes.get(terminal).places
	return max(len(p.turns), len(p.moved))
}

// WithReserve gives options whose reserve a test can refuse.
func WithReserve(o Options, reserve func(path string, size int64) error) Options {
	o.fallocate = reserve
	return o
}

// The codec, for its fuzz tests.
var (
	EncodeRecord = encodeRecord
	EncodeBody   = encodeBody
	DecodeBody   = decodeBody
	Seal         = seal
)

// DecodeRecord reads a record without its body.
func DecodeRecord(seq uint64, b []byte) (outbox.Request, error) {
	r, _, err := decodeRecord(seq, b)
	return r, err
}

// ForgetBallastTry has the reserve tried again at once.
func ForgetBallastTry(s *Store) {
	s.ballast.mu.Lock()
	defer s.ballast.mu.Unlock()
	s.ballast.tried = time.Time{}
}
