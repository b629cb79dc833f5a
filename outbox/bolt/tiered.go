package bolt

import (
	"bytes"

	"go.etcd.io/bbolt"
)

// tiered is a large bucket with a small one in front for its newest entries. A commit writes every page from a changed
// leaf up to the root: two or three for each entry of a large bucket, none or one for one of a small bucket, which lies
// within the root page or is one page. Once that is full its entries move over together, and share the pages they touch.
type tiered struct{ all, newest *bbolt.Bucket }

const (
	// entryHeader is what bbolt adds to a key and its value, in bytes.
	entryHeader = 16
	// newestRoom is a page of 4 KiB without its header, in bytes.
	newestRoom = 4096 - entryHeader
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
		if err := s.flush(entryHeader + len(k) + len(v)); err != nil {
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

// flush moves the newest entries over if there is no room for another of so many bytes.
func (s tiered) flush(another int) error {
	if size(s.newest)+another <= newestRoom {
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

// size walks through a bucket, and returns how many bytes its entries take.
func size(b *bbolt.Bucket) int {
	n := 0
	c := b.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		n += entryHeader + len(k) + len(v)
	}
	return n
}

// count walks through a bucket, and returns how many entries it has.
func count(b *bbolt.Bucket) int {
	n := 0
	c := b.Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		n++
	}
	return n
}
