package bolt

import (
	"bytes"
	"maps"
	"slices"
	"sync"

	"go.etcd.io/bbolt"
)

const (
	// newestMost is how many entries of an index stay in memory, at some 120 bytes each. Once there are more, a newestPart of them
	// moves to the bucket, neighbours: with ten thousand in it they touch fourteen of its pages. None is of a request that newestReach
	// times as many have come after.
	newestMost  = 1024
	newestPart  = 16
	newestReach = 16
)

// indexes are the entries of the indexes of ids and orders that have not moved to their buckets yet, about the newest. Such keys come
// in no order, so that each would cost its commit a page of the bucket, where neighbours that move together share one. They are in
// memory only: an entry follows from its record, and the file says from which record on the buckets may lack entries.
type indexes struct {
	ids, orders *table
	unindexed   uint64 // fileState.Unindexed
}

// table is the part of an index that is in memory, as it is committed. What moves to the bucket is never removed from it: another
// table takes its place, so that a reader who began before the commit finds each entry in one of the two.
type table struct {
	mu   sync.RWMutex
	seqs map[string]uint64
	next string // where the next run of neighbours begins
}

func (t *table) get(k []byte) uint64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.seqs[string(k)]
}

// change sets entries, and removes those that are 0.
func (t *table) change(to map[string]uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for k, seq := range to {
		if seq == 0 {
			delete(t.seqs, k)
		} else {
			t.seqs[k] = seq
		}
	}
}

// index is an index as one transaction sees and changes it: sequences by a key.
type index struct {
	bucket *bbolt.Bucket
	table  *table
	last   uint64 // the last sequence that this transaction knows
	most   int    // how many may be in memory
	// changed holds this transaction's changes of the table, 0 for what it deleted; instead is set where another takes its place.
	changed map[string]uint64
	instead *table
}

// Get returns an entry's value as its bucket has it, nil if there is none.
func (x *index) Get(k []byte) []byte {
	if seq, ok := x.changed[string(k)]; ok {
		if seq == 0 {
			return nil
		}
		return seqKey(seq)
	}
	if seq := x.table.get(k); seq != 0 && seq <= x.last { // a later one was committed since
		return seqKey(seq)
	}
	return x.bucket.Get(k)
}

// Put adds an entry. One of a request of long ago goes to the bucket at once: in memory it would have every start read all records
// since then.
func (x *index) Put(k []byte, seq uint64) error {
	_, changed := x.changed[string(k)] // another request lost it in this transaction: what that says would hide the bucket's
	if !changed && seq+uint64(newestReach*x.most) < x.last {
		return x.bucket.Put(k, seqKey(seq))
	}
	x.set(k, seq)
	return nil
}

// Delete removes an entry, if there is one.
func (x *index) Delete(k []byte) error {
	x.set(k, 0)
	return x.bucket.Delete(k)
}

func (x *index) set(k []byte, seq uint64) {
	if x.changed == nil {
		x.changed = map[string]uint64{}
	}
	x.changed[string(k)] = seq
}

// count walks through the bucket, and returns how many entries the index has as it is committed.
func (x *index) count() int { return count(x.bucket) + len(x.table.seqs) }

// settle moves a run of neighbours to the bucket if more would be in memory than may be; or all there are.
func (x *index) settle(all bool) error {
	if !all && len(x.table.seqs)+len(x.changed) <= x.most {
		return nil
	}
	stay := &table{seqs: maps.Clone(x.table.seqs)}
	stay.change(x.changed)
	run := slices.Sorted(maps.Keys(stay.seqs))
	if n := max(x.most/newestPart, len(run)-x.most); !all && n < len(run) {
		at, _ := slices.BinarySearch(run, x.table.next)
		run = slices.Concat(run[at:], run[:at])
		run, stay.next = run[:n], run[n]
		slices.Sort(run)
	}
	for _, k := range run {
		if err := x.bucket.Put([]byte(k), seqKey(stay.seqs[k])); err != nil {
			return err
		}
		delete(stay.seqs, k)
	}
	x.instead = stay
	return nil
}

