package bolt

// takeUp gives the file layout 2 with what it says of itself, last in the first transaction that a start makes.
func (t *txn) takeUp(st fileState) error {
	st.Format = layoutInUse
	if err := t.setState(st); err != nil {
		return err
	}
	if err := t.settle(true); err != nil {
		return err
	}
	for _, name := range [][]byte{bucketOpen, bucketIDsNew, bucketOrdersNew} {
		if err := t.tx.DeleteBucket(name); err != nil {
			return err
		}
		if _, err := t.tx.CreateBucket(name); err != nil {
			return err
		}
	}
	return nil
}

// layDown gives a file that is about to be closed layout 1, so that the build before can open it. Where that fails, the next start
// makes up the indexes from the records, as after a power cut.
func (s *Store) layDown() {
	tx, err := s.db.Begin(true)
	if err != nil {
		return
	}
	defer func() { _ = tx.Rollback() }() // no more than an error once it is committed
	t, err := newTxn(s, tx, s.indexes.Load())
	if err == nil && t.writeClosed(s.lanes.all()) == nil {
		_ = t.commit()
	}
}

func (t *txn) writeClosed(lanes map[string]*laneState) error {
	if err := t.writeOpen(lanes); err != nil {
		return err
	}
	if err := t.settle(true); err != nil {
		return err
	}
	st, err := t.state()
	if err != nil {
		return err
	}
	st.Format = layoutClosed
	return t.setState(st)
}
