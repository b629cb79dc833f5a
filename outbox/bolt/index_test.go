package bolt_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.etcd.io/bbolt"

	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

// What of the indexes was in memory only is there again after a death, wherever it comes: no id is taken for new, and each order
// leads to its request. Some requests wait for long, so that their orders become known after thousands of later ones.
func TestIndexesAfterADeath(t *testing.T) {
	t.Parallel()
	for _, most := range []int{1, 7, 40, 0} {
		t.Run(fmt.Sprintf("%d in memory", most), func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			o := bolt.WithNewest(bolt.Options{Policy: outboxtest.Policy}, most)
			s := outboxtest.Open(t, o)
			rnd := rand.New(rand.NewPCG(20261201, uint64(most)))
			var waiting []uint64
			ids, pruned := 0, map[string]bool{}
			for range 12 {
				for range 25 {
					r := outboxtest.Order(outboxtest.ID(ids), fmt.Sprintf("T%d", ids)) // each at its own terminal, so that any may be next
					ids++
					added, err := s.Add(ctx, r)
					if err != nil {
						t.Fatal(err)
					}
					waiting = append(waiting, added[0].Request.Seq)
				}
				rnd.Shuffle(len(waiting)/2, func(i, j int) { waiting[i], waiting[j] = waiting[j], waiting[i] })
				n := len(waiting) / 3
				for _, seq := range waiting[:n] {
					if err := outboxtest.Finish(s, seq, int(seq)); err != nil {
						t.Fatal(err)
					}
				}
				waiting = waiting[n:]
				gone, err := s.Prune(ctx, func(outbox.Request) bool { return rnd.IntN(2) == 0 }, 5)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range gone {
					pruned[r.ID] = true
				}
				indexed(t, s, ids, pruned)

				path := leftBy(t, s)
				if err := bolt.CheckFile(path); err != nil {
					t.Fatal(err)
				}
				if rnd.IntN(2) == 0 {
					indexed(t, outboxtest.OpenAt(t, path, o), ids, pruned)
				} else { // the next deaths are this one's
					s = outboxtest.OpenAt(t, path, o)
					indexed(t, s, ids, pruned)
				}
			}
		})
	}
}

// indexed sees that all ids lead to what they led to, and orders too.
func indexed(t *testing.T, s *bolt.Store, ids int, pruned map[string]bool) {
	t.Helper()
	if n := len(contents(t, s)); n != ids-len(pruned) {
		t.Errorf("it holds %d requests, want %d", n, ids-len(pruned))
	}
	for i := range ids {
		id := outboxtest.ID(i)
		added, err := s.Add(context.Background(), outboxtest.Order(id, fmt.Sprintf("T%d", i)))
		if err != nil || added[0].Verdict != outbox.AddedSame {
			t.Fatalf("%s came again, and is taken for %v, %v", id, added, err)
		}
		if r, err := s.Lookup(id); r.ID != id || errors.Is(err, outbox.ErrPruned) != pruned[id] {
			t.Errorf("%s is %q, %v", id, r.ID, err)
		}
		if r, err := s.ByOrder(outboxtest.OrderUUID(i + 1)); pruned[id] && !errors.Is(err, outbox.ErrNotFound) || err == nil && r.ID != id {
			t.Errorf("the order of %s is that of %q, %v", id, r.ID, err)
		}
	}
}

// A closed file has all entries where a build that knows layout 1 alone looks for them, and its number; one that is in use says
// that it has not, so that such a build refuses it after a death.
func TestAClosedFileHasCompleteIndexes(t *testing.T) {
	t.Parallel()
	s := outboxtest.Open(t, bolt.Options{Policy: outboxtest.Policy})
	const orders = 30
	for i := range orders {
		if err := outboxtest.Live(s, i, "T1"); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		if _, err := s.Add(context.Background(), outboxtest.Order(fmt.Sprint("open-", i), "T1")); err != nil {
			t.Fatal(err)
		}
	}
	inUse := leftBy(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		inUse:    `"format":2 unindexed from 1, 0 ids, 0 orders, 0 open`,
		s.Path(): `"format":1, 33 ids, 30 orders, 3 open`,
	} {
		if got := layout(t, path); got != want {
			t.Errorf("%s has %s, want %s", filepath.Base(path), got, want)
		}
	}
}

func layout(t *testing.T, path string) (is string) {
	t.Helper()
	edit(t, path, func(tx *bbolt.Tx) error {
		state, err := bolt.DecodeBody(0, tx.Bucket([]byte("meta")).Get([]byte("state")))
		_, rest, _ := strings.Cut(string(state), "{")
		is, _, _ = strings.Cut(rest, ",")
		if _, from, ok := strings.Cut(string(state), `"unindexed":`); ok {
			is += " unindexed from " + strings.TrimRight(from, "}")
		}
		cold := tx.Bucket([]byte("cold"))
		is += fmt.Sprintf(", %d ids, %d orders, %d open",
			cold.Bucket([]byte("ids")).Stats().KeyN, cold.Bucket([]byte("orders")).Stats().KeyN, tx.Bucket([]byte("open")).Stats().KeyN)
		return err
	})
	return is
}

func edit(t *testing.T, path string, change func(tx *bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(change), db.Close()); err != nil {
		t.Fatal(err)
	}
}

