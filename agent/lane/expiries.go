package lane

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"tillpost/agent/clock"
	"tillpost/internal/notify"
	"tillpost/outbox"
)

// expiries holds the end of every queued request's time to live, wherever it stands in its queue, in a few bytes each.
type expiries struct {
	clock clock.Clock
	store outbox.Store
	// unread reports that it is not known yet whether this outbox is the newest copy.
	unread func() bool

	mu   sync.Mutex
	heap expiryHeap
	wake notify.Signal
}

type expiry struct {
	at  time.Time
	seq uint64
}

func newExpiries(clock clock.Clock, store outbox.Store, unread func() bool) *expiries {
	return &expiries{clock: clock, store: store, wake: notify.NewSignal(), heap: expiryHeap{index: map[uint64]int{}}, unread: unread}
}

// set has a request looked at once after has passed; an earlier setting is replaced.
func (x *expiries) set(seq uint64, after time.Duration) {
	x.mu.Lock()
	at := time.Now().Add(max(after, 0))
	if i, ok := x.heap.index[seq]; ok {
		x.heap.list[i].at = at
		heap.Fix(&x.heap, i)
	} else {
		heap.Push(&x.heap, expiry{at, seq})
	}
	first := x.heap.list[0].seq == seq
	x.mu.Unlock()
	if first {
		x.wake.Set()
	}
}

// drop forgets a request that is queued no more.
func (x *expiries) drop(seq uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if i, ok := x.heap.index[seq]; ok {
		heap.Remove(&x.heap, i)
	}
}

// expireAgain is how soon a request is looked at again that could not be expired just now.
const expireAgain = time.Second

// run calls fire with what has come to its end, of one terminal at a time, until ctx ends.
func (x *expiries) run(ctx context.Context, fire func(terminal string, seqs []uint64)) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(x.next())
		select {
		case <-ctx.Done():
			return
		case <-x.wake:
		case <-timer.C:
			x.due(fire)
		}
	}
}

func (x *expiries) next() time.Duration {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.heap.list) == 0 {
		return time.Hour
	}
	return time.Until(x.heap.list[0].at)
}

// due calls fire with what has expired. Nothing expires while the clock is not known, nor before the broker was asked for
// what a newer copy of this outbox may have published, for "expired" says that nothing was sent.
func (x *expiries) due(fire func(terminal string, seqs []uint64)) {
	now := time.Now()
	known := x.clock.Now().Known && !x.unread()
	var ended []expiry
	x.mu.Lock()
	for len(x.heap.list) > 0 && !x.heap.list[0].at.After(now) {
		if !known {
			x.heap.list[0].at = now.Add(expireAgain)
			heap.Fix(&x.heap, 0)
			continue
		}
		first := x.heap.list[0]
		heap.Remove(&x.heap, 0)
		ended = append(ended, first)
	}
	x.mu.Unlock()
	over := map[string][]uint64{}
	for _, e := range ended {
		r, err := x.store.Get(e.seq)
		switch {
		case err != nil || r.State.Final():
		case r.State == outbox.StateQueued:
			over[r.Terminal] = append(over[r.Terminal], e.seq)
		case r.State == outbox.StateSending || r.State == outbox.StateInDoubt:
			x.set(e.seq, expireAgain) // it may come back to the queue
		}
	}
	for terminal, seqs := range over {
		fire(terminal, seqs)
	}
}

// expireBatch is how many requests of a lane may end in one commit.
const expireBatch = 256

// expire ends queued requests whose time to live is over. A whole queue may end at the same moment, so they share commits;
// between two of them the lane handles what else is in its inbox.
func (l *lane) expire(seqs []uint64) {
	if len(seqs) > expireBatch {
		rest := seqs[expireBatch:]
		seqs = seqs[:expireBatch]
		defer l.do(func() { l.expire(rest) })
	}
	type end struct {
		r   outbox.Request
		fx  []outbox.Effect
		err error
	}
	ends := make([]end, len(seqs))
	var commits sync.WaitGroup
	for i, seq := range seqs {
		e := l.event(outbox.Expired, seq)
		commits.Go(func() { ends[i].r, ends[i].fx, ends[i].err = l.commit(seq, e) })
	}
	commits.Wait()
	e := outbox.Event{Type: outbox.Expired}
	for i, seq := range seqs {
		if ends[i].err != nil {
			l.commitFailed(seq, e, ends[i].err)
			continue
		}
		l.applied(ends[i].r, e, ends[i].fx)
	}
}

// expiryHeap is an indexed heap by time.
type expiryHeap struct {
	list  []expiry
	index map[uint64]int
}

func (h *expiryHeap) Len() int           { return len(h.list) }
func (h *expiryHeap) Less(i, j int) bool { return h.list[i].at.Before(h.list[j].at) }
func (h *expiryHeap) Swap(i, j int) {
	h.list[i], h.list[j] = h.list[j], h.list[i]
	h.index[h.list[i].seq], h.index[h.list[j].seq] = i, j
}

// Push implements heap.Interface.
func (h *expiryHeap) Push(v any) {
	if e, ok := v.(expiry); ok {
		h.index[e.seq] = len(h.list)
		h.list = append(h.list, e)
	}
}

// Pop implements heap.Interface.
func (h *expiryHeap) Pop() any {
	last := len(h.list) - 1
	e := h.list[last]
	h.list = h.list[:last]
	delete(h.index, e.seq)
	return e
}
