package chaos_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

// disk is what outlives a process: a store in memory, or a real file in a folder of the schedule's own.
type disk interface {
	// open returns the store for the next process, with what was committed when the last one died.
	open(o bolt.Options) (outbox.Store, error)
	// copy keeps what is on it now, putBack has the next process find that, and accept does what an operator does on the
	// command line while none runs; accepted is the journal of it.
	copy() error
	putBack()
	accept(accepted []byte) error
}

type memDisk struct {
	mem, saved *outboxtest.Mem
	step       stepFunc
}

func (d *memDisk) open(o bolt.Options) (outbox.Store, error) {
	if d.mem == nil {
		d.mem = outboxtest.NewMem(o)
		d.mem.Step = d.step
	} else {
		d.mem = d.mem.Reopen(o)
	}
	return d.mem, nil
}

// fileDisk copies the file as it was at the crash, its marker too, as another machine would find the card.
type fileDisk struct {
	dir             string
	n               int
	saved, restored string // a folder, and a file in it that the next process is to find
}

func (d *fileDisk) path(n int) string { return fmt.Sprintf("%s/outbox-%d.db", d.dir, n) }

func (d *fileDisk) open(o bolt.Options) (outbox.Store, error) {
	last := d.path(d.n)
	d.n++
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return nil, err
	}
	if d.restored != "" {
		last, d.restored = d.restored, ""
	}
	if err := copyFiles(last, d.path(d.n)); err != nil {
		return nil, err
	}
	return bolt.Open(d.path(d.n), o)
}

// store is a process's handle on the disk. Each write takes a while; death lies before or after any of them, and closes
// the handle.
type store struct {
	outbox.Store
	p         *process
	committed func([]outbox.Change)

	mu sync.Mutex // one write at a time, so that a death is before or after each
}

// commits passes on what a commit changed, unless the process died with it.
func (s *store) commits(changes []outbox.Change) {
	s.p.w.facts(changes)
	if s.p.reached(afterCommit) {
		return
	}
	s.p.w.committed(changes)
	s.committed(changes)
}

// write makes one write; grows says that it takes on new work, what names it for the dice.
func (s *store) write(grows bool, what string, n int, do func() error) error {
	w := s.p.w
	at := w.now()
	took := w.between(50*time.Microsecond, 3*time.Millisecond, what, at, n)
	if w.chance(0.01, "slow card", at, n) {
		took *= 300
	}
	time.Sleep(took)
	return s.writeAtOnce(grows, what, n, do)
}

// writeAtOnce is a write that takes no time.
func (s *store) writeAtOnce(grows bool, what string, n int, do func() error) error {
	w := s.p.w
	at := w.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.p.reached(beforeCommit) {
		return outbox.ErrClosed
	}
	if full := w.full.Load(); full == 2 || full == 1 && grows {
		w.unwritten.Store(int64(at))
		w.count.faults["disk full"].Add(1)
		return outbox.ErrFull
	}
	if !w.calm.Load() && w.chance(w.uncertain, "uncertain "+what, at, n) {
		// The last sync failed. What was written may be there all the same.
		w.unwritten.Store(int64(at))
		w.count.faults["commit uncertain"].Add(1)
		if w.chance(0.5, "written "+what, at, n) {
			_ = do() // refused or not, the answer is the same
		}
		return fmt.Errorf("chaos: %w", outbox.ErrUncertain)
	}
	w.count.commits.Add(1)
	err := do()
	if s.p.dead.Load() {
		return outbox.ErrClosed
	}
	return err
}

// Add implements outbox.Store.
func (s *store) Add(ctx context.Context, rs ...outbox.Request) ([]outbox.Added, error) {
	as := make([]outbox.Arrival, len(rs))
	for i, r := range rs {
		as[i].Request = r
	}
	return s.Accept(ctx, as...)
}

