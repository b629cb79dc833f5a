package outbox

// Before visits the records, open and ended, whose sequence is less than seq, the newest first, until fn returns false;
// with 0 it visits all. As EachOpen, it reads in short transactions, and fn may call the store.
func (s *Store) Before(seq uint64, fn func(Request) bool) error {
	next := seq - 1 // all there are, for 0
	for next > 0 {
		var list []Request
		more := false
		err := s.view(func(t *txn) (err error) {
			list, more, err = t.chunk(next, true, t.requests, t.ended.all, t.ended.newest)
			return err
		})
		if err != nil {
			return err
		}
		for _, r := range list {
			if !fn(r) {
				return nil
			}
			next = r.Seq - 1
		}
		if !more {
			return nil
		}
	}
	return nil
}
