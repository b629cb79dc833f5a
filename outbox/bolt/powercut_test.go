package bolt_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
	"unsafe"

	"go.etcd.io/bbolt"

	"tillpost/internal/proctest"
	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

// What make soak sets: how many images, and the seed of a course to repeat.
const (
	cutsEnv     = "SOAK_CUTS"
	cutsSeedEnv = "SOAK_SEED"
)

// sector is what a disk writes whole or not at all.
const sector = 512

// written is one write to the database file.
type written struct {
	at   int64
	data []byte
}

// recorder keeps what the database writes in a commit. bbolt syncs after the data and after the root; a growth of the
// file is synced before either.
type recorder struct {
	t      testing.TB
	path   string
	hooked *bbolt.DB
	// before is the file when the commit began, mark the marker then, grown the file's size at the first write.
	before, mark []byte
	grown        int
	data, root   []written
}

func (r *recorder) commit(tx *bbolt.Tx) error {
	r.hook(tx.DB())
	r.before, r.data, r.root = readFile(r.t, r.path), nil, nil
	r.mark, _ = os.ReadFile(r.path + ".initialised") // the first commit comes before it
	return tx.Commit()
}

// hook puts itself between bbolt and the file. bbolt has no place for that: its OpenFile must give an *os.File.
func (r *recorder) hook(db *bbolt.DB) {
	if r.hooked == db {
		return
	}
	r.hooked = db
	f := reflect.ValueOf(db).Elem().FieldByName("ops").FieldByName("writeAt")
	write, ok := reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Interface().(*func([]byte, int64) (int, error)) // that is the only way in
	if !ok {
		r.t.Fatal("bbolt writes in another way now; record its writes anew")
	}
	through := *write
	*write = func(b []byte, at int64) (int, error) {
		w := written{at, bytes.Clone(b)}
		switch {
		case at >= 2*page && len(r.root) > 0:
			r.t.Error("data was written after the root, with no sync in between")
		case at >= 2*page:
			r.data = append(r.data, w)
		default:
			r.root = append(r.root, w)
		}
		if info, err := os.Stat(r.path); err == nil {
			r.grown = int(info.Size())
		}
		return through(b, at)
	}
}

// cut makes the image of a power cut in the recorded commit: while the data is not synced any sector of it may be lost,
// then any of the root. whole says that the commit is there all the same.
func (r *recorder) cut(rnd *rand.Rand) (data []byte, whole bool) {
	data = bytes.Clone(r.before)
	grown := max(r.grown-len(data), 0)
	if len(r.data) == 0 && len(r.root) == 0 || rnd.IntN(20) == 0 {
		return append(data, make([]byte, grown*rnd.IntN(2))...), false
	}
	data = append(data, make([]byte, grown)...)
	if rnd.IntN(3) > 0 {
		tear(rnd, data, r.data)
		return data, false
	}
	for _, w := range r.data {
		copy(data[w.at:], w.data)
	}
	kept := tear(rnd, data, r.root)
	return data, kept[0]
}

// tear applies random sectors of writes, few, many or all, and tells which.
func tear(rnd *rand.Rand, data []byte, writes []written) (kept []bool) {
	likely := []float64{0.03, 0.5, 0.97, 1}[rnd.IntN(4)]
	for _, w := range writes {
		for at := 0; at < len(w.data); at += sector {
			keep := rnd.Float64() < likely
			kept = append(kept, keep)
			if keep {
				copy(data[w.at+int64(at):], w.data[at:min(at+sector, len(w.data))])
			}
		}
	}
	return kept
}

// course is a store that lives through a random day, and what it holds.
type course struct {
	t     *testing.T
	rnd   *rand.Rand
	store *bolt.Store
	rec   *recorder
	made  int
	open  []uint64
	shut  bool // the store is closed
}

