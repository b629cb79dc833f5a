package bolt_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

// Where the commit that notes it comes back with an error and is on disk all the same, asking again says what stands there.
func TestDistrustIsUncertainOnce(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	var f fault
	s := outboxtest.Open(t, bolt.WithCommit(bolt.Options{Policy: outboxtest.Policy}, f.commit))
	if _, err := s.Add(ctx, outboxtest.Order("a", "T")); err != nil {
		t.Fatal(err)
	}
	f.fail(errIO, true, 1)
	if _, err := s.Distrust(ctx, 40); !errors.Is(err, outbox.ErrUncertain) {
		t.Fatalf("Distrust: %v", err)
	}
	if _, err := s.Distrust(ctx, 40); err != nil {
		t.Fatal(err)
	}
	told := s.Identity()
	if s = outboxtest.Reopen(t, s, bolt.Options{Policy: outboxtest.Policy}); !told.RolledBack || told.Copied == (outbox.Copied{}) || told.Copied != s.Identity().Copied {
		t.Errorf("told %+v, and on disk it is %+v", told, s.Identity())
	}
}

// A copy that learns of a newer one trusts nothing that was open, stays closed until a person has accepted it, and is
// then newer than the other.
func TestDistrust(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	var told []outbox.Change
	s := outboxtest.Open(t, bolt.Options{Policy: outboxtest.Policy, Committed: func(c []outbox.Change) { told = append(told, c...) }})
	for n := range 3 {
		if _, err := s.Add(ctx, outboxtest.Order(outboxtest.ID(n), "T")); err != nil {
			t.Fatal(err)
		}
	}
	told = nil
	n, err := s.Distrust(ctx, 40)
	if err != nil || n != 3 || len(told) != 3 {
		t.Fatalf("Distrust = %d, %v; %d changes told", n, err, len(told))
	}
	for _, c := range told {
		if c.Request.State != outbox.StateInDoubt || c.Previous != outbox.StateQueued {
			t.Errorf("%s went from %s to %s", c.Request.ID, c.Previous, c.Request.State)
		}
	}
	if !s.Identity().RolledBack {
		t.Error("it trusts itself")
	}
	// The newer copy may have given the next numbers to others: a mark names its request by number.
	copied := s.Identity().Copied
	later, err := s.Add(ctx, outboxtest.Order(outboxtest.ID(3), "T"))
	if err != nil {
		t.Fatal(err)
	}
	if last := told[len(told)-1].Request.Seq; copied.Before != 3 || !copied.Skips(4) || copied.Skips(3) || copied.Skips(last) || last != later[0].Request.Seq {
		t.Errorf("the next number is %d, with %+v", last, copied)
	}
	if n, err := s.Distrust(ctx, 41); err != nil || n != 0 {
		t.Errorf("a second time: %d in doubt, %v", n, err)
	}
	s = outboxtest.Reopen(t, s, bolt.Options{Policy: outboxtest.Policy})
	if id := s.Identity(); id.Generation != 42 || !id.RolledBack || id.Copied != copied {
		t.Errorf("opened again it is %+v", id)
	}
	if err := s.AcceptRollback(ctx); err != nil {
		t.Fatal(err)
	}
	s = outboxtest.Reopen(t, s, bolt.Options{Policy: outboxtest.Policy})
	if id := s.Identity(); id.Generation != 43 || id.RolledBack {
		t.Errorf("accepted, it is %+v", id)
	}
	if r, err := s.Lookup(outboxtest.ID(3)); err != nil || r.State != outbox.StateQueued {
		t.Errorf("what came later is %s, %v", r.State, err)
	}
}

func TestReaderChangesNothing(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := outboxtest.Open(t, bolt.Options{Policy: outboxtest.Policy})
	for n := range 5 {
		if err := outboxtest.Live(s, n, "T"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Add(ctx, outboxtest.Order(outboxtest.ID(7), "T")); err != nil {
		t.Fatal(err)
	}
	if _, err := bolt.OpenReader(s.Path()); !errors.Is(err, bolt.ErrLocked) {
		t.Errorf("OpenReader of an open outbox: %v", err)
	}
	if _, _, err := bolt.Compact(s.Path()); !errors.Is(err, bolt.ErrLocked) {
		t.Errorf("Compact of an open outbox: %v", err)
	}
	id := s.Identity()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(s.Path())
	if err != nil {
		t.Fatal(err)
	}
	r, err := bolt.OpenReader(s.Path())
	if err != nil {
		t.Fatal(err)
	}
	f, err := r.Figures()
	if err != nil || f.Open != 1 || f.Ended != 5 || f.States[outbox.StatePaid] != 5 || f.States[outbox.StateQueued] != 1 || f.Identity != id {
		t.Errorf("Figures = %+v, %v", f, err)
	}
	n := 0
	if err := r.Each(func(outbox.Request) bool { n++; return true }); err != nil || n != 6 {
		t.Errorf("Each visits %d, %v", n, err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(s.Path())
	if err != nil || string(before) != string(after) {
		t.Errorf("reading changed the file (%v)", err)
	}
	was, is, err := bolt.Compact(s.Path())
	if err != nil || was != int64(len(before)) || is >= was {
		t.Errorf("Compact: from %d to %d, %v", was, is, err)
	}
	s = outboxtest.Reopen(t, s, bolt.Options{Policy: outboxtest.Policy})
	if got := s.Identity(); got.Generation != id.Generation+1 || got.RolledBack {
		t.Errorf("after Compact it is %+v", got)
	}
}

func TestReaderOfNothing(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/none.db"
	if _, err := bolt.OpenReader(path); !errors.Is(err, bolt.ErrMissing) {
		t.Errorf("OpenReader: %v", err)
	}
	if _, _, err := bolt.Compact(path); !errors.Is(err, bolt.ErrMissing) {
		t.Errorf("Compact: %v", err)
	}
	if entries, err := os.ReadDir(t.TempDir()); err != nil || len(entries) > 0 {
		t.Errorf("left %v, %v", entries, err)
	}
}
