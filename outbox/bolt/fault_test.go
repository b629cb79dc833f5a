package bolt_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

var errIO = fmt.Errorf("write outbox.db: %w", syscall.EIO)

// fault is a commit that can be made to fail.
type fault struct {
	err atomic.Pointer[error]
	// after lets the commit happen, and fails then: the last sync failed.
	after atomic.Bool
	left  atomic.Int64
}

func (f *fault) fail(err error, after bool, times int64) {
	f.after.Store(after)
	f.left.Store(times)
	f.err.Store(&err)
}

func (f *fault) commit(tx *bbolt.Tx) error {
	err := f.err.Load()
	if err == nil || f.left.Add(-1) < 0 {
		return tx.Commit()
	}
	if f.after.Load() {
		if err := tx.Commit(); err != nil {
			return err
		}
		return *err
	}
	_ = tx.Rollback()
	return *err
}

func TestFailedCommitThatIsNotInTheFile(t *testing.T) {
	t.Parallel()
	var f fault
	var told atomic.Int64
	s := outboxtest.Open(t, bolt.WithCommit(bolt.Options{Policy: outboxtest.Policy, Committed: func(cs []outbox.Change) { told.Add(int64(len(cs))) }}, f.commit))
	ctx := context.Background()
	added, err := s.Add(ctx, outboxtest.Order("a", "T1"))
	if err != nil {
		t.Fatal(err)
	}
	seq := added[0].Request.Seq
	f.fail(errIO, false, 1)
	_, fx, err := s.Apply(ctx, seq, outboxtest.DueEvent(seq))
	if !errors.Is(err, outbox.ErrUncertain) || !errors.Is(err, syscall.EIO) || fx != nil {
		t.Fatalf("Apply = %v, effects %v", err, fx)
	}
	if r, err := s.Get(seq); err != nil || r.State != outbox.StateQueued {
		t.Errorf("the caller looks and sees %v, %v", r.State, err)
	}
	if l := s.Lane("T1"); l.Holder != 0 || l.Queued != 1 {
		t.Errorf("the lane is %+v", l)
	}
	if n := told.Load(); n != 1 {
		t.Errorf("%d changes were told, want 1", n)
	}
	if _, _, err := s.Apply(ctx, seq, outboxtest.DueEvent(seq)); err != nil {
		t.Errorf("the next commit: %v", err)
	}
}

func TestFailedCommitThatIsInTheFile(t *testing.T) {
	t.Parallel()
	var f fault
	var told atomic.Int64
	s := outboxtest.Open(t, bolt.WithCommit(bolt.Options{Policy: outboxtest.Policy, Committed: func(cs []outbox.Change) { told.Add(int64(len(cs))) }}, f.commit))
	ctx := context.Background()
	before, err := os.Stat(s.Path())
	if err != nil {
		t.Fatal(err)
	}
	f.fail(errIO, true, 1)
	if _, err := s.Add(ctx, outboxtest.Order("a", "T1")); !errors.Is(err, outbox.ErrUncertain) {
		t.Fatalf("Add = %v", err)
	}
	if n := told.Load(); n != 1 {
		t.Errorf("%d changes are told of what is on the disk, want 1", n)
	}
	r, err := s.Lookup("a")
	if err != nil || r.State != outbox.StateQueued {
		t.Fatalf("the caller looks and sees %v, %v", r.State, err)
	}
	if l := s.Lane("T1"); l.Head != r.Seq || l.Queued != 1 {
		t.Errorf("the lane is %+v", l)
	}
	// What a failed sync left may be in the page cache only: the file was written anew.
	if now, err := os.Stat(s.Path()); err != nil || os.SameFile(now, before) {
		t.Error("the file is still the one whose sync failed")
	}
	if added, err := s.Add(ctx, outboxtest.Order("a", "T1")); err != nil || added[0].Verdict != outbox.AddedSame {
		t.Errorf("the till asks again: %v, %v", added, err)
	}
}

func TestAllOfAFailedBatchAreTold(t *testing.T) {
	t.Parallel()
	var f fault
	s := outboxtest.Open(t, bolt.WithCommit(bolt.Options{}, f.commit))
	f.fail(errIO, false, 1<<40)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			if _, err := s.Add(context.Background(), outboxtest.Order(fmt.Sprint(i), "T1")); !errors.Is(err, outbox.ErrUncertain) {
				t.Errorf("Add = %v", err)
			}
		})
	}
	wg.Wait()
	f.left.Store(0)
	for i := range 16 {
		if _, err := s.Lookup(fmt.Sprint(i)); !errors.Is(err, outbox.ErrNotFound) {
			t.Errorf("Lookup = %v", err)
		}
	}
	if n := s.Stats().Open; n != 0 {
		t.Errorf("%d open", n)
	}
}

