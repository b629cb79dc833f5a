package chaos_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tillpost/agent/fence"
	"tillpost/outbox"
	"tillpost/outbox/bolt"
)

// copies has a snapshot of the machine taken at some moment and put back at a later one.
func (s *script) copies() {
	w := s.w
	taken := s.sometime()
	back := taken + s.r.between(time.Second, 60*time.Second)
	s.add(taken, "", w.takeCopy)
	s.add(min(back, w.lasts), "", w.putCopyBack)
}

// takeCopy copies everything that the outbox has on disk, between two writes.
func (w *world) takeCopy() {
	p := w.current.Load()
	if p == nil || p.dead.Load() || p.store == nil {
		return
	}
	p.store.mu.Lock()
	defer p.store.mu.Unlock()
	if p.dead.Load() {
		return
	}
	if err := w.disk.copy(); err != nil {
		w.fail("copy the outbox: %v", err)
		return
	}
	w.copied = map[string]uint64{}
	for id, r := range w.records() {
		w.copied[id] = r.Revision
	}
	w.note("the outbox is copied, with %d requests", len(w.copied))
}

// putCopyBack has the machine start from the copy. What was accepted after it is gone, which nobody can help; nothing else
// may be.
func (w *world) putCopyBack() {
	p := w.current.Load()
	if w.copied == nil || p == nil || p.store == nil {
		return
	}
	records := w.records()
	if records == nil || !w.brokerKnowsMore(records) {
		return // only the API can show that it is a copy, and it does not always
	}
	w.count.fault("older copy put back")
	w.mu.Lock()
	w.older.Store(true)
	for id := range records {
		if _, kept := w.copied[id]; !kept {
			w.lost[id] = true
		}
	}
	clear(w.seen)
	clear(w.toldBack) // a refund that a copy has lost may be taken for another one
	w.mu.Unlock()
	p.die(atATime)
	w.disk.putBack()
	w.note("the copy is put back; %d requests are lost", len(w.lost))
}

// brokerKnowsMore reports whether the broker retains a message that proves a newer copy. What has ended, and is not known, may
// have been pruned.
func (w *world) brokerKnowsMore(records map[string]outbox.Request) bool {
	for id, r := range records {
		s, ok := w.statusOf(r.Terminal, id)
		if known, kept := w.copied[id]; ok && (kept && s.Revision > known || !kept && !s.Final) {
			return true
		}
	}
	return false
}

// copy implements disk.
func (d *memDisk) copy() error {
	d.saved = d.mem.Copy()
	return nil
}

// putBack implements disk.
func (d *memDisk) putBack() { d.mem = d.saved }

// accept implements disk.
func (d *memDisk) accept(accepted []byte) error {
	d.mem = d.mem.Reopen(bolt.Options{})
	d.mem.AcceptRollback()
	return errors.Join(d.mem.PutBlob(context.Background(), "accepted", accepted), d.mem.PutBlob(context.Background(), "notices", nil))
}

// copy implements disk.
func (d *fileDisk) copy() error {
	d.saved = filepath.Join(d.dir, "copy")
	if err := os.RemoveAll(d.saved); err != nil {
		return err
	}
	return copyFiles(d.path(d.n), filepath.Join(d.saved, "outbox.db"))
}

// putBack implements disk.
func (d *fileDisk) putBack() { d.restored = filepath.Join(d.saved, "outbox.db") }

// accept implements disk.
func (d *fileDisk) accept([]byte) error {
	s, err := bolt.Open(d.path(d.n), bolt.Options{})
	if err != nil {
		return err
	}
	list, err := fence.ToAccept(s, nil)
	if err == nil {
		err = fence.Accept(context.Background(), s, nil, list, "Ola", time.Now())
	}
	return errors.Join(err, s.Close())
}

// copyFiles copies a database and the files beside it, but for its lock.
func copyFiles(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	names, err := filepath.Glob(from + "*")
	if err != nil {
		return err
	}
	for _, name := range names {
		suffix := strings.TrimPrefix(name, from)
		if suffix != "" && suffix[0] != '.' || suffix == ".lock" || suffix == ".ballast" {
			continue
		}
		raw, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(to+suffix, raw, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// operator accepts, on the command line, what keeps an older copy from sending, and has the daemon started again. Nobody
// does so before the end.
func (w *world) operator() {
	if !w.older.Load() {
		return
	}
	time.Sleep(breath)
	raw, _ := w.broker.Retained("tillpost/agent")
	if !strings.Contains(string(raw), `"outboxRolledBack"`) {
		return // nobody was asked to
	}
	w.mu.Lock()
	w.accepting = true
	w.mu.Unlock()
	select {
	case w.restart <- true:
	case <-time.After(breath):
		w.fail("no process runs that an operator could stop")
		return
	}
	time.Sleep(breath)
}

// acceptCopy is what happens between the stop and the next start.
func (w *world) acceptCopy() {
	w.mu.Lock()
	accepting := w.accepting
	w.accepting = false
	w.mu.Unlock()
	if !accepting {
		return
	}
	raw, err := json.Marshal([]map[string]any{{"code": "outboxRolledBack", "at": time.Now().UTC(), "by": "Ola"}})
	if err == nil {
		err = w.disk.accept(raw)
	}
	if err != nil {
		w.fail("accept the copy: %v", err)
	}
	w.note("an operator has accepted the copy: %v", fmt.Sprint(err))
}
