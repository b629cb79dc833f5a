package bolt

import (
	"bytes"

	"go.etcd.io/bbolt"
)

// tiered is a large bucket with a small one in front for its newest entries. A commit writes every page from a changed
// leaf up to the root: two or three for each entry of a large bucket, none or one for one of a small bucket, which lies
// within the root page or is one page. Once that is full its entries move over together, and share the pages they touch.
type tiered struct {
	all, newest *bbolt.Bucket
	room        int
}

const (
	// roomEnded records of a common size fill a page.
	roomEnded = 7
	// roomIndex entries fit in the root page, with the other small buckets.
	roomIndex = 10
)

func (s tiered) Get(k []byte) []byte {
	if v := s.newest.Get(k); v != nil {
		return v
	}
	return s.all.Get(k)
}

// Put writes an entry. One that is in the large bucket already is replaced there, so that none is in both.
func (s tiered) Put(k, v []byte) error {
	if s.newest.Get(k) == nil {
		if s.all.Get(k) != nil {
			return s.all.Put(k, v)
		}
		if err := s.flush(); err != nil {
			return err
		}
	}
	return s.newest.Put(k, v)
}

func (s tiered) Delete(k []byte) error {
	if err := s.newest.Delete(k); err != nil {
		return err
	}
	return s.all.Delete(k)
}

// flush moves the newest entries over if there is no room for another.
func (s tiered) flush() error {
	if count(s.newest) < s.room {
		return nil
	}
	var keys [][]byte
	c := s.newest.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() { // they may lie in a page that is about to go
		keys = append(keys, bytes.Clone(k))
		if err := s.all.Put(k, bytes.Clone(v)); err != nil {
			return err
		}
	}
	for _, k := range keys {
		if err := s.newest.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// count walks through a bucket.
func count(b *bbolt.Bucket) int {
	n := 0
	c := b.Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		n++
	}
	return n
}