// step does something that commits, or tries to.
func (c *course) step(o bolt.Options) {
	c.t.Helper()
	ctx := context.Background()
	switch roll := c.rnd.IntN(20); {
	case c.shut:
		c.store, c.shut = outboxtest.OpenAt(c.t, c.rec.path, o), false
	case roll == 0:
		if err := c.store.Close(); err != nil {
			c.t.Fatal(err)
		}
		c.shut = true
	case roll == 1:
		most := 1 + c.rnd.IntN(8)
		if _, err := c.store.Prune(ctx, func(outbox.Request) bool { return true }, most); err != nil {
			c.t.Fatal(err)
		}
	case roll < 8 || len(c.open) == 0:
		var arrivals []outbox.Arrival
		for range 1 + c.rnd.IntN(4) {
			a := outbox.Arrival{Request: outboxtest.Order(outboxtest.ID(c.made), fmt.Sprintf("T%d", c.rnd.IntN(3)))}
			if c.rnd.IntN(2) == 0 {
				a.Turn = func(r outbox.Request) (outbox.Event, bool) { return outboxtest.DueEvent(r.Seq), true }
			}
			arrivals = append(arrivals, a)
			c.made++
		}
		added, err := c.store.Accept(ctx, arrivals...)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, a := range added {
			c.open = append(c.open, a.Request.Seq)
		}
	default:
		c.move(ctx, c.rnd.IntN(len(c.open)))
	}
}

// move takes one request a step further.
func (c *course) move(ctx context.Context, i int) {
	c.t.Helper()
	seq := c.open[i]
	r, err := c.store.Get(seq)
	if err != nil {
		c.t.Fatal(err)
	}
	uuid := outboxtest.OrderUUID(int(seq))
	e := outboxtest.DueEvent(seq)
	switch r.State {
	case outbox.StateQueued:
		if c.rnd.IntN(4) == 0 {
			e = outbox.Event{Type: outbox.Moved, At: outboxtest.At(time.Second), To: fmt.Sprintf("T%d", c.rnd.IntN(3)), By: "Kari"}
		}
	case outbox.StateSending:
		e = outbox.Event{Type: outbox.Accepted, At: outboxtest.At(time.Second), OrderUUID: uuid}
		if c.rnd.IntN(4) == 0 {
			e = outbox.Event{Type: outbox.Ambiguous, At: outboxtest.At(time.Second)}
		}
	case outbox.StateInDoubt:
		e = outbox.Event{Type: outbox.Found, At: outboxtest.At(time.Second), OrderUUID: uuid}
	default:
		e = outbox.Event{Type: outbox.StatusSeen, At: outboxtest.At(time.Minute), OrderUUID: uuid, Status: outbox.StatusPaid}
	}
	r, _, _, err = c.store.Release(ctx, seq, e, func(next outbox.Request) (outbox.Event, bool) { return outboxtest.DueEvent(next.Seq), true })
	switch {
	case errors.Is(err, outbox.ErrLaneHeld): // its turn has not come
	case err != nil:
		c.t.Fatalf("%v in %v: %v", e.Type, r.State, err)
	case r.State.Final():
		c.open = append(c.open[:i], c.open[i+1:]...)
	}
}

// TestPowerCutAnywhere records what each commit of a random course writes, and lets the power fail in it: what was not
// synced is lost in part, torn at 512 bytes. Every image opens as it was before the commit or, its root being whole,
// after it. None is taken for damage, and nothing is restored.
func TestPowerCutAnywhere(t *testing.T) {
	t.Parallel()
	usual, perCommit := 300, 5
	if proctest.Race { // a closed file has no races, and takes five times as long to look through
		usual = 60
	}
	images := fromEnv(t, cutsEnv, usual)
	if testing.Short() {
		images = 40
	}
	seed := uint64(fromEnv(t, cutsSeedEnv, 20261120))
	t.Logf("%s=%d", cutsSeedEnv, seed)
	c := &course{t: t, rnd: rand.New(rand.NewPCG(seed, 12))}
	c.rec = &recorder{t: t, path: filepath.Join(t.TempDir(), "outbox.db")}
	o := bolt.WithNewest(bolt.WithCommit(bolt.Options{Policy: outboxtest.Policy}, c.rec.commit), 1+c.rnd.IntN(8))
	c.store = outboxtest.OpenAt(t, c.rec.path, o)
	want := contents(t, c.store)
	queue := make(chan cutImage)
	var checkers sync.WaitGroup
	defer func() { close(queue); checkers.Wait() }()
	for range 8 { // they mostly wait for the disk
		checkers.Go(func() {
			for im := range queue {
				im.check(t)
			}
		})
	}
	wholes, done := 0, 0
	for done < images && !t.Failed() {
		c.rec.data, c.rec.root = nil, nil
		c.step(o)
		now := want // a stop changes nothing
		if !c.shut {
			now = contents(t, c.store)
		}
		if len(c.rec.root) == 0 {
			continue // nothing was committed
		}
		for range perCommit {
			im := cutImage{name: fmt.Sprintf("seed %d, image %d", seed, done), mark: c.rec.mark, litter: map[string]int{}, image: image{want: want}}
			data, whole := c.rec.cut(c.rnd)
			if im.data = data; whole {
				im.want = now
				wholes++
			}
			for _, name := range []string{".tmp", ".compact.tmp", ".restore.tmp", ".snapshot.tmp", ".initialised.tmp"} {
				if c.rnd.IntN(8) == 0 {
					im.litter[name] = c.rnd.IntN(len(im.data) + 1)
				}
			}
			queue <- im
			done++
		}
		want = now
	}
	t.Logf("%d images of cuts in commits, %d of them with the commit whole; %d requests", done, wholes, c.made)
}

