package bolt_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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

// What is known of requests without reading them is what is on disk, whatever commits fail, also while one is under way, and whatever
// is too large or too rich to be kept in memory.
func TestWhatStandsIsWhatIsOnDisk(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(3, 5))
	var s *bolt.Store
	same := func() {
		last, err := s.Sequence()
		for seq := max(1, last-min(last, 70)); err == nil && seq <= last; seq++ {
			got, err := s.Get(seq)
			read, other := s.Records([]uint64{seq})
			if err != nil || other != nil || len(read) != 1 {
				t.Errorf("%d is %v, %v, %v", seq, got.State, err, other)
				return
			}
			if len(got.Body) > 0 && len(got.Body) != 100 && len(got.Body) != 9000 && got.Kind == outbox.KindOrder {
				t.Errorf("%d has a body of %d bytes", seq, len(got.Body))
			}
			got.Body = nil
			outboxtest.Equal(t, got, read[0])
		}
	}
	o := bolt.WithCommit(bolt.Options{BallastSize: -1, Policy: outboxtest.Policy}, func(tx *bbolt.Tx) error {
		if s != nil {
			same()
		}
		switch rnd.IntN(8) {
		case 0:
			_ = tx.Rollback()
			return errors.New("the disk says no")
		case 1:
			return errors.Join(tx.Commit(), errors.New("the disk says no, though it has written it"))
		}
		return tx.Commit()
	})
	for s == nil { // the first commits may fail too
		s, _ = bolt.Open(filepath.Join(t.TempDir(), "outbox.db"), o)
	}
	defer func() {
		closing := s
		s = nil // its last commit is made where nobody may read any more
		_ = closing.Close()
	}()
	ctx := context.Background()
	for n := range 250 {
		switch seq := uint64(1 + rnd.IntN(n/3+1)); rnd.IntN(5) {
		case 0, 1:
			r := outboxtest.Order(outboxtest.ID(n), fmt.Sprintf("T%d", n%40))
			r.Body = bytes.Repeat([]byte("x"), []int{100, 9000}[rnd.IntN(2)])
			if rnd.IntN(4) == 0 {
				r = outboxtest.Request(outbox.KindRefund, outboxtest.ID(n), fmt.Sprintf("T%d", n%40))
				r.OrderUUID = outboxtest.OrderUUID(n - 1)
			}
			_, _ = s.Add(ctx, r)
		case 2:
			_, _, _ = s.Apply(ctx, seq, outboxtest.DueEvent(seq))
		case 3:
			_, _, _ = s.Apply(ctx, seq, outbox.Event{Type: outbox.Accepted, At: outboxtest.At(1), OrderUUID: outboxtest.OrderUUID(int(seq))})
		default:
			_, _, _ = s.Apply(ctx, seq, outbox.Event{Type: outbox.StatusSeen, At: outboxtest.At(1), OrderUUID: outboxtest.OrderUUID(int(seq)), Status: outbox.StatusPaid})
		}
		if same(); t.Failed() {
			t.Fatalf("in step %d", n)
		}
	}
}

// A record that grows too large to be kept in memory is not told as it was before.
func TestARecordThatGrowsIsNotToldAsItWas(t *testing.T) {
	t.Parallel()
	s := outboxtest.Open(t, bolt.Options{Policy: outboxtest.Policy})
	for size := 6500; size < 8300; size += 60 {
		r := outboxtest.Order(outboxtest.ID(size), fmt.Sprint("T", size))
		r.Body = bytes.Repeat([]byte("x"), size)
		added, err := s.Add(context.Background(), r)
		if err != nil {
			t.Fatal(err)
		}
		seq := added[0].Request.Seq
		if _, _, err := s.Apply(context.Background(), seq, outboxtest.DueEvent(seq)); err != nil {
			t.Fatal(err)
		}
		if r, err := s.Get(seq); err != nil || r.State != outbox.StateSending {
			t.Errorf("with a body of %d bytes it is %v, %v", size, r.State, err)
		}
	}
}
