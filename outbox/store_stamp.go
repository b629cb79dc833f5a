package outbox

import (
	"encoding/binary"

	"go.etcd.io/bbolt"
)

// stampKey holds, in the meta bucket, the id of the transaction that wrote the file last. It lies in the page that every
// commit writes anyway.
var stampKey = []byte("tx")

// countKey holds, beside the stamp, how many commits this outbox has seen in its life: unlike the transactions' ids, which a
// compaction begins anew, it never goes back.
var countKey = []byte("n")

// stamp notes in a transaction which one it is, and counts it. Every commit has to.
func stamp(tx *bbolt.Tx) error {
	meta := tx.Bucket(bucketMeta)
	if err := meta.Put(countKey, binary.AppendUvarint(nil, counted(tx)+1)); err != nil {
		return err
	}
	return meta.Put(stampKey, binary.AppendVarint(nil, int64(tx.ID())))
}

// counted is the number of commits that a file has seen, 0 in one of before they were counted.
func counted(tx *bbolt.Tx) uint64 {
	v := tx.Bucket(bucketMeta).Get(countKey)
	if n, size := binary.Uvarint(v); size > 0 && size == len(v) {
		return n
	}
	return 0
}

// stale tells whether a file whose last transaction has the id last is an earlier state of itself: a disk that says
// "synced" and has not can keep the root of a commit and lose the pages that it leads to, where older ones then stand. A
// file of before there were stamps has none.
func stale(tx *bbolt.Tx, last int) bool {
	v := tx.Bucket(bucketMeta).Get(stampKey)
	id, n := binary.Varint(v)
	return n > 0 && n == len(v) && id < int64(last)
}
