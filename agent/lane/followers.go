package lane

import (
	"slices"
	"sync"

	"tillpost/outbox"
)

// followers are the requests that wait for another one's end: cancels for their targets, parked refunds for their
// orders.
type followers struct {
	mu  sync.Mutex
	set map[string][]follower // by the requestId that is waited for
}

type follower struct {
	seq      uint64
	terminal string
}

func (f *followers) follow(target string, r outbox.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.ContainsFunc(f.set[target], func(known follower) bool { return known.seq == r.Seq }) {
		f.set[target] = append(f.set[target], follower{r.Seq, r.Terminal})
	}
}

// of returns the followers of a request, and removes them once it has ended.
func (f *followers) of(r outbox.Request) []follower {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := f.set[r.ID]
	if r.State.Final() {
		delete(f.set, r.ID)
	}
	return list
}

// followed posts TargetSeen to the followers of a request that has ended, or waits for an approval.
func (ls *Lanes) followed(r outbox.Request) {
	if !r.State.Final() && r.State != outbox.StateAwaitingApproval {
		return
	}
	for _, f := range ls.followers.of(r) {
		ls.lane(f.terminal).post(f.seq, outbox.Event{Type: outbox.TargetSeen, Target: r.State})
	}
}

// follow has TargetSeen posted to a request when another one ends, at once if that has ended already.
func (l *lane) follow(r outbox.Request, target string) {
	l.followers.follow(target, r)
	t, err := l.o.Store.Lookup(target)
	if t.ID == "" && err != nil {
		return
	}
	if t.State.Final() || t.State == outbox.StateAwaitingApproval {
		l.post(r.Seq, outbox.Event{Type: outbox.TargetSeen, Target: t.State})
	}
}
