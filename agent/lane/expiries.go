package lane

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"tillpost/internal/notify"
	"tillpost/outbox"
)

// expiries holds the end of every queued request's time to live, wherever it stands in its queue, in a few bytes each.
type expiries struct {
	began time.Time // times are counted from here
	mu    sync.Mutex
	heap  expiryHeap
	wake  notify.Signal
}

func newExpiries() expiries {
	return expiries{began: time.Now(), wake: notify.NewSignal(), heap: expiryHeap{index: map[uint64]int{}}}
}

// expiry is the end of a request's time to live. There may be 100,000 of them.
type expiry struct {
	at  time.Duration
	seq uint64
}

// set has a request looked at once after has passed; an earlier setting is replaced.
func (x *expiries) set(seq uint64, after time.Duration) {
	x.mu.Lock()
	at := time.Since(x.began) + max(after, 0)
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

// runExpiries has ended what has come to its end, until ctx ends.
func (ls *Lanes) runExpiries(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(ls.expiries.next())
		select {
		case <-ctx.Done():
			return
		case <-ls.expiries.wake:
		case <-timer.C:
			ls.expireDue()
		}
	}
}

func (x *expiries) next() time.Duration {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.heap.list) == 0 {
		return time.Hour
	}
	return x.heap.list[0].at - time.Since(x.began)
}

// due takes out what has expired by now; where nothing can be expired yet, it is put off.
func (x *expiries) due(canExpire bool) (seqs []uint64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := time.Since(x.began)
	for len(x.heap.list) > 0 && x.heap.list[0].at <= now {
		if canExpire {
			seqs = append(seqs, x.heap.list[0].seq)
			heap.Remove(&x.heap, 0)
		} else {
			x.heap.list[0].at = now + expireAgain
			heap.Fix(&x.heap, 0)
		}
	}
	return seqs
}

// expireDue ends what has expired, of each terminal on its lane. Nothing expires while the clock is not known, nor while a newer
// copy of this outbox is unheard, for "expired" says that nothing was sent.
func (ls *Lanes) expireDue() {
	over := map[string][]uint64{}
	for _, seq := range ls.expiries.due(ls.o.Clock.Now().Known && !ls.unheard()) {
		r, err := ls.o.Store.Get(seq)
		switch {
		case err != nil || r.State.Final():
		case r.State == outbox.StateQueued:
			over[r.Terminal] = append(over[r.Terminal], seq)
		case r.State == outbox.StateSending || r.State == outbox.StateInDoubt:
			ls.expiries.set(seq, expireAgain) // it may come back to the queue
		}
	}
	for terminal, seqs := range over {
		l := ls.lane(terminal)
		l.do(func() { l.expire(seqs) })
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
	expired := outbox.Event{Type: outbox.Expired}
	afterwards := make([]func(), len(seqs))
	var commits sync.WaitGroup
	for i, seq := range seqs {
		e := l.event(outbox.Expired, seq)
		commits.Go(func() {
			r, fx, err := l.commit(seq, e, nil)
			afterwards[i] = func() { l.written(seq, expired, r, fx, err) }
		})
	}
	commits.Wait()
	for _, f := range afterwards {
		f()
	}
}

// expiryHeap is an indexed heap by time.
type expiryHeap struct {
	list  []expiry
	index map[uint64]int
}

func (h *expiryHeap) Len() int           { return len(h.list) }
func (h *expiryHeap) Less(i, j int) bool { return h.list[i].at < h.list[j].at }
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
