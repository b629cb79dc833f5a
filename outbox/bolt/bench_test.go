package bolt_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

// BenchmarkAdd counts durable accepts, from so many goroutines.
func BenchmarkAdd(b *testing.B) {
	for _, n := range []int{1, 8, 64} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			s := outboxtest.Open(b, bolt.Options{Policy: outboxtest.Policy})
			rs := make([]outbox.Request, b.N)
			for i := range rs {
				rs[i] = outboxtest.Order(outboxtest.ID(i), fmt.Sprintf("TRML-%d", i%8))
			}
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range n {
				wg.Go(func() {
					for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
						if _, err := s.Add(context.Background(), rs[i]); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "accepts/s")
			b.ReportMetric(float64(b.N)/float64(max(s.Stats().Commits, 1)), "accepts/commit")
		})
	}
}

// BenchmarkBareCommit is the floor: one key into one bucket, and the sync.
func BenchmarkBareCommit(b *testing.B) {
	db, err := bbolt.Open(filepath.Join(b.TempDir(), "bare.db"), 0o600, &bbolt.Options{PageSize: 4096, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	v := make([]byte, 1024)
	for i := 0; b.Loop(); i++ {
		err := db.Update(func(tx *bbolt.Tx) error {
			bk, err := tx.CreateBucketIfNotExists([]byte("b"))
			if err != nil {
				return err
			}
			return bk.Put([]byte(outboxtest.ID(i)), v)
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOrderLife runs orders from queued to paid, four commits each, and tells what that writes.
func BenchmarkOrderLife(b *testing.B) {
	for _, kept := range []int{0, 1000, 10000} {
		b.Run("kept="+strconv.Itoa(kept), func(b *testing.B) {
			var pages atomic.Int64
			s := outboxtest.Open(b, countPages(&pages))
			live(b, s, 0, kept, 256)
			pages.Store(0)
			b.ResetTimer()
			live(b, s, kept, b.N, 1)
			b.StopTimer()
			b.ReportMetric(float64(pages.Load())*4/float64(b.N), "KiB/order")
		})
	}
}

// countPages gives options that count the pages that commits write.
func countPages(pages *atomic.Int64) bolt.Options {
	return bolt.WithCommit(bolt.Options{Policy: outboxtest.Policy}, func(tx *bbolt.Tx) error {
		db := tx.DB()
		before := db.Stats().TxStats
		err := tx.Commit()
		after := db.Stats().TxStats
		pages.Add(after.GetPageCount() - before.GetPageCount() + 1) // and the root page
		return err
	})
}

// TestOrderWritesLittle: cards wear out by writing. The four commits of an order of 1 KB write no more than 50 KiB.
func TestOrderWritesLittle(t *testing.T) {
	t.Parallel()
	var pages atomic.Int64
	s := outboxtest.Open(t, countPages(&pages))
	const orders = 200
	before := s.Stats().Commits
	pages.Store(0)
	live(t, s, 0, orders, 1)
	if n := s.Stats().Commits - before; n != 4*orders {
		t.Errorf("%d orders took %d commits", orders, n)
	}
	if kib := float64(pages.Load()) * 4 / orders; kib > 50 {
		t.Errorf("an order writes %.1f KiB", kib)
	} else {
		t.Logf("an order writes %.1f KiB", kib)
	}
}

// live runs n orders to their end, so many of them abreast, each on a terminal of its own.
func live(b testing.TB, s *bolt.Store, from, n, abreast int) {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	for w := range abreast {
		wg.Go(func() {
			for i := int(next.Add(1) - 1); i < n; i = int(next.Add(1) - 1) {
				if err := outboxtest.Live(s, from+i, fmt.Sprintf("TRML-%d", w)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkOpen measures a start with a backlog, and the parts of it.
func BenchmarkOpen(b *testing.B) {
	for _, queued := range []int{1000, 100000} {
		b.Run("queued="+strconv.Itoa(queued), func(b *testing.B) {
			s := outboxtest.Open(b, bolt.Options{})
			for i := 0; i < queued; i += 500 {
				rs := make([]outbox.Request, 500)
				for j := range rs {
					rs[j] = outboxtest.Order(outboxtest.ID(i+j), fmt.Sprintf("TRML-%d", j%8))
				}
				if _, err := s.Add(context.Background(), rs...); err != nil {
					b.Fatal(err)
				}
			}
			path := s.Path()
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			b.ResetTimer()
			var check time.Duration
			for range b.N {
				start := time.Now()
				if err := bolt.CheckFile(path); err != nil {
					b.Fatal(err)
				}
				check += time.Since(start)
				again, err := bolt.Open(path, bolt.Options{BallastSize: -1})
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				_ = again.Close()
				b.StartTimer()
			}
			b.ReportMetric(float64(check.Milliseconds())/float64(b.N), "check-ms")
		})
	}
}
