package bolt

import (
	"bytes"
	"sync"

	"tillpost/outbox"
)

// What recentRecords keep: so many, of records and bodies of so many bytes together.
const (
	recentMost  = 64
	recentBytes = 8 << 10
)

// recentRecords are what the records read or written last decode to. Each stands for its very bytes: a record that is read with
// the same ones, by whatever transaction, is the same request, and need not be decoded again. One that the last commit of its request
// wrote is that request as it stands, and need not even be read.
type recentRecords struct {
	mu   sync.Mutex
	list [recentMost]recentRecord // by sequence
}

type recentRecord struct {
	raw     []byte
	request outbox.Request
	stands  bool // it is on disk, and nothing newer is
}

// get returns what a record decodes to, with its body.
func (c *recentRecords) get(seq uint64, raw []byte) (outbox.Request, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := &c.list[seq%recentMost]
	if e.request.Seq != seq || !bytes.Equal(e.raw, raw) {
		return outbox.Request{}, false
	}
	return e.request.Clone(), true
}

// standing returns a request as it stands on disk, with its body.
func (c *recentRecords) standing(seq uint64) (outbox.Request, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := &c.list[seq%recentMost]
	if e.request.Seq != seq || !e.stands {
		return outbox.Request{}, false
	}
	return e.request.Clone(), true
}

// put notes what a record decodes to, or is about to be. raw must not be written to any more.
func (c *recentRecords) put(raw []byte, r outbox.Request) {
	if len(raw)+len(r.Body) > recentBytes {
		c.drop(r.Seq)
		return
	}
	r = r.Clone()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list[r.Seq%recentMost] = recentRecord{raw: raw, request: r}
}

// drop forgets what is known of a request.
func (c *recentRecords) drop(seq uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := &c.list[seq%recentMost]; e.request.Seq == seq {
		*e = recentRecord{}
	}
}

// committed notes that changes are on disk.
func (c *recentRecords) committed(changes []outbox.Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, change := range changes {
		e := &c.list[change.Request.Seq%recentMost]
		e.stands = e.stands || e.request.Seq == change.Request.Seq && e.request.Revision == change.Request.Revision
	}
}

// clear forgets all, where another file, or another state of it, is read from now on.
func (c *recentRecords) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.list[:])
}

// standing returns a request as it stands on disk, if that is known without reading it.
func (s *Store) standing(seq uint64) (outbox.Request, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.db == nil {
		return outbox.Request{}, false
	}
	return s.recent.standing(seq)
}
