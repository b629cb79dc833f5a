package bolt_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

// TestInspect: what stands at an outbox is said, and stays as it is.
func TestInspect(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "outbox.db")
	inspect := func(files ...string) bolt.Facts {
		t.Helper()
		facts, err := bolt.Inspect(path)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range facts.Files {
			if f.Info.Name() != filepath.Base(f.Path) {
				t.Errorf("%s is %s", f.Path, f.Info.Name())
			}
			got = append(got, f.Path[len(path):])
		}
		if !slices.Equal(got, files) || facts.MarkerPath != path+".initialised" {
			t.Errorf("there are %q, marker %s", got, facts.MarkerPath)
		}
		return facts
	}

	if f := inspect(); f.Marked || f.Size != 0 || f.Lock != nil {
		t.Errorf("of nothing: %+v", f)
	}
	s := outboxtest.OpenAt(t, path, bolt.Options{Policy: outboxtest.Policy, BallastSize: 1 << 20})
	f := inspect("", ".lock", ".initialised", ".ballast")
	if id := s.Identity(); !f.Marked || f.Identity != (outbox.Identity{Instance: id.Instance, Generation: id.Generation}) || f.Size == 0 || f.Snapshot != 0 {
		t.Errorf("open: %+v", f)
	}
	if runtime.GOOS != "windows" && !errors.Is(f.Lock, bolt.ErrLocked) {
		t.Errorf("open, and the lock is %v", f.Lock)
	}
	if err := errors.Join(s.Snapshot(t.Context()), s.Close()); err != nil {
		t.Fatal(err)
	}
	if f := inspect("", ".lock", ".initialised", ".snapshot", ".ballast"); f.Lock != nil || f.Snapshot == 0 {
		t.Errorf("closed: %+v", f)
	}

	if err := os.WriteFile(path+".initialised", []byte("\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	if f := inspect("", ".lock", ".initialised", ".snapshot", ".ballast"); !f.Marked || f.Identity != (outbox.Identity{}) {
		t.Errorf("with a marker that can't be decoded: %+v", f)
	}
	if err := errors.Join(os.Remove(path+".initialised"), os.Mkdir(path+".initialised", 0o700)); err != nil {
		t.Fatal(err)
	}
	if _, err := bolt.Inspect(path); err == nil {
		t.Error("a marker that is a folder was read")
	}
}
