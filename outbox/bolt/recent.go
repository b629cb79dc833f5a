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
// the same ones, by whatever transaction, is the same request, and need not be decoded again.
type recentRecords struct {
	mu   sync.Mutex
	list [recentMost]recentRecord // by sequence
}

type recentRecord struct {
	raw     []byte
	request outbox.Request
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

// put notes what a record decodes to. raw must not be written to any more.
func (c *recentRecords) put(raw []byte, r outbox.Request) {
	if len(raw)+len(r.Body) > recentBytes {
		return
	}
	r = r.Clone()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list[r.Seq%recentMost] = recentRecord{raw, r}
}
