package bolt_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"

	"go.etcd.io/bbolt"
)

// slowDisk is an outbox whose commits take 40 ms of a bubble's time, after a first one; they are noted.
type slowDisk struct {
	*bolt.Store
	mu      sync.Mutex
	commits [][]string // what each brought
}

func onSlowDisk(t *testing.T, test func(t *testing.T, s *slowDisk)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "outbox.db")
	synctest.Test(t, func(t *testing.T) {
		d := &slowDisk{}
		o := bolt.WithCommit(bolt.Options{BallastSize: -1, Committed: func(changes []outbox.Change) {
			var ids []string
			for _, c := range changes {
				ids = append(ids, c.Request.ID)
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			d.commits = append(d.commits, ids)
		}}, func(tx *bbolt.Tx) error {
			time.Sleep(40 * time.Millisecond)
			return tx.Commit()
		})
		s, err := bolt.Open(path, o)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
		d.Store = s
		d.add(t, "first")
		d.commits = nil
		test(t, d)
	})
}

func (d *slowDisk) add(t *testing.T, id string) {
	if _, err := d.Add(context.Background(), outboxtest.Order(id, "T1")); err != nil {
		t.Error(err)
	}
}

// addAfter adds requests, each a while after now, and returns how long all took.
func (d *slowDisk) addAfter(t *testing.T, after ...time.Duration) time.Duration {
	t.Helper()
	begun := time.Now()
	var all sync.WaitGroup
	for i, a := range after {
		all.Go(func() {
			time.Sleep(a)
			d.add(t, fmt.Sprint("o", i))
		})
	}
	all.Wait()
	return time.Since(begun)
}

func (d *slowDisk) want(t *testing.T, commits ...[]string) {
	t.Helper()
	if !slices.EqualFunc(d.commits, commits, slices.Equal[[]string]) {
		t.Errorf("committed %v, want %v", d.commits, commits)
	}
}

// A commit on a slow disk waits a fortieth of its time for others, and no longer.
func TestASlowCommitIsShared(t *testing.T) {
	onSlowDisk(t, func(t *testing.T, d *slowDisk) {
		took := d.addAfter(t, 0, 900*time.Microsecond, 2*time.Millisecond)
		d.want(t, []string{"o0", "o1"}, []string{"o2"})
		if took > 83*time.Millisecond {
			t.Errorf("it took %v", took)
		}
	})
}

// What is announced is waited for a little longer, and not without end.
func TestASlowCommitWaitsForWhatIsAnnounced(t *testing.T) {
	for after, want := range map[time.Duration]time.Duration{
		5 * time.Millisecond:  45 * time.Millisecond,
		20 * time.Millisecond: 48 * time.Millisecond,
	} {
		onSlowDisk(t, func(t *testing.T, d *slowDisk) {
			begun := time.Now()
			d.Announce(true)
			go func() {
				time.Sleep(after)
				d.add(t, "o")
			}()
			if err := d.PutBlob(context.Background(), "b", []byte("{}")); err != nil {
				t.Error(err)
			}
			if took := time.Since(begun); took != want {
				t.Errorf("with an acceptance after %v another write took %v, want %v", after, took, want)
			}
		})
	}
}

// What is about to be made ready waits for the end of the commit under way: more of it comes meanwhile.
func TestAnAnnouncementWaitsForTheCommitUnderWay(t *testing.T) {
	onSlowDisk(t, func(t *testing.T, d *slowDisk) {
		begun := time.Now()
		d.Announce(true)
		d.Announce(false)
		if took := time.Since(begun); took != 0 {
			t.Errorf("with no commit under way it took %v", took)
		}
		go d.add(t, "o")
		time.Sleep(10 * time.Millisecond)
		d.Announce(true)
		if took := time.Since(begun); took != 41*time.Millisecond {
			t.Errorf("it took %v, want what the commit took", took)
		}
		d.Announce(false)
	})
}