// committed returns the table once the transaction is committed.
func (x *index) committed() *table {
	if x.instead != nil {
		return x.instead
	}
	x.table.change(x.changed)
	return x.table
}

// lowest returns the lower of a sequence, 0 for none, and that of any entry in memory; of the changed ones alone unless all is set.
func (x *index) lowest(seq uint64, all bool) uint64 {
	look := []map[string]uint64{x.changed}
	switch {
	case x.instead != nil:
		look[0] = x.instead.seqs
	case all:
		look = append(look, x.table.seqs)
	}
	for _, m := range look {
		for _, s := range m {
			if s != 0 && (seq == 0 || s < seq) {
				seq = s
			}
		}
	}
	return seq
}

// settle makes room in memory for newer entries of the indexes, or moves all to their buckets, and notes in the file from which record
// on those may lack some. It comes last in a transaction.
func (t *txn) settle(all bool) error {
	for _, x := range []*index{&t.ids, &t.orders} {
		if err := x.settle(all); err != nil {
			return err
		}
	}
	from, moved := t.unindexed, t.ids.instead != nil || t.orders.instead != nil
	if moved {
		from = 0
	}
	from = t.orders.lowest(t.ids.lowest(from, moved), moved)
	if from == t.unindexed {
		return nil
	}
	st, err := t.state()
	if err != nil {
		return err
	}
	t.unindexed, st.Unindexed = from, from
	return t.setState(st)
}

// readIndexes takes from the file what the indexes have in memory: the entries that the records from the noted one on should have
// in the buckets and do not have there, and what layout 1 keeps apart.
func (t *txn) readIndexes() error {
	t.ids.table, t.orders.table = &table{seqs: map[string]uint64{}}, &table{seqs: map[string]uint64{}}
	for name, x := range map[string]*index{string(bucketIDsNew): &t.ids, string(bucketOrdersNew): &t.orders} {
		c := t.tx.Bucket([]byte(name)).Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			seq, ok := seqOfKey(v)
			if !ok {
				return t.wrong("an index has an entry that is no sequence")
			}
			x.table.seqs[string(k)] = seq
		}
	}
	st, err := t.state()
	if t.unindexed = st.Unindexed; err != nil || t.unindexed == 0 {
		return err
	}
	for _, b := range []*bbolt.Bucket{t.requests, t.ended.all, t.ended.newest, t.tombs()} {
		c := b.Cursor()
		for k, v := c.Seek(seqKey(t.unindexed)); k != nil; k, v = c.Next() {
			if err := t.readIndexed(k, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// readIndexed takes up what the buckets lack of one record.
func (t *txn) readIndexed(k, record []byte) error {
	seq, ok := seqOfKey(k)
	if !ok {
		return t.wrong("a record's key is no sequence")
	}
	h, err := decodeHeader(seq, record)
	if err != nil {
		return t.damaged("record", seq, err)
	}
	if !bytes.Equal(t.ids.bucket.Get(h.id), k) {
		t.ids.table.seqs[string(h.id)] = seq
	}
	if !h.namesOrder() {
		return nil
	}
	r, _, err := decodeRecord(seq, record)
	if err != nil {
		return t.damaged("record", seq, err)
	}
	for _, uuid := range owned(r) {
		if !bytes.Equal(t.orders.bucket.Get([]byte(uuid)), k) {
			t.orders.table.seqs[uuid] = seq
		}
	}
	return nil
}

// committed takes over what a committed transaction changed of what is kept in memory.
func (s *Store) committed(t *txn) {
	s.lanes.merge(t.lanes, t.opened)
	s.recent.committed(t.changes)
	s.indexes.Store(&indexes{t.ids.committed(), t.orders.committed(), t.unindexed})
}

// commit commits a transaction of its own, beside those of the callers.
func (t *txn) commit() error {
	if err := stamp(t.tx); err != nil {
		return err
	}
	return t.s.o.commit(t.tx)
}
