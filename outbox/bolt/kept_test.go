package bolt_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

// testdata/layout-N.db.gz is an outbox as the first release with layout N left it, with its marker, and layout-N.txt what
// is in it; layout-1-moved is the first with a request that was moved to another terminal. Every later build opens it, and finds all of it. TILLPOST_KEEP_LAYOUT=N has this build write them, once, when
// it is the first of a layout, as they are while it is in use; a file that was released is never written again.
const keepLayout = "TILLPOST_KEEP_LAYOUT"

// told is what an outbox holds, a line for each request, and what goes with it.
func told(t *testing.T, s *bolt.Store) string {
	t.Helper()
	var b strings.Builder
	err := s.Each(func(r outbox.Request) bool {
		fmt.Fprintf(&b, "%d %s %s %s %s revision %d order %q target %q late %t %d øre, %d bytes to forward, %d steps\n",
			r.Seq, r.Kind, r.ID, r.Terminal, r.State, r.Revision, r.OrderUUID, r.Target, r.Late, r.AmountMinor, len(r.Body), len(r.History))
		if r.Moved != 0 {
			fmt.Fprintf(&b, "  moved from %q, its turn is %d\n", r.Earlier, r.Turn())
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := s.Lookup("pruned"); !errors.Is(err, outbox.ErrPruned) {
		t.Errorf("a pruned request is %v, %v", r.State, err)
	} else {
		fmt.Fprintf(&b, "pruned: %s %s\n", r.ID, r.State)
	}
	account, _ := s.Account()
	blob, err := s.GetBlob("kept")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "account %s %s\nvalue %s\ngeneration %d\n", account.BaseURL, account.Organization, blob, s.Identity().Generation)
	return b.String()
}

// keep fills an outbox with a request in each state that is easily reached.
func keep(t *testing.T, s *bolt.Store) {
	t.Helper()
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	add := func(r outbox.Request) uint64 {
		t.Helper()
		added, err := s.Add(ctx, r)
		must(err)
		return added[0].Request.Seq
	}
	apply := func(seq uint64, events ...outbox.Event) {
		t.Helper()
		for _, e := range events {
			_, _, err := s.Apply(ctx, seq, e)
			must(err)
		}
	}
	must(s.BindAccount(ctx, outbox.Account{BaseURL: "https://api.example/api/v1", Organization: "ORG1"}))
	must(s.PutBlob(ctx, "kept", []byte("a value of the agent's")))
	must(outboxtest.Finish(s, add(outboxtest.Order("pruned", "T1")), 1))
	_, err := s.Prune(ctx, func(outbox.Request) bool { return true }, 10)
	must(err)
	must(outboxtest.Finish(s, add(outboxtest.Order("paid", "T1")), 2))
	doubt := add(outboxtest.Order("doubt", "T2"))
	apply(doubt, outboxtest.DueEvent(doubt), outbox.Event{Type: outbox.Ambiguous, At: outboxtest.At(2 * time.Second)})
	waits := add(outboxtest.Order("at-the-terminal", "T3"))
	apply(waits, outboxtest.DueEvent(waits), outbox.Event{Type: outbox.Accepted, At: outboxtest.At(2 * time.Second), OrderUUID: outboxtest.OrderUUID(3)})
	sending := add(outboxtest.Order("sending", "T4"))
	apply(sending, outboxtest.DueEvent(sending))
	add(outboxtest.Order("queued-1", "T1"))
	add(outboxtest.Order("queued-2", "T1"))
	refund := outboxtest.Request(outbox.KindRefund, "refund", "T5")
	refund.OrderUUID = outboxtest.OrderUUID(2)
	add(refund)
	cancel := outboxtest.Request(outbox.KindCancel, "cancel", "T2")
	cancel.Target = "doubt"
	add(cancel)
	moved := add(outboxtest.Order("moved", "T1"))
	apply(moved, outbox.Event{Type: outbox.Moved, At: outboxtest.At(time.Second), To: "T6", By: "Kari"})
	add(outboxtest.Order("behind-it", "T6"))
}

func TestEveryLayoutIsOpened(t *testing.T) {
	t.Parallel()
	if n := os.Getenv(keepLayout); n != "" {
		writeKept(t, n)
	}
	files, err := filepath.Glob("testdata/layout-*.db.gz")
	if err != nil || len(files) == 0 {
		t.Fatalf("there is no kept outbox: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			base := strings.TrimSuffix(file, ".db.gz")
			path := filepath.Join(t.TempDir(), "outbox.db")
			unzip(t, file, path)
			copyFile(t, base+".initialised", path+".initialised")
			s := outboxtest.OpenAt(t, path, bolt.Options{Policy: outboxtest.Policy})
			want, err := os.ReadFile(base + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			// The start of this build is one more.
			got := strings.Replace(told(t, s), "generation 2\n", "generation 1\n", 1)
			if got != string(want) {
				t.Errorf("it holds\n%s\nand held\n%s", got, want)
			}
			if r := s.Recovery(); r.Restored || r.RootLost || r.InDoubt != 0 || s.Identity().RolledBack {
				t.Errorf("it is taken for damaged or old: %+v", r)
			}
			queued, err := s.Lookup("queued-1")
			if err != nil {
				t.Fatal(err)
			}
			if err := outboxtest.Finish(s, queued.Seq, 9); err != nil {
				t.Errorf("what waited in it does not go on: %v", err)
			}
		})
	}
}

func writeKept(t *testing.T, layout string) {
	t.Helper()
	base := "testdata/layout-" + layout
	if _, err := os.Stat(base + ".db.gz"); err == nil {
		t.Fatalf("%s.db.gz is there: what was released is not written again", base)
	}
	path := filepath.Join(t.TempDir(), "outbox.db")
	s := outboxtest.OpenAt(t, path, bolt.Options{Policy: outboxtest.Policy})
	keep(t, s)
	text := told(t, s)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, err = w.Write(raw)
	if err := errors.Join(err, w.Close(), os.WriteFile(base+".db.gz", zipped.Bytes(), 0o644), os.WriteFile(base+".txt", []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
	copyFile(t, path+".initialised", base+".initialised")
}

func unzip(t *testing.T, from, to string) {
	t.Helper()
	f, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(r)
	if err := errors.Join(err, os.WriteFile(to, raw, 0o600)); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(from)
	if err := errors.Join(err, os.WriteFile(to, raw, 0o644)); err != nil {
		t.Fatal(err)
	}
}

// TestANewerLayoutIsRefusedInWords: nothing of it is changed, and no snapshot takes its place.
func TestANewerLayoutIsRefusedInWords(t *testing.T) {
	t.Parallel()
	s := outboxtest.Open(t, bolt.Options{})
	if _, err := s.Add(context.Background(), outboxtest.Order("a", "T1")); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Snapshot(context.Background()), s.Close()); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(s.Path(), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		meta := tx.Bucket([]byte("meta"))
		state, err := bolt.DecodeBody(0, meta.Get([]byte("state")))
		if err != nil {
			return err
		}
		newer := bytes.Replace(state, []byte(`"format":1`), []byte(`"format":99`), 1)
		return meta.Put([]byte("state"), bolt.EncodeBody(0, newer))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(s.Path())
	if err != nil {
		t.Fatal(err)
	}
	_, err = bolt.Open(s.Path(), bolt.Options{})
	const want = "the outbox was written by a newer tillpost: its layout is 99, this one knows 2; install the version that wrote it, or a newer one"
	if !errors.Is(err, bolt.ErrNewerFormat) || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("Open = %v", err)
	}
	if after, err := os.ReadFile(s.Path()); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was changed, %v", err)
	}
	rm(t, s.Path()) // it can't be checked
}
