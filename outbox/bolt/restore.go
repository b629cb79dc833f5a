package bolt

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"

	"tillpost/outbox"

	"go.etcd.io/bbolt"
)

// restore replaces a database that is damaged or gone by the last snapshot. The copy is converted before it takes that
// place, so that a crash leaves either nothing done or all.
func (s *Store) restore(cause error) error {
	from, tmp := s.path+SuffixSnapshot, s.path+suffixRestore
	if fileSize(from) == 0 {
		return s.refuse(cause, "there is no snapshot to restore")
	}
	if err := checkFile(from); err != nil {
		return s.refuse(cause, fmt.Sprintf("its snapshot can't be used either (%v)", err))
	}
	if err := copyFile(from, tmp); err != nil {
		return err
	}
	n, err := s.convertRestored(tmp)
	if err != nil {
		return errors.Join(err, remove(tmp))
	}
	r := outbox.Recovery{Restored: true, Cause: cause, InDoubt: n}
	if fileSize(s.path) > 0 {
		if r.Quarantined, err = quarantine(s.path); err != nil {
			return err
		}
	}
	if err := replaceFile(tmp, s.path); err != nil {
		return err
	}
	s.recovery = r
	return nil
}

// refuse returns the error, with what to do, where no snapshot helps.
func (s *Store) refuse(cause error, snapshot string) error {
	aside := fmt.Sprintf("to give up what it held and start empty, remove %s%s and %s, then look up at Front Payment what was paid", s.path, suffixMarker, s.path)
	if damaged, ok := errors.AsType[*DamagedError](cause); ok {
		return &DamagedError{Path: s.path, Found: damaged.Found, Err: damaged.Err,
			Hint: snapshot + "; put back a copy of the file if you have one; " + aside}
	}
	return &OpenError{Path: s.path, Err: cause,
		Hint: "mount its disk or put the file back; " + snapshot + "; " + aside}
}

// convertRestored turns a copy of a snapshot into a restored outbox: rolled back, all that was open in doubt.
func (s *Store) convertRestored(path string) (inDoubt int, err error) {
	db, err := openBolt(path, false)
	if err != nil {
		return 0, err
	}
	defer func() { err = cmp.Or(err, db.Close()) }()
	err = db.Update(func(tx *bbolt.Tx) error {
		t, err := newTxn(s, tx, nil)
		if err != nil {
			return err
		}
		st, err := t.state()
		if err != nil {
			return err
		}
		if inDoubt, err = t.rollBack(&st); err != nil {
			return err
		}
		if err := t.takeUp(st); err != nil {
			return err
		}
		return stamp(tx)
	})
	return inDoubt, err
}

// doubtAll puts every open request in doubt.
func (t *txn) doubtAll() (n int, err error) {
	var open []uint64
	c := t.requests.Cursor()
	for k, _ := c.First(); k != nil; k, _ = c.Next() {
		seq, _ := seqOfKey(k)
		open = append(open, seq)
	}
	return len(open), t.doubt(open)
}

// doubtHeads puts in doubt what a missing last commit may have started: the first of each lane that nobody holds.
func (t *txn) doubtHeads() (n int, err error) {
	lanes, _, err := t.rebuildLanes()
	if err != nil {
		return 0, err
	}
	var heads []uint64
	for _, l := range lanes {
		if l.head != 0 && len(l.holders) == 0 {
			heads = append(heads, l.head)
		}
	}
	return len(heads), t.doubt(heads)
}

func (t *txn) doubt(seqs []uint64) error {
	at := t.s.now()
	for _, seq := range seqs {
		before, err := t.load(seq)
		if err != nil {
			return err
		}
		after := outbox.AfterRestore(before, at)
		if err := t.change(before, after); err != nil {
			return err
		}
		t.changes = append(t.changes, outbox.Change{Request: after, Previous: before.State})
	}
	return t.broken
}

// copyFile copies a file, on disk when it returns.
func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }() // only read from
	dst, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_TRUNC, filePerm)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return syncClose(dst, err)
}
