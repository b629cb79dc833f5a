package bolt_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

const page = 4096

// image is what the disk may hold after a power cut, and what must be read from it.
type image struct {
	name string
	data []byte
	want map[string]string
}

// contents gives all of a store in comparable form, and sees that its ids and orders lead to the requests.
func contents(t testing.TB, s *bolt.Store) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := s.Each(func(r outbox.Request) bool {
		all[r.ID] = fmt.Sprintf("%d %v rev %d body %d order %s", r.Seq, r.State, r.Revision, len(r.Body), r.OrderUUID)
		if found, err := s.Lookup(r.ID); err != nil || found.Seq != r.Seq {
			t.Errorf("request %s is %d, and its id leads to %d, %v", r.ID, r.Seq, found.Seq, err)
		}
		if r.Kind != outbox.KindOrder || r.OrderUUID == "" {
			return true
		}
		if owner, err := s.ByOrder(r.OrderUUID); err != nil || owner.Seq != r.Seq {
			t.Errorf("request %s is %d, and its order leads to %d, %v", r.ID, r.Seq, owner.Seq, err)
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// powerCuts makes the images of a cut before, within and after a commit that made after of before.
func powerCuts(rnd *rand.Rand, before, after []byte, want, wantAfter map[string]string) []image {
	cut := bytes.Clone(after)
	copy(cut[:2*page], before[:2*page]) // all pages, but not the root
	torn := bytes.Clone(before)
	torn = append(torn, make([]byte, max(len(after)-len(torn), 0))...)
	for at := 2 * page; at < len(after); at += page { // some pages, in no order, one of them half
		if !bytes.Equal(torn[at:at+page], after[at:at+page]) && rnd.IntN(2) == 0 {
			copy(torn[at:at+page/(1+rnd.IntN(2))], after[at:at+page])
		}
	}
	return []image{
		{"after", after, wantAfter}, {"pages but no root", cut, want}, {"some pages", torn, want},
	}
}

// TestPowerCutAtEveryCommit takes the file before and after each commit of a course, and makes of it what the disk may
// hold after a power cut. Everything acknowledged is there, and nothing else.
func TestPowerCutAtEveryCommit(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(3, 5)) // a repeatable course
	path := filepath.Join(t.TempDir(), "outbox.db")
	var before, after []byte
	o := bolt.WithCommit(bolt.Options{Policy: outboxtest.Policy}, func(tx *bbolt.Tx) error {
		before = readFile(t, path)
		err := tx.Commit()
		after = readFile(t, path)
		return err
	})
	s := outboxtest.OpenAt(t, path, o)
	ctx := context.Background()
	want := contents(t, s)
	var images []image
	done := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		now := contents(t, s)
		images = append(images, powerCuts(rnd, before, after, want, now)...)
		want = now
	}
	for i := range 9 { // enough for the shelves to be cleared
		added, err := s.Add(ctx, outboxtest.Order(outboxtest.ID(i), fmt.Sprintf("T%d", i%2)))
		done(err)
		seq := added[0].Request.Seq
		if i%4 == 3 {
			continue
		}
		for _, e := range []outbox.Event{
			outboxtest.DueEvent(seq),
			{Type: outbox.Accepted, At: outboxtest.At(time.Second), OrderUUID: outboxtest.OrderUUID(i)},
			{Type: outbox.StatusSeen, At: outboxtest.At(time.Minute), OrderUUID: outboxtest.OrderUUID(i), Status: outbox.StatusPaid},
		} {
			_, _, err := s.Apply(ctx, seq, e)
			done(err)
		}
	}
	_, err := s.Prune(ctx, func(r outbox.Request) bool { return r.Seq < 4 }, 10)
	done(err)
	mark := readFile(t, path+".initialised")
	for i, im := range images {
		checkImage(t, fmt.Sprintf("commit %d, %s", i/3, im.name), im, mark)
	}
	t.Logf("%d images", len(images))
}

func checkImage(t *testing.T, name string, im image, mark []byte) {
	t.Helper()
	checkImageIn(t, t.TempDir(), name, im, mark)
}

// checkImageIn opens an image in a folder that may hold other things already; no mark is a file that has none yet.
func checkImageIn(t *testing.T, dir, name string, im image, mark []byte) {
	t.Helper()
	path := filepath.Join(dir, "outbox.db")
	write(t, path, im.data)
	if mark != nil {
		write(t, path+".initialised", mark)
	}
	s, err := bolt.Open(path, bolt.Options{BallastSize: -1})
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	defer func() {
		_ = s.Close()
		outboxtest.CheckFile(t, path)
	}()
	if r := s.Recovery(); r.Restored || r.InDoubt > 0 || s.Identity().RolledBack {
		t.Errorf("%s: a power cut is taken for damage: %+v", name, r)
	}
	if got := contents(t, s); !sameContents(got, im.want) {
		t.Errorf("%s:\n got %v\nwant %v", name, got, im.want)
	}
}

func sameContents(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

const killEnv = "TILLPOST_TEST_WRITE"

// writeUntilKilled adds and runs orders from several goroutines, and prints what was acknowledged.
func writeUntilKilled(path string) {
	s, err := bolt.Open(path, bolt.Options{Policy: outboxtest.Policy, BallastSize: -1})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var mu sync.Mutex
	say := func(id string, r outbox.Request) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf("%s %d %d\n", id, r.Seq, r.Revision)
	}
	for w := range 4 {
		go func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), w, n)
				terminal := fmt.Sprintf("T%d-%d", w, os.Getpid())
				added, err := s.Add(context.Background(), outboxtest.Order(id, terminal))
				if err != nil {
					fmt.Println("error", err)
					return
				}
				r := added[0].Request
				say(id, r)
				for _, e := range []outbox.Event{
					outboxtest.DueEvent(r.Seq),
					{Type: outbox.Accepted, At: outboxtest.At(time.Second), OrderUUID: "ORDR-" + id},
					{Type: outbox.StatusSeen, At: outboxtest.At(time.Minute), OrderUUID: "ORDR-" + id, Status: outbox.StatusPaid},
				} {
					if r, _, err = s.Apply(context.Background(), r.Seq, e); err != nil {
						fmt.Println("error", err)
						return
					}
					say(id, r)
				}
			}
		}()
	}
	select {}
}

