package bench

import (
	"fmt"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"tillpost/outbox/bolt"
)

// BenchmarkMemory is what the real binary keeps for itself (RssAnon), and the most that it ever had resident, the file
// mapped into memory included (VmHWM), with nothing to do and with 100,000 orders queued on 8 terminals while the API is
// away. Run it with -benchtime 1x.
func BenchmarkMemory(b *testing.B) {
	for _, broker := range []string{brokerEmbedded, brokerVolatile} {
		for _, queued := range []int{0, 100_000} {
			b.Run(fmt.Sprintf("%s/queued=%d", broker, queued), func(b *testing.B) {
				for b.Loop() {
					dir := b.TempDir()
					fill(b, dir, queued, 8)
					api := ""
					if queued == 0 {
						api = startAPI(b).addr
					}
					s := &shop{broker: broker, api: api, dir: dir}
					p := s.start(b)
					s.awaitOnline(b)
					settled(b, p)
					b.ReportMetric(0, "ns/op")
					b.ReportMetric(figure(b, p.PID(), "RssAnon")/1024, "RssAnon-MB")
					b.ReportMetric(figure(b, p.PID(), "VmHWM")/1024, "VmHWM-MB")
					p.Stop()
				}
			})
		}
	}
}

// BenchmarkStart is the time from the start of the real binary to its first forward to the API.
func BenchmarkStart(b *testing.B) {
	tillpost.Path(b) // it is built before the clock runs
	for _, queued := range []int{1, 100_000} {
		b.Run("queued="+strconv.Itoa(queued), func(b *testing.B) {
			for b.Loop() {
				dir := b.TempDir()
				fill(b, dir, queued, 8)
				api := startAPI(b)
				var first atomic.Int64
				api.arrived = func(_ string, at time.Time) { first.CompareAndSwap(0, at.UnixNano()) }
				s := &shop{broker: brokerEmbedded, api: api.addr, dir: dir}
				start := time.Now()
				p := s.start(b)
				until(b, "the first forward", func() bool { return first.Load() != 0 })
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(first.Load()-start.UnixNano())/1e6, "first-forward-ms")
				p.Stop()
			}
		})
	}
}

// BenchmarkOpenParts takes a start with 100,000 orders queued apart: the look at the file by itself, which the daemon has
// a child process do, the outbox's opening, and bbolt's with and without a list of free pages on disk, and what that
// list costs each commit once the backlog has been carried out.
func BenchmarkOpenParts(b *testing.B) {
	dir := b.TempDir()
	fill(b, dir, 100_000, 8)
	path := filepath.Join(dir, "outbox.db")
	b.Run("check", func(b *testing.B) {
		for b.Loop() {
			if err := bolt.CheckFile(path); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("outbox", func(b *testing.B) {
		for b.Loop() {
			s, err := bolt.Open(path, bolt.Options{BallastSize: -1})
			if err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			_ = s.Close()
			b.StartTimer()
		}
	})
	for _, without := range []bool{true, false} {
		b.Run(fmt.Sprintf("bbolt/NoFreelistSync=%t", without), func(b *testing.B) {
			change(b, path, without, func(*bbolt.Tx) error { return nil })
			for b.Loop() {
				db, err := bbolt.Open(path, 0o600, boltOptions(without))
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				_ = db.Close()
				b.StartTimer()
			}
		})
	}
	// As after the backlog was carried out: most of the file is free.
	change(b, path, true, func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("bodies")) })
	for _, without := range []bool{true, false} {
		b.Run(fmt.Sprintf("commit/NoFreelistSync=%t", without), func(b *testing.B) {
			db, err := bbolt.Open(path, 0o600, boltOptions(without))
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			var took []time.Duration
			for b.Loop() {
				for range 30 {
					start := time.Now()
					if err := db.Update(putBlob); err != nil {
						b.Fatal(err)
					}
					took = append(took, time.Since(start))
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(quantile(took, 0.5), "p50-ms")
		})
	}
}

func putBlob(tx *bbolt.Tx) error {
	return tx.Bucket([]byte("cold")).Bucket([]byte("blobs")).Put([]byte("x"), make([]byte, 1024))
}

// change commits once, so that the file has a list of free pages or has none.
func change(b *testing.B, path string, without bool, fn func(*bbolt.Tx) error) {
	b.Helper()
	db, err := bbolt.Open(path, 0o600, boltOptions(without))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	err = db.Update(func(tx *bbolt.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return putBlob(tx)
	})
	if err != nil {
		b.Fatal(err)
	}
}
