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

// followed posts TargetSeen to the followers of a request that has ended, or waits for an approval.
func (ls *Lanes) followed(r outbox.Request) {
	if !r.State.Final() && r.State != outbox.StateAwaitingApproval {
		return
	}
	ls.followers.mu.Lock()
	list := ls.followers.set[r.ID]
	if r.State.Final() {
		delete(ls.followers.set, r.ID)
	}
	ls.followers.mu.Unlock()
	for _, f := range list {
		ls.lane(f.terminal).post(f.seq, outbox.Event{Type: outbox.TargetSeen, Target: r.State})
	}
}

// follow has TargetSeen posted to a request when another one ends, at once if that has ended already.
func (l *lane) follow(r outbox.Request, target string) {
	fs := &l.followers
	fs.mu.Lock()
	if !slices.ContainsFunc(fs.set[target], func(known follower) bool { return known.seq == r.Seq }) {
		fs.set[target] = append(fs.set[target], follower{r.Seq, r.Terminal})
	}
	fs.mu.Unlock()
	t, err := l.o.Store.Lookup(target)
	if t.ID == "" && err != nil {
		return
	}
	if t.State.Final() || t.State == outbox.StateAwaitingApproval {
		l.post(r.Seq, outbox.Event{Type: outbox.TargetSeen, Target: t.State})
	}
}
