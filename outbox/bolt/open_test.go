package bolt_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

func TestSecondOpenIsRefused(t *testing.T) {
	t.Parallel()
	s := outboxtest.Open(t, bolt.Options{})
	_, err := bolt.Open(s.Path(), bolt.Options{})
	var open *bolt.OpenError
	if !errors.Is(err, bolt.ErrLocked) || !errors.As(err, &open) || open.Hint == "" {
		t.Errorf("Open = %v", err)
	}
	if err := bolt.CheckFile(s.Path()); !errors.Is(err, bolt.ErrLocked) {
		t.Errorf("CheckFile of an open one = %v", err)
	}
}

func TestFolderThatIsNotThere(t *testing.T) {
	t.Parallel()
	_, err := bolt.Open(filepath.Join(t.TempDir(), "not", "there.db"), bolt.Options{})
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "create the folder") {
		t.Errorf("Open = %v", err)
	}
}

func TestFolderInItsPlace(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tillpost")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := bolt.Open(path, bolt.Options{})
	if open, ok := errors.AsType[*bolt.OpenError](err); !ok || !strings.HasSuffix(err.Error(), "it is a folder; name a file in it, such as "+filepath.Join(path, "outbox.db")) {
		t.Errorf("Open = %v, %v", open, err)
	}
	if _, err := os.Stat(path + ".lock"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was left beside it: %v", err)
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	s := outboxtest.Open(t, bolt.Options{})
	first := s.Identity()
	if len(first.Instance) != 32 || first.Generation != 1 || first.RolledBack {
		t.Errorf("a new outbox is %+v", first)
	}
	for gen := range uint64(3) {
		s = outboxtest.Reopen(t, s, bolt.Options{})
		if id := s.Identity(); id != (outbox.Identity{Instance: first.Instance, Generation: gen + 2}) {
			t.Errorf("opened again it is %+v", id)
		}
	}
	if other := outboxtest.Open(t, bolt.Options{}).Identity(); other.Instance == first.Instance {
		t.Error("two outboxes have one name")
	}
}

func TestOlderCopyIsNoticed(t *testing.T) {
	t.Parallel()
	fill := func(t *testing.T) (*bolt.Store, []byte) {
		s := outboxtest.Open(t, bolt.Options{Policy: outboxtest.Policy})
		ctx := context.Background()
		if err := outboxtest.Live(s, 1, "T1"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Add(ctx, outboxtest.Order("q1", "T1"), outboxtest.Order("q2", "T1"), outboxtest.Request(outbox.KindCancel, "c", "T1")); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		old := readFile(t, s.Path())
		s = outboxtest.OpenAt(t, s.Path(), bolt.Options{Policy: outboxtest.Policy})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return s, old
	}
	for name, bend := range map[string]func(t *testing.T, path string, old []byte){
		"an old copy put back":    func(t *testing.T, path string, old []byte) { write(t, path, old) },
		"brought without marker":  func(t *testing.T, path string, _ []byte) { rm(t, path+".initialised") },
		"marker lost its content": func(t *testing.T, path string, _ []byte) { write(t, path+".initialised", nil) },
		"another one's marker": func(t *testing.T, path string, _ []byte) {
			write(t, path+".initialised", []byte(`{"instance":"other","generation":1}`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, old := fill(t)
			bend(t, s.Path(), old)
			s = outboxtest.OpenAt(t, s.Path(), bolt.Options{Policy: outboxtest.Policy, Now: func() outbox.Instant { return outboxtest.At(time.Hour) }})
			if !s.Identity().RolledBack || s.Recovery().InDoubt != 3 {
				t.Fatalf("identity %+v, recovery %+v", s.Identity(), s.Recovery())
			}
			wantStates(t, s, map[string]outbox.State{
				outboxtest.ID(1): outbox.StatePaid, "q1": outbox.StateInDoubt, "q2": outbox.StateInDoubt, "c": outbox.StateRejected,
			})
			if r, err := s.Lookup("q1"); err != nil || len(r.Body) == 0 || r.History[1].Event != "Restored" || r.Entered != outboxtest.At(time.Hour) {
				t.Errorf("q1 is %+v, %v", r, err)
			}
			if l := s.Lane("T1"); l.Holder != 2 || l.Queued != 0 {
				t.Errorf("the lane is %+v", l)
			}
			// It stays noticed until a person accepts it, and does nobody any more harm.
			s = outboxtest.Reopen(t, s, bolt.Options{Policy: outboxtest.Policy})
			if !s.Identity().RolledBack || s.Recovery().InDoubt != 0 {
				t.Errorf("opened again: identity %+v, recovery %+v", s.Identity(), s.Recovery())
			}
			if err := s.AcceptRollback(context.Background()); err != nil {
				t.Fatal(err)
			}
			if s.Identity().RolledBack {
				t.Error("accepted, and still rolled back")
			}
			s = outboxtest.Reopen(t, s, bolt.Options{})
			if s.Identity().RolledBack {
				t.Error("accepted, opened again, and still rolled back")
			}
		})
	}
}

func rm(t testing.TB, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func wantStates(t *testing.T, s *bolt.Store, want map[string]outbox.State) {
	t.Helper()
	for id, state := range want {
		if r, err := s.Lookup(id); err != nil || r.State != state {
			t.Errorf("%s is %v, %v; want %v", id, r.State, err, state)
		}
	}
}

func TestLostFileIsNeverStartedEmpty(t *testing.T) {
	t.Parallel()
	for name, bend := range map[string]func(t *testing.T, path string){
		"gone":   func(t *testing.T, path string) { rm(t, path) },
		"empty":  func(t *testing.T, path string) { write(t, path, nil) },
		"zeroed": func(t *testing.T, path string) { write(t, path, make([]byte, 1<<20)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := outboxtest.Open(t, bolt.Options{})
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			bend(t, s.Path())
			_, err := bolt.Open(s.Path(), bolt.Options{})
			var damaged *bolt.DamagedError
			if !errors.Is(err, bolt.ErrMissing) && !errors.As(err, &damaged) {
				t.Fatalf("Open = %v", err)
			}
			for _, word := range []string{s.Path(), "no snapshot", "start empty, remove", ".initialised"} {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q is not in: %v", word, err)
				}
			}
			rm(t, s.Path()+".initialised")
			_ = os.Remove(s.Path())
			again, err := bolt.Open(s.Path(), bolt.Options{BallastSize: -1})
			if err != nil {
				t.Fatalf("what the hint says does not help: %v", err)
			}
			_ = again.Close()
		})
	}
}

func TestSnapshotTakesTheDamagedFilesPlace(t *testing.T) {
	t.Parallel()
	for name, bend := range map[string]func(t *testing.T, path string){
		"damaged": func(t *testing.T, path string) { write(t, path, readFile(t, path)[:20000]) },
		"gone":    func(t *testing.T, path string) { rm(t, path) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := outboxtest.Open(t, bolt.Options{Policy: outboxtest.Policy})
			ctx := context.Background()
			if err := outboxtest.Live(s, 1, "T1"); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Add(ctx, outboxtest.Order("before", "T1")); err != nil {
				t.Fatal(err)
			}
			if err := s.Snapshot(ctx); err != nil {
				t.Fatal(err)
			}
			outboxtest.CheckFile(t, s.Path()+".snapshot")
			after, err := s.Add(ctx, outboxtest.Order("after", "T1"))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			bend(t, s.Path())
			s = outboxtest.OpenAt(t, s.Path(), bolt.Options{Policy: outboxtest.Policy})
			r := s.Recovery()
			if !r.Restored || r.InDoubt != 1 || r.Cause == nil || !s.Identity().RolledBack {
				t.Fatalf("recovery %+v, identity %+v", r, s.Identity())
			}
			if name == "damaged" {
				if info, err := os.Stat(r.Quarantined); err != nil || info.Size() != 20000 || !strings.HasSuffix(r.Quarantined, ".damaged-1") {
					t.Errorf("quarantine: %q, %v", r.Quarantined, err)
				}
			}
			wantStates(t, s, map[string]outbox.State{outboxtest.ID(1): outbox.StatePaid, "before": outbox.StateInDoubt})
			if _, err := s.Lookup("after"); !errors.Is(err, outbox.ErrNotFound) {
				t.Errorf("what came after the snapshot: %v", err)
			}
			// A mark given out after the snapshot must not name another request now.
			added, err := s.Add(ctx, outboxtest.Order("new", "T2"))
			if err != nil || added[0].Request.Seq <= after[0].Request.Seq {
				t.Errorf("the next sequence is %v, %v", added, err)
			}
			outboxtest.Reopen(t, s, bolt.Options{})
		})
	}
}

func TestDamagedSnapshotIsNotTaken(t *testing.T) {
	t.Parallel()
	s := outboxtest.Open(t, bolt.Options{})
	if err := s.Snapshot(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	rm(t, s.Path())
	write(t, s.Path()+".snapshot", make([]byte, 100000))
	_, err := bolt.Open(s.Path(), bolt.Options{})
	if !errors.Is(err, bolt.ErrMissing) || !strings.Contains(err.Error(), "snapshot can't be used") || strings.Contains(err.Error(), "there is no snapshot") {
		t.Errorf("Open = %v", err)
	}
}

func TestMostlyEmptyFileIsCompacted(t *testing.T) {
	t.Parallel()
	s := outboxtest.Open(t, bolt.Options{Policy: outboxtest.Policy})
	ctx := context.Background()
	const n = 3000
	rs := make([]outbox.Request, n)
	for i := range rs {
		rs[i] = outboxtest.Order(fmt.Sprint(i), "T1")
	}
	if _, err := s.Add(ctx, rs...); err != nil {
		t.Fatal(err)
	}
	if r := s.Recovery(); r.Compacted {
		t.Errorf("a new file was compacted: %+v", r)
	}
	cancel := outbox.Event{Type: outbox.CancelWanted, At: outboxtest.At(time.Second)}
	var wg sync.WaitGroup
	for w := range 10 {
		wg.Go(func() {
			for i := w; i < n*9/10; i += 10 {
				if _, _, err := s.Apply(ctx, uint64(i+1), cancel); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if _, err := s.Prune(ctx, func(outbox.Request) bool { return true }, n); err != nil {
		t.Fatal(err)
	}
	want, lane := contents(t, s), s.Lane("T1")
	s = outboxtest.Reopen(t, s, bolt.Options{Policy: outboxtest.Policy})
	if r := s.Recovery(); !r.Compacted || r.After*2 > r.Before || s.Stats().FileSize > r.Before/2 {
		t.Errorf("recovery %+v, size %d", r, s.Stats().FileSize)
	}
	if got := contents(t, s); !sameContents(got, want) || !reflect.DeepEqual(s.Lane("T1"), lane) {
		t.Errorf("contents changed; the lane is %+v, was %+v", s.Lane("T1"), lane)
	}
	if added, err := s.Add(ctx, outboxtest.Order("next", "T1")); err != nil || added[0].Request.Seq != n+1 {
		t.Errorf("the next sequence is %v, %v", added, err)
	}
}
