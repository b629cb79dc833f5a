package bolt_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

// A root that leads to the pages of an earlier commit, as a disk leaves it that did not keep what it called synced, is
// known: the file is an older copy of itself, and what is open in it is in doubt.
func TestEarlierPagesUnderALaterRootAreNoticed(t *testing.T) {
	t.Parallel()
	s := outboxtest.Open(t, bolt.Options{})
	if _, err := s.Add(context.Background(), outboxtest.Order("open", "T1")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	loseAllButTheRoot(t, s.Path())
	s = outboxtest.Reopen(t, s, bolt.Options{})
	if r, err := s.Lookup("open"); err != nil || r.State != outbox.StateInDoubt || !s.Identity().RolledBack || s.Recovery().InDoubt != 1 {
		t.Errorf("it is %v (%v), %+v, %+v", r.State, err, s.Identity(), s.Recovery())
	}
	if err := s.AcceptRollback(context.Background()); err != nil {
		t.Fatal(err)
	}
	if s = outboxtest.Reopen(t, s, bolt.Options{}); s.Identity().RolledBack {
		t.Error("accepted, and it is an older copy again")
	}
}

// loseAllButTheRoot has a file end with a commit of which nothing is left but its root.
func loseAllButTheRoot(t *testing.T, path string) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err == nil {
		err = errors.Join(db.Update(func(*bbolt.Tx) error { return nil }), db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A compaction, which leaves none of the pages that show it, hides neither an earlier state nor a lost root.
func TestACompactionHidesNoLoss(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for name, lose := range map[string]func(*testing.T, string){"pages": loseAllButTheRoot, "a root": loseNewestRoot} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := outboxtest.Open(t, bolt.Options{Policy: outboxtest.Policy})
			_, err := s.Add(ctx, outboxtest.Order("open", "T1"))
			if err := errors.Join(err, s.PutBlob(ctx, "b", make([]byte, 16<<20)), s.PutBlob(ctx, "b", nil), s.PutBlob(ctx, "c", []byte("x")), s.Close()); err != nil {
				t.Fatal(err)
			}
			lose(t, s.Path())
			if _, _, err := bolt.Compact(s.Path()); err == nil || !strings.Contains(err.Error(), "its last commit may be missing; start tillpost on it first") {
				t.Errorf("Compact: %v", err)
			}
			s = outboxtest.Reopen(t, s, bolt.Options{})
			if r, err := s.Lookup("open"); err != nil || r.State != outbox.StateInDoubt || s.Recovery().InDoubt != 1 || !s.Recovery().Compacted {
				t.Errorf("it is %v (%v), %+v", r.State, err, s.Recovery())
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if _, _, err := bolt.Compact(s.Path()); err != nil {
				t.Errorf("Compact after a start: %v", err)
			}
		})
	}
}

// What an outbox knows of its own extent never goes back, over starts and compactions, and a copy of an earlier moment
// has less.
func TestTheExtentNeverGoesBack(t *testing.T) {
	t.Parallel()
	s := outboxtest.Open(t, bolt.Options{})
	last := s.Stats()
	grows := func(after string) {
		t.Helper()
		now := s.Stats()
		if now.Accepted < last.Accepted || now.Written <= last.Written {
			t.Errorf("after %s: %d accepted and %d written, before %d and %d", after, now.Accepted, now.Written, last.Accepted, last.Written)
		}
		last = now
	}
	for i := range 3 {
		if err := outboxtest.Live(s, i, "T1"); err != nil {
			t.Fatal(err)
		}
		grows("an order")
	}
	if last.Accepted != 3 {
		t.Errorf("%d accepted, want 3", last.Accepted)
	}
	s = outboxtest.Reopen(t, s, bolt.Options{})
	grows("a start")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := bolt.Compact(s.Path()); err != nil {
		t.Fatal(err)
	}
	s = outboxtest.Reopen(t, s, bolt.Options{})
	grows("a compaction")
}

// Whatever writes the file leaves it what it is.
func TestNoSoundFileIsTakenForAnEarlierOne(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := outboxtest.Open(t, bolt.Options{})
	sound := func(after string) {
		t.Helper()
		if s = outboxtest.Reopen(t, s, bolt.Options{}); s.Identity().RolledBack {
			t.Fatalf("an older copy after %s", after)
		}
	}
	sound("it was made")
	sound("a start")
	for i := range 3 {
		if err := outboxtest.Live(s, i, "T1"); err != nil {
			t.Fatal(err)
		}
	}
	sound("orders")
	if err := s.PutBlob(ctx, "b", []byte("x")); err != nil {
		t.Fatal(err)
	}
	sound("a value")
	if _, err := s.Prune(ctx, func(outbox.Request) bool { return true }, 2); err != nil {
		t.Fatal(err)
	}
	sound("pruning")
	if err := errors.Join(s.Snapshot(ctx), s.Close()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := bolt.Compact(s.Path()); err != nil {
		t.Fatal(err)
	}
	sound("compacting")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	rm(t, s.Path())
	s = outboxtest.Reopen(t, s, bolt.Options{}) // restored
	if err := s.AcceptRollback(ctx); err != nil {
		t.Fatal(err)
	}
	sound("a restore that was accepted")
}