func TestFullDiskKeepsRoomForOpenRequests(t *testing.T) {
	t.Parallel()
	var f fault
	var noRoom atomic.Bool
	o := bolt.WithCommit(bolt.Options{Policy: outboxtest.Policy, BallastSize: 64 << 10}, f.commit)
	o = bolt.WithReserve(o, func(path string, size int64) error {
		if noRoom.Load() {
			return syscall.ENOSPC
		}
		return os.WriteFile(path, make([]byte, size), 0o600)
	})
	s := outboxtest.Open(t, o)
	ctx := context.Background()
	added, err := s.Add(ctx, outboxtest.Order("a", "T1"))
	if err != nil {
		t.Fatal(err)
	}
	seq := added[0].Request.Seq
	if n := s.Stats().Ballast; n != 64<<10 {
		t.Fatalf("the reserve is %d", n)
	}
	noRoom.Store(true)
	f.fail(errors.New("file resize error: "+syscall.ENOSPC.Error()), false, 1) // as bbolt words it
	if _, _, err := s.Apply(ctx, seq, outboxtest.DueEvent(seq)); err != nil {
		t.Fatalf("an open request on a full disk: %v", err)
	}
	if n := s.Stats().Ballast; n != 0 {
		t.Errorf("the reserve is still %d", n)
	}
	if _, err := s.Add(ctx, outboxtest.Order("b", "T1")); !errors.Is(err, outbox.ErrFull) {
		t.Errorf("new work on the reserve: %v", err)
	}
	// The reserve is used up too: nothing is committed, and that is certain.
	f.fail(fmt.Errorf("write: %w", syscall.ENOSPC), false, 1)
	_, _, err = s.Apply(ctx, seq, outbox.Event{Type: outbox.Accepted, At: outboxtest.At(time.Second), OrderUUID: "ORDR1"})
	if !errors.Is(err, outbox.ErrFull) || errors.Is(err, outbox.ErrUncertain) {
		t.Errorf("Apply with nothing left: %v", err)
	}
	if r, err := s.Get(seq); err != nil || r.State != outbox.StateSending {
		t.Errorf("it is %v, %v", r.State, err)
	}
	if _, _, err := s.Apply(ctx, seq, outbox.Event{Type: outbox.Accepted, At: outboxtest.At(time.Second), OrderUUID: "ORDR1"}); err != nil {
		t.Errorf("again, with room: %v", err)
	}
	noRoom.Store(false)
	bolt.ForgetBallastTry(s)
	if _, err := s.Add(ctx, outboxtest.Order("b", "T1")); err != nil {
		t.Errorf("new work once there is room: %v", err)
	}
	if n := s.Stats().Ballast; n != 64<<10 {
		t.Errorf("the reserve is %d again", n)
	}
}

func TestFullDiskRefusesNewWorkOfTheSameBatch(t *testing.T) {
	t.Parallel()
	var f fault
	s := outboxtest.Open(t, bolt.WithCommit(bolt.Options{BallastSize: 64 << 10}, f.commit))
	f.fail(syscall.ENOSPC, false, 1)
	if _, err := s.Add(context.Background(), outboxtest.Order("a", "T1")); !errors.Is(err, outbox.ErrFull) {
		t.Fatalf("Add = %v", err)
	}
	if _, err := s.Lookup("a"); !errors.Is(err, outbox.ErrNotFound) {
		t.Errorf("Lookup = %v", err)
	}
}

func TestFileThatCantBeOpenedAgain(t *testing.T) {
	t.Parallel()
	var take atomic.Bool
	s := outboxtest.Open(t, bolt.WithCommit(bolt.Options{}, func(tx *bbolt.Tx) error {
		if !take.CompareAndSwap(true, false) {
			return tx.Commit()
		}
		path := tx.DB().Path()
		return errors.Join(errIO, tx.Rollback(), os.Rename(path, path+".aside"), os.Mkdir(path, 0o700))
	}))
	ctx := context.Background()
	if _, err := s.Add(ctx, outboxtest.Order("a", "T1")); err != nil {
		t.Fatal(err)
	}
	take.Store(true)
	if _, err := s.Add(ctx, outboxtest.Order("b", "T1")); !errors.Is(err, outbox.ErrFailed) {
		t.Fatalf("Add = %v", err)
	}
	if _, err := s.Get(1); !errors.Is(err, outbox.ErrFailed) {
		t.Errorf("Get = %v", err)
	}
	if err := os.Remove(s.Path()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(s.Path()+".aside", s.Path()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Add(ctx, outboxtest.Order("b", "T1")); err != nil {
		t.Fatalf("once it is back: %v", err)
	}
	if n := s.Stats().Open; n != 2 {
		t.Errorf("%d open, want 2", n)
	}
}

func TestSmallDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting a small disk needs root")
	}
	dir := t.TempDir()
	if err := mountSmall(dir, 6<<20); err != nil {
		t.Skipf("a small disk can't be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := unmount(dir); err != nil {
			t.Error(err)
		}
	})
	s := outboxtest.OpenAt(t, dir+"/outbox.db", bolt.Options{Policy: outboxtest.Policy, BallastSize: 1 << 20})
	ctx := context.Background()
	accepted := 0
	for ; ; accepted++ {
		_, err := s.Add(ctx, outboxtest.Order(outboxtest.ID(accepted), "T1"))
		if errors.Is(err, outbox.ErrFull) {
			break
		}
		if err != nil || accepted > 20000 {
			t.Fatalf("after %d: %v", accepted, err)
		}
	}
	t.Logf("%d requests fit", accepted)
	if _, err := s.Add(ctx, outboxtest.Order("more", "T1")); !errors.Is(err, outbox.ErrFull) {
		t.Errorf("Add on the full disk: %v", err)
	}
	// What is open can end: some orders to their very end, on the reserve.
	for i := range 20 {
		seq := s.Lane("T1").Head
		for _, e := range []outbox.Event{
			outboxtest.DueEvent(seq),
			{Type: outbox.Accepted, At: outboxtest.At(2 * time.Second), OrderUUID: outboxtest.OrderUUID(i)},
			{Type: outbox.StatusSeen, At: outboxtest.At(3 * time.Second), OrderUUID: outboxtest.OrderUUID(i), Status: outbox.StatusPaid},
		} {
			if _, _, err := s.Apply(ctx, seq, e); err != nil {
				t.Fatalf("order %d, %v on the full disk: %v", i, e.Type, err)
			}
		}
	}
	n := 0
	if err := s.Each(func(outbox.Request) bool { n++; return true }); err != nil || n != accepted {
		t.Errorf("%d requests are there of %d: %v", n, accepted, err)
	}
}
