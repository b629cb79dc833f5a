package outboxtest

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"tillpost/outbox"
	"tillpost/outbox/bolt"
)

// CheckFile fails the test unless the closed outbox at path is sound: by bbolt's own check, by CheckFile's (checksums,
// records and indexes both ways), with at most one holder a lane and one owner an order. It changes nothing.
func CheckFile(t testing.TB, path string) {
	t.Helper()
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		return // the test took it away
	}
	if err := bolt.CheckFile(path); err != nil {
		t.Errorf("the outbox is not sound: %v", err)
		return
	}
	checkBolt(t, path)
}

func checkBolt(t testing.TB, path string) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, PreLoadFreelist: true, Timeout: time.Second})
	if err != nil {
		t.Errorf("bbolt can't open the outbox: %v", err)
		return
	}
	defer func() { _ = db.Close() }()
	err = db.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			t.Errorf("bbolt's check: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Errorf("bbolt's check: %v", err)
	}
}

// checkLanes opens a copy of the file and compares the lanes that were in memory with those read from it, and looks for
// second holders and second owners.
func checkLanes(t testing.TB, path string, mem []outbox.Lane) {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "checked.db")
	if !copyIfThere(t, path, copied) {
		return
	}
	copyIfThere(t, path+".initialised", copied+".initialised")
	s, err := bolt.Open(copied, bolt.Options{BallastSize: -1})
	if err != nil {
		t.Errorf("a copy of the outbox can't be opened: %v", err)
		return
	}
	defer func() { _ = s.Close() }()
	for _, l := range mem {
		if got := s.Lane(l.Terminal); !reflect.DeepEqual(got, l) {
			t.Errorf("lane %s: in memory %+v, in the file %+v", l.Terminal, l, got)
		}
	}
	for _, l := range s.Lanes() {
		if i := slices.IndexFunc(mem, func(m outbox.Lane) bool { return m.Terminal == l.Terminal }); i < 0 {
			t.Errorf("lane %s is in the file, but not in memory: %+v", l.Terminal, l)
		}
	}
	sending, owners := map[string]int{}, map[string]uint64{}
	err = s.Each(func(r outbox.Request) bool {
		// What is in doubt, or open again by a decision, a restore or a late find, may hold the lane too.
		if r.Kind.Laned() && r.State == outbox.StateSending {
			if sending[r.Terminal]++; sending[r.Terminal] > 1 {
				t.Errorf("lane %s sends more than one request, one is %d", r.Terminal, r.Seq)
			}
		}
		if r.Kind != outbox.KindOrder {
			return true
		}
		for _, u := range append(slices.Clone(r.Further), r.OrderUUID) {
			if u != "" && owners[u] != 0 && owners[u] != r.Seq {
				t.Errorf("order %s is owned by %d and %d", u, owners[u], r.Seq)
			}
			owners[u] = r.Seq
		}
		return true
	})
	if err != nil {
		t.Errorf("read all requests: %v", err)
	}
	open := 0
	if err := s.EachOpen(context.Background(), "", func(outbox.Request) bool { open++; return true }); err != nil {
		t.Errorf("read open requests: %v", err)
	}
	if n := s.Stats().Open; n != open {
		t.Errorf("%d requests are counted open, %d are", n, open)
	}
}

func copyIfThere(t testing.TB, from, to string) bool {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		return false
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Errorf("copy the outbox: %v", err)
		return false
	}
	return true
}
