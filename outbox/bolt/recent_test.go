package bolt_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"

	"go.etcd.io/bbolt"
)

// What a commit that failed had written is not read by whoever takes its sequence next.
func TestAFailedCommitIsNotRead(t *testing.T) {
	t.Parallel()
	fail := false
	s, err := bolt.Open(filepath.Join(t.TempDir(), "outbox.db"), bolt.WithCommit(bolt.Options{BallastSize: -1}, func(tx *bbolt.Tx) error {
		if fail {
			fail = false
			_ = tx.Rollback()
			return errors.New("the disk says no")
		}
		return tx.Commit()
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	fail = true
	if _, err := s.Add(context.Background(), outboxtest.Order("lost", "T1")); !errors.Is(err, outbox.ErrUncertain) {
		t.Fatalf("the failed commit says %v", err)
	}
	if r, err := s.Get(1); !errors.Is(err, outbox.ErrNotFound) {
		t.Errorf("of a commit that failed it reads %+v, %v", r, err)
	}
	if _, err := s.Add(context.Background(), outboxtest.Order("kept", "T1")); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Get(1); err != nil || r.ID != "kept" {
		t.Errorf("it reads %s, %v, want the one that is there", r.ID, err)
	}
}

// What a caller does to what was read changes nothing for the next.
func TestWhatIsReadIsTheCallersOwn(t *testing.T) {
	t.Parallel()
	s, err := bolt.Open(filepath.Join(t.TempDir(), "outbox.db"), bolt.Options{BallastSize: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if _, err := s.Add(context.Background(), outboxtest.Order("o", "T1")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		r, err := s.Get(1)
		if err != nil || len(r.History) != 1 || r.History[0].By != "" {
			t.Fatalf("it reads %+v, %v", r, err)
		}
		r.History[0].By = "somebody"
	}
}