// An order that becomes known of a request of long ago has no start read all records since then.
func TestAnOldRequestsOrderIsIndexedAtOnce(t *testing.T) {
	t.Parallel()
	s := outboxtest.Open(t, bolt.WithNewest(bolt.Options{Policy: outboxtest.Policy}, 2))
	old, err := s.Add(context.Background(), outboxtest.Order("old", "T0"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		if err := outboxtest.Live(s, i, "T1"); err != nil {
			t.Fatal(err)
		}
	}
	if err := outboxtest.Finish(s, old[0].Request.Seq, 99); err != nil {
		t.Fatal(err)
	}
	if is := layout(t, leftBy(t, s)); strings.Contains(is, "unindexed from 1,") {
		t.Errorf("it has %s", is)
	}
	if r, err := s.ByOrder(outboxtest.OrderUUID(99)); err != nil || r.ID != "old" {
		t.Errorf("its order is that of %q, %v", r.ID, err)
	}
}

// An order that passes to a request of long ago, in the transaction in which another one loses it, is that one's at once.
func TestAnOrderPassesToAnOldRequest(t *testing.T) {
	t.Parallel()
	s := outboxtest.Open(t, bolt.WithNewest(bolt.Options{Policy: outboxtest.Policy}, 2))
	for i := range 40 {
		if err := outboxtest.Live(s, i, "T1"); err != nil {
			t.Fatal(err)
		}
	}
	uuid := outboxtest.OrderUUID(39)
	if owner, err := bolt.PassOrder(s, uuid, 1); err != nil || owner != 1 {
		t.Errorf("within the transaction it is %d's, %v", owner, err)
	}
	if r, err := s.ByOrder(uuid); err != nil || r.Seq != 1 {
		t.Errorf("after it, it is %d's, %v", r.Seq, err)
	}
	rm(t, s.Path()) // the records say otherwise
}

// What a bucket says of a record whose entries it may lack is held against the record all the same.
func TestWrongEntriesAreDamage(t *testing.T) {
	t.Parallel()
	s := outboxtest.Open(t, bolt.Options{Policy: outboxtest.Policy})
	for i := range 3 {
		if err := outboxtest.Live(s, i, "T1"); err != nil {
			t.Fatal(err)
		}
	}
	data := readFile(t, s.Path())
	for name, entry := range map[string]struct {
		bucket, key string
		seq         uint64
		found       string
	}{
		"an id that leads to another record": {"ids", outboxtest.ID(1), 1, "the index of ids has 4 entries, not 3"},
		"an id of no record":                 {"ids", "nobody", 9, "the index of ids has 4 entries, not 3"},
		"an order of another record":         {"orders", outboxtest.OrderUUID(1), 3, "the index of orders has 4 entries, not 3"},
		"an id that is right":                {"ids", outboxtest.ID(1), 2, ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "outbox.db")
			write(t, path, data)
			edit(t, path, func(tx *bbolt.Tx) error {
				return tx.Bucket([]byte("cold")).Bucket([]byte(entry.bucket)).Put([]byte(entry.key), binary.BigEndian.AppendUint64(nil, entry.seq))
			})
			err := bolt.CheckFile(path)
			if entry.found == "" && err != nil || entry.found != "" && (err == nil || !strings.Contains(err.Error(), entry.found)) {
				t.Errorf("the check finds %v, want %q", err, entry.found)
			}
		})
	}
}

// Whoever looks up what was accepted finds it, in memory or in its bucket, while entries move from one to the other.
func TestReadersFindWhatMoves(t *testing.T) {
	t.Parallel()
	s := outboxtest.Open(t, bolt.WithNewest(bolt.Options{Policy: outboxtest.Policy}, 3))
	const orders = 200
	var accepted atomic.Int64
	var readers sync.WaitGroup
	for i := range 4 {
		readers.Go(func() {
			rnd := rand.New(rand.NewPCG(1, uint64(i)))
			for n := 0; n < orders && !t.Failed(); {
				if n = int(accepted.Load()); n == 0 {
					continue
				}
				k := n - 1 - rnd.IntN(min(n, 8)) // those that are about to move
				if r, err := s.Lookup(outboxtest.ID(k)); err != nil || r.Seq != uint64(k+1) {
					t.Errorf("of %d accepted, %d is %d, %v", n, k+1, r.Seq, err)
				}
				if r, err := s.ByOrder(outboxtest.OrderUUID(k)); err != nil || r.Seq != uint64(k+1) {
					t.Errorf("of %d paid, the order of %d is that of %d, %v", n, k+1, r.Seq, err)
				}
			}
		})
	}
	for i := range orders {
		if err := outboxtest.Live(s, i, "T1"); err != nil {
			t.Fatal(err)
		}
		accepted.Add(1)
	}
	readers.Wait()
}

// A look-up by id sees the outbox as it was when it began, also where the entry was accepted, or moved to its bucket, meanwhile.
func TestALookupSeesOneMoment(t *testing.T) {
	t.Parallel()
	for _, most := range []int{1, 100} {
		s := outboxtest.Open(t, bolt.WithNewest(bolt.Options{}, most))
		add := func(ids ...string) {
			for _, id := range ids {
				if _, err := s.Add(context.Background(), outboxtest.Order(id, "T1")); err != nil {
					t.Fatal(err)
				}
			}
		}
		add("first")
		if r, err := bolt.LookupAfter(s, "first", func() { add("second", "third", "fourth") }); err != nil || r.Seq != 1 {
			t.Errorf("with %d in memory, what was there before is %d, %v", most, r.Seq, err)
		}
		if r, err := bolt.LookupAfter(s, "fifth", func() { add("fifth") }); !errors.Is(err, outbox.ErrNotFound) {
			t.Errorf("with %d in memory, what was accepted meanwhile is %d, %v", most, r.Seq, err)
		}
	}
}