// TestDiskThatLies has a disk that says that it has synced what it has not: the root is whole, and of the data that it
// leads to, some is lost. An image is refused as damaged, and soon, even where what is left leads in a circle; or it
// holds what was written; or, where all that was lost lay in pages that were used before, it is an earlier state as a
// whole, and as a rule known for an older copy. None is a mixture.
func TestDiskThatLies(t *testing.T) {
	t.Parallel()
	images := fromEnv(t, cutsEnv, 100)
	seed := uint64(fromEnv(t, cutsSeedEnv, 20261120))
	t.Logf("%s=%d", cutsSeedEnv, seed)
	c := &course{t: t, rnd: rand.New(rand.NewPCG(seed, 13))}
	c.rec = &recorder{t: t, path: filepath.Join(t.TempDir(), "outbox.db")}
	o := bolt.WithNewest(bolt.WithCommit(bolt.Options{Policy: outboxtest.Policy}, c.rec.commit), 1+c.rnd.IntN(8))
	c.store = outboxtest.OpenAt(t, c.rec.path, o)
	states := []map[string]string{contents(t, c.store)}
	var ends lies
	for done := 0; done < images && !t.Failed(); {
		c.rec.data, c.rec.root = nil, nil
		c.step(o)
		if len(c.rec.root) == 0 {
			continue
		}
		if !c.shut {
			states = append(states, contents(t, c.store))
		}
		for range 2 {
			data := append(bytes.Clone(c.rec.before), make([]byte, max(c.rec.grown-len(c.rec.before), 0))...)
			tear(c.rnd, data, c.rec.data)
			for _, w := range c.rec.root {
				copy(data[w.at:], w.data)
			}
			ends.open(t, fmt.Sprintf("seed %d, image %d", seed, done), data, c.rec.mark, states)
			done++
		}
	}
	if ends.refused == 0 {
		t.Error("nothing that was lost was ever missed")
	}
	t.Logf("%d images, %d of them refused as damaged, %d known for an older copy, %d taken for one without being known", images, ends.refused, ends.noticed, ends.earlier)
}

// lies counts how images ended.
type lies struct{ refused, noticed, earlier int }

// open opens an image, and sees which of the states it shows, the last being the one that was written.
func (l *lies) open(t *testing.T, name string, data, mark []byte, states []map[string]string) {
	t.Helper()
	dir := t.TempDir()
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "outbox.db")
	write(t, path, data)
	if mark != nil {
		write(t, path+".initialised", mark)
	}
	begin := time.Now()
	s, err := bolt.Open(path, bolt.Options{BallastSize: -1})
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("%s: opening it took %v", name, took)
	}
	var damaged *bolt.DamagedError
	switch {
	case errors.As(err, &damaged):
		l.refused++
		return
	case err != nil:
		t.Errorf("%s: %v", name, err)
		return
	}
	defer func() { _ = s.Close() }()
	if s.Identity().RolledBack {
		l.noticed++
		return
	}
	got := contents(t, s)
	if sameContents(got, states[len(states)-1]) {
		return
	}
	l.earlier++
	if !slices.ContainsFunc(states, func(m map[string]string) bool { return sameContents(got, m) }) {
		t.Errorf("%s: opened with what never was:\n got %v\nwant %v", name, got, states[len(states)-1])
	}
}

// cutImage is an image with what lies beside it: the marker, and what a cut leaves of files that were to replace others.
type cutImage struct {
	image
	name   string
	mark   []byte
	litter map[string]int
}

func (im cutImage) check(t *testing.T) {
	t.Helper()
	dir, err := os.MkdirTemp("", "cut-")
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for name, n := range im.litter {
		write(t, filepath.Join(dir, "outbox.db"+name), im.data[:n])
	}
	checkImageIn(t, dir, im.name, im.image, im.mark)
}

// fromEnv reads a number that make soak may set.
func fromEnv(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}
