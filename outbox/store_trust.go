package outbox

import "context"

// Distrust notes that a process with this outbox, of the given generation or a newer one, is or was at work elsewhere:
// this is an older copy, or one of two. Every open request is in doubt then, as after a restore, until AcceptRollback
// this copy is RolledBack, and the next Open starts a generation beyond that one. It tells how many requests it put in
// doubt; in a copy that is RolledBack already, what came since is left as it is.
func (s *Store) Distrust(ctx context.Context, generation uint64) (inDoubt int, err error) {
	var copied *Copied
	err = s.submit(ctx, false, func(t *txn) error {
		inDoubt, copied = 0, nil
		st, err := t.state()
		if err != nil || st.RolledBack && st.Generation >= generation {
			return err
		}
		if !st.RolledBack {
			var err error
			inDoubt, err = t.doubtAll(s.now())
			t.note(err)
			t.note(t.setBack(&st, s.atOpen))
			copied = &st.Copied
		}
		st.Generation = max(st.Generation, generation)
		t.note(t.setState(st))
		return nil
	})
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.identity.RolledBack = true
	if copied != nil {
		s.identity.Copied = *copied
	}
	return inDoubt, nil
}
