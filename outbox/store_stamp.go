package outbox

import (
	"encoding/binary"

	"go.etcd.io/bbolt"
)

// stampKey holds, in the meta bucket, the id of the transaction that wrote the file last. It lies in the page that every
// commit writes anyway.
var stampKey = []byte("tx")

// stamp notes in a transaction which one it is. Every commit has to.
func stamp(tx *bbolt.Tx) error {
	return tx.Bucket(bucketMeta).Put(stampKey, binary.AppendVarint(nil, int64(tx.ID())))
}

// stale tells whether a file whose last transaction has the id last is an earlier state of itself: a disk that says
// "synced" and has not can keep the root of a commit and lose the pages that it leads to, where older ones then stand. A
// file of before there were stamps has none.
func stale(tx *bbolt.Tx, last int) bool {
	v := tx.Bucket(bucketMeta).Get(stampKey)
	id, n := binary.Varint(v)
	return n > 0 && n == len(v) && id < int64(last)
}
