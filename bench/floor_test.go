package bench

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

// floor is what an order can't be quicker than: a commit of one record of 1 KB to a database that is opened as the
// outbox is, and one HTTP exchange by hand, without a client's pools and goroutines.
type floor struct {
	db    *bbolt.DB
	value []byte
	next  int
	addr  string
	body  []byte
}

func newFloor(tb testing.TB, addr string) *floor {
	tb.Helper()
	f, err := openFloor(tb.TempDir(), addr)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = f.db.Close() })
	return f
}

func openFloor(dir, addr string) (*floor, error) {
	db, err := bbolt.Open(filepath.Join(dir, "floor.db"), 0o600, boltOptions(true))
	if err != nil {
		return nil, err
	}
	return &floor{db: db, value: make([]byte, 1024), addr: addr, body: order("floor")}, nil
}

// boltOptions returns the outbox's own, with or without its choice not to keep the list of free pages on disk.
func boltOptions(noFreelistSync bool) *bbolt.Options {
	return &bbolt.Options{PageSize: 4096, NoFreelistSync: noFreelistSync, FreelistType: bbolt.FreelistMapType}
}

func (f *floor) commit() error {
	f.next++
	return f.db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte("b"))
		if err != nil {
			return err
		}
		return b.Put([]byte(strconv.Itoa(f.next)), f.value)
	})
}

// take does so many commits and one exchange, and returns how long that was.
func (f *floor) take(commits int) (time.Duration, error) {
	start := time.Now()
	for range commits {
		if err := f.commit(); err != nil {
			return 0, err
		}
	}
	err := f.exchange()
	return time.Since(start), err
}

// exchange posts an order on a connection of its own.
func (f *floor) exchange() error {
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", f.addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	rq, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://"+f.addr+createPath, bytes.NewReader(f.body))
	if err != nil {
		return err
	}
	rq.Close = true
	var request bytes.Buffer
	if err := rq.Write(&request); err != nil {
		return err
	}
	if _, err := conn.Write(request.Bytes()); err != nil {
		return err
	}
	reply, err := http.ReadResponse(bufio.NewReader(conn), rq)
	if err != nil {
		return err
	}
	defer func() { _ = reply.Body.Close() }()
	_, err = io.Copy(io.Discard, reply.Body)
	return err
}

// BenchmarkBareSync appends 4 KiB to a file that is long enough, and syncs its data.
func BenchmarkBareSync(b *testing.B) {
	file, err := os.Create(filepath.Join(b.TempDir(), "bare"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	page := make([]byte, 4096)
	for i := range int64(256) {
		if _, err := file.WriteAt(page, i*4096); err != nil {
			b.Fatal(err)
		}
	}
	if err := file.Sync(); err != nil {
		b.Fatal(err)
	}
	for i := int64(0); b.Loop(); i++ {
		page[0]++
		if _, err := file.WriteAt(page, i%256*4096); err != nil {
			b.Fatal(err)
		}
		if err := fdatasync(file); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBareCommit is one key into one bucket, and the two syncs.
func BenchmarkBareCommit(b *testing.B) {
	f := newFloor(b, "")
	for b.Loop() {
		if err := f.commit(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBareExchange is one HTTP exchange on a fresh connection over the loopback.
func BenchmarkBareExchange(b *testing.B) {
	f := newFloor(b, startAPI(b).addr)
	for b.Loop() {
		if err := f.exchange(); err != nil {
			b.Fatal(err)
		}
	}
}
