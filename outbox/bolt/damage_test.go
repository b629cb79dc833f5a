package bolt_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

// sample is an outbox that was not closed, with ended, pruned, open and doubtful requests, its marker, and what is in it.
type sample struct {
	data, mark []byte
	want       map[string]string
	tombs      map[string]outbox.State
}

func newSample(t *testing.T) sample {
	t.Helper()
	s := outboxtest.Open(t, bolt.Options{Policy: outboxtest.Policy})
	ctx := context.Background()
	for i := range 25 {
		if err := outboxtest.Live(s, i, fmt.Sprintf("T%d", i%3)); err != nil {
			t.Fatal(err)
		}
	}
	pruned, err := s.Prune(ctx, func(r outbox.Request) bool { return r.Seq <= 5 }, 5)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 12 {
		if _, err := s.Add(ctx, outboxtest.Order(fmt.Sprintf("open-%d", i), fmt.Sprintf("T%d", i%3))); err != nil {
			t.Fatal(err)
		}
	}
	head := s.Lane("T0").Head
	for _, e := range []outbox.Event{outboxtest.DueEvent(head), {Type: outbox.Ambiguous, At: outboxtest.At(time.Second)}} {
		if _, _, err := s.Apply(ctx, head, e); err != nil {
			t.Fatal(err)
		}
	}
	sm := sample{want: contents(t, s), tombs: map[string]outbox.State{}}
	for _, r := range pruned {
		sm.tombs[r.ID] = r.State
	}
	sm.data, sm.mark = readFile(t, s.Path()), readFile(t, s.Path()+".initialised")
	return sm
}

// put lays a bent copy of the sample out in a folder of its own.
func (sm sample) put(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "outbox.db")
	write(t, path, data)
	write(t, path+".initialised", sm.mark)
	return path
}

// open opens a bent copy: it is refused as damaged, or all that is read is right, or it says that the last commit may
// be missing.
func (sm sample) open(t *testing.T, what string, data []byte) (refused bool) {
	t.Helper()
	path := sm.put(t, data)
	s, err := bolt.Open(path, bolt.Options{BallastSize: -1})
	if err != nil {
		var damaged *bolt.DamagedError
		if !errors.As(err, &damaged) && !errors.Is(err, bolt.ErrMissing) && !errors.Is(err, bolt.ErrNewerFormat) {
			t.Errorf("%s: refused with %v", what, err)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, data) {
			t.Errorf("%s: the refused file was changed: %v", what, err)
		}
		return true
	}
	defer func() { _ = s.Close() }()
	if s.Recovery().RootLost {
		return false
	}
	if got := contents(t, s); !sameContents(got, sm.want) {
		t.Errorf("%s: opened with other contents:\n got %v\nwant %v", what, got, sm.want)
	}
	for id, state := range sm.tombs {
		if r, err := s.Lookup(id); !errors.Is(err, outbox.ErrPruned) || r.State != state {
			t.Errorf("%s: pruned %s is %v, %v", what, id, r.State, err)
		}
	}
	return false
}

func TestTruncatedFilesAreRefused(t *testing.T) {
	t.Parallel()
	sm := newSample(t)
	used := len(bytes.TrimRight(sm.data, "\x00"))
	for _, n := range []int{0, 1, 100, 4095, 4096, 8191, 8192, 8193, 12288, 16384, 40000, used / 2, used - 1} {
		if !sm.open(t, fmt.Sprintf("cut to %d bytes", n), sm.data[:n]) && n < used-4096 {
			t.Errorf("cut to %d bytes of %d it is opened", n, used)
		}
	}
	if !sm.open(t, "zeros", make([]byte, len(sm.data))) {
		t.Error("a file of zeros is opened")
	}
	if !sm.open(t, "noise", bytes.Repeat([]byte("noise"), 10000)) {
		t.Error("a file of noise is opened")
	}
}

func TestZeroedPagesNeverGiveWrongData(t *testing.T) {
	t.Parallel()
	sm := newSample(t)
	refused, used := 0, len(bytes.TrimRight(sm.data, "\x00"))
	for at := 0; at < used; at += page {
		bent := bytes.Clone(sm.data)
		clear(bent[at:min(at+page, len(bent))])
		if sm.open(t, fmt.Sprintf("page %d zeroed", at/page), bent) {
			refused++
		}
	}
	t.Logf("%d of %d pages were missed", refused, used/page)
}

func TestBitFlipsNeverGiveWrongData(t *testing.T) {
	t.Parallel()
	sm := newSample(t)
	rnd := rand.New(rand.NewPCG(1, 2)) // repeatable damage
	flips, used := 150, len(bytes.TrimRight(sm.data, "\x00"))
	if testing.Short() {
		flips = 20
	}
	refused := 0
	for range flips {
		bent := bytes.Clone(sm.data)
		at, bit := rnd.IntN(used), rnd.IntN(8)
		bent[at] ^= 1 << bit
		if sm.open(t, fmt.Sprintf("byte %d (page %d), bit %d flipped", at, at/page, bit), bent) {
			refused++
		}
	}
	t.Logf("%d of %d flips were noticed; the others lie where nothing is kept", refused, flips)
}

func TestLostRootPutsTheHeadsInDoubt(t *testing.T) {
	t.Parallel()
	s := outboxtest.Open(t, bolt.Options{Policy: outboxtest.Policy})
	ctx := context.Background()
	added, err := s.Add(ctx, outboxtest.Order("a", "T1"), outboxtest.Order("b", "T1"))
	if err != nil {
		t.Fatal(err)
	}
	seq := added[0].Request.Seq
	if _, _, err := s.Apply(ctx, seq, outboxtest.DueEvent(seq)); err != nil { // and it was sent
		t.Fatal(err)
	}
	died(t, s)
	loseNewestRoot(t, s.Path())
	s = outboxtest.OpenAt(t, s.Path(), bolt.Options{Policy: outboxtest.Policy})
	if r := s.Recovery(); !r.RootLost || r.InDoubt != 1 {
		t.Errorf("recovery is %+v", r)
	}
	for id, want := range map[string]outbox.State{"a": outbox.StateInDoubt, "b": outbox.StateQueued} {
		if r, err := s.Lookup(id); err != nil || r.State != want {
			t.Errorf("%s is %v, %v; want %v", id, r.State, err, want)
		}
	}
	// Once noticed, it is over.
	s = outboxtest.Reopen(t, s, bolt.Options{})
	if s.Recovery().RootLost {
		t.Error("the root is lost again")
	}
}

// died leaves an outbox as it is when its process dies.
func died(t *testing.T, s *bolt.Store) {
	t.Helper()
	data := readFile(t, s.Path())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, s.Path(), data)
}

// leftBy copies an outbox as its process would leave it if it died now, with its marker, and returns the path of the copy.
func leftBy(t *testing.T, s *bolt.Store) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "outbox.db")
	write(t, path, readFile(t, s.Path()))
	write(t, path+".initialised", readFile(t, s.Path()+".initialised"))
	return path
}

func loseNewestRoot(t *testing.T, path string) {
	t.Helper()
	data := readFile(t, path)
	newest := 0
	if txid(data[page:]) > txid(data) {
		newest = page
	}
	data[newest+20] ^= 1
	write(t, path, data)
}

// txid reads the transaction of a root page.
func txid(b []byte) uint64 {
	var id uint64
	for i := range 8 {
		id |= uint64(b[16+48+i]) << (8 * i)
	}
	return id
}