// TestKill9 kills a process that writes, twenty times over the same file. What it said was acknowledged is there.
func TestKill9(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "outbox.db")
	acked := map[string]uint64{} // id: revision
	rounds := 20
	if testing.Short() {
		rounds = 3
	}
	for round := range rounds {
		killRound(t, path, 20+round*7, acked)
		s, err := bolt.Open(path, bolt.Options{BallastSize: -1})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if s.Identity().RolledBack || s.Recovery().Restored {
			t.Errorf("round %d: a kill is taken for damage", round)
		}
		for id, rev := range acked {
			r, err := s.Lookup(id)
			if err != nil || r.Revision < rev {
				t.Errorf("round %d: %s was acknowledged with revision %d, now %d, %v", round, id, rev, r.Revision, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		outboxtest.CheckFile(t, path)
	}
	t.Logf("%d requests acknowledged over %d kills", len(acked), rounds)
}

// killRound starts a writer and kills it after so many lines.
func killRound(t *testing.T, path string, lines int, acked map[string]uint64) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), killEnv+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	sc := bufio.NewScanner(out)
	for n := 0; sc.Scan(); n++ {
		var id string
		var seq, rev uint64
		if line := sc.Text(); strings.HasPrefix(line, "error") {
			t.Error(line)
		} else if _, err := fmt.Sscanf(line, "%s %d %d", &id, &seq, &rev); err == nil {
			acked[id] = max(acked[id], rev)
		}
		if n == lines {
			_ = cmd.Process.Kill()
		}
	}
	_ = cmd.Wait() // it was killed
}