// Accept implements outbox.Store.
func (s *store) Accept(ctx context.Context, as ...outbox.Arrival) (added []outbox.Added, err error) {
	turns := make([]outbox.Event, len(as))
	for i, a := range as {
		if a.Turn != nil {
			as[i].Turn = func(r outbox.Request) (e outbox.Event, ok bool) { e, ok = a.Turn(r); turns[i] = e; return e, ok }
		}
	}
	err = s.write(true, "add "+as[0].Request.ID, len(as), func() (err error) {
		added, err = s.Store.Accept(context.WithoutCancel(ctx), as...)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.p.w.added(added)
	for i, a := range added {
		if len(a.Effects) > 0 {
			s.p.w.count.straight.Add(1)
			s.p.w.applied(a.Request, turns[i], a.Effects)
			if s.p.w.o.dropsFirst { // the mutant
				added[i].Effects = nil
			}
		}
	}
	return added, nil
}

// Apply implements outbox.Store.
func (s *store) Apply(ctx context.Context, seq uint64, e outbox.Event) (r outbox.Request, fx []outbox.Effect, err error) {
	r, fx, _, err = s.Release(ctx, seq, e, nil)
	return r, fx, err
}

// Release implements outbox.Store.
func (s *store) Release(ctx context.Context, seq uint64, e outbox.Event, turn func(outbox.Request) (outbox.Event, bool)) (r outbox.Request, fx []outbox.Effect, next outbox.Added, err error) {
	var due outbox.Event
	noted := turn
	if turn != nil {
		noted = func(r outbox.Request) (e outbox.Event, ok bool) { due, ok = turn(r); return due, ok }
	}
	err = s.write(false, e.Type.String(), int(seq), func() (err error) {
		r, fx, next, err = s.Store.Release(context.WithoutCancel(ctx), seq, e, noted)
		if err == nil {
			s.p.w.applied(r, e, fx)
			if len(next.Effects) > 0 {
				s.p.w.applied(next.Request, due, next.Effects)
			}
		}
		return err
	})
	if err != nil {
		return outbox.Request{}, nil, outbox.Added{}, err
	}
	if len(next.Effects) > 0 {
		s.p.w.count.handed.Add(1)
		if s.p.w.o.dropsNext { // the mutant
			next.Effects = nil
		}
	}
	return r, fx, next, nil
}

// Prune implements outbox.Store.
func (s *store) Prune(ctx context.Context, prunable func(outbox.Request) bool, most int) (gone []outbox.Request, err error) {
	err = s.write(false, "prune", most, func() (err error) { gone, err = s.Store.Prune(ctx, prunable, most); return err })
	return gone, err
}

// BindAccount implements outbox.Store.
func (s *store) BindAccount(ctx context.Context, a outbox.Account) error {
	return s.write(false, "bind", 0, func() error { return s.Store.BindAccount(ctx, a) })
}

// PutBlob implements outbox.Store. It takes no time: some are written under a lock, and who waits for one keeps a bubble's
// time from passing.
func (s *store) PutBlob(ctx context.Context, name string, data []byte) error {
	return s.writeAtOnce(false, "blob "+name, len(data), func() error { return s.Store.PutBlob(ctx, name, data) })
}

// GetBlob implements outbox.Store.
func (s *store) GetBlob(name string) ([]byte, error) {
	if s.p.w.o.atOnce && name == "lags" {
		return []byte(`{"list":1,"books":1}`), nil // the mutant
	}
	return s.Store.GetBlob(name)
}

// Distrust implements outbox.Store; it takes no time either.
func (s *store) Distrust(ctx context.Context, generation uint64) (inDoubt int, err error) {
	err = s.writeAtOnce(false, "distrust", 0, func() (err error) { inDoubt, err = s.Store.Distrust(ctx, generation); return err })
	return inDoubt, err
}

// Room implements outbox.Store.
func (s *store) Room() bool { return s.p.w.full.Load() == 0 && s.Store.Room() }

// Get implements outbox.Store.
func (s *store) Get(seq uint64) (outbox.Request, error) {
	if s.p.dead.Load() {
		return outbox.Request{}, outbox.ErrClosed
	}
	return s.Store.Get(seq)
}

// Lookup implements outbox.Store.
func (s *store) Lookup(id string) (outbox.Request, error) {
	if s.p.dead.Load() {
		return outbox.Request{}, outbox.ErrClosed
	}
	return s.Store.Lookup(id)
}

// Close implements outbox.Store. A dead process's file is closed as well: it was copied before the next one opened.
func (s *store) Close() error { return s.Store.Close() }
