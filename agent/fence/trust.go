package fence

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"tillpost/agent/health"
	"tillpost/mqtt/message"
)

const (
	// lookMost is how long the first sending waits for the list of terminals, which may show another account.
	lookMost = 5 * time.Second
	// lookQuiet is for a broker that has nothing retained, or brings it late.
	lookQuiet = 250 * time.Millisecond
	// lookDeaf is for a broker that lets us read nothing, not even our own word.
	lookDeaf = 2 * time.Second
	// lookFirst is for whoever was thrown out by our connecting: it is back within half a second.
	lookFirst = 3 * time.Second
	// lookAgain is longer than the longest pause of one that is thrown out again and again.
	lookAgain = 20 * time.Second
)

// brake holds everything back for a moment, silently.
type brake struct {
	gate *health.Gate
	why  health.GateReason

	mu    sync.Mutex
	timer *time.Timer
}

// wait shuts the gate until hold or end says otherwise.
func (b *brake) wait() { b.gate.Shut(b.why) }

// hold shuts the gate for d, counted from now.
func (b *brake) hold(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.timer != nil {
		b.timer.Stop()
	}
	var t *time.Timer // read under the lock
	t = time.AfterFunc(d, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.timer == t {
			b.gate.Open(b.why)
		}
	})
	b.timer = t
	b.gate.Shut(b.why)
}

// end lets go at once.
func (b *brake) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
	b.gate.Open(b.why)
}

// lookout is what the agent's own topic has told so far.
type lookout struct {
	brake

	mu      sync.Mutex
	witness witness
	up      bool // connected before
	quiet   bool // nothing was found there yet
	perhaps bool
	// atOpen is how far the outbox had come when it was opened.
	atOpen message.SettledThrough
}

// AgentHeard takes what stands on the agent's topic, or is said there.
func (f *Fence) AgentHeard(payload []byte, retained bool) {
	var h heard
	if json.Unmarshal(payload, &h) != nil {
		return
	}
	o := &f.lookout
	o.mu.Lock()
	found := o.witness.hear(h, retained)
	o.quiet = false
	o.perhaps = o.perhaps || found == findPerhaps
	up, told, mine := o.up, o.witness.told, o.witness.mine
	o.mu.Unlock()
	if retained && h.Instance == mine.Instance && !h.same(mine) {
		f.settledHeard(h.SettledThrough)
	}
	if told && found == findNothing {
		// Whoever begins from now on finds our word, and whoever began before us has lost the connection before its own
		// word stood: of several that start at once, one goes on.
		f.gate.Open(health.GateUnheard)
	}
	switch found {
	case findNothing:
	case findPerhaps:
		if up {
			o.hold(lookAgain)
		}
		f.log.Warn("another agent may be at work under our topic prefix; nothing is sent until that is clear", "instance", h.Instance, "generation", h.Generation, "state", h.State)
	case findOlderCopy:
		f.distrust(h)
	case findAnotherAgent:
		f.guard.notice(f.ctx, notice{Code: health.ProblemAnotherAgent, Message: fmt.Sprintf(
			"another agent (outbox %s, generation %d, started %s) is at work on our client id or under our topic prefix; stop one of the two",
			h.Instance, h.Generation, h.Since) + acceptHint})
	}
}

// lookedUp ends the waiting for the broker's word, once it is connected.
func (f *Fence) lookedUp() {
	o := &f.lookout
	o.mu.Lock()
	first := !o.up
	o.up = true
	quiet, perhaps := o.quiet, o.perhaps
	o.mu.Unlock()
	switch {
	case !first:
	case perhaps:
		o.hold(lookFirst)
	case quiet:
		o.hold(lookQuiet)
		time.AfterFunc(lookDeaf, f.deaf)
	default:
		o.end()
	}
}

// deaf goes on without our own word where the broker has not let us read anything.
func (f *Fence) deaf() {
	o := &f.lookout
	o.mu.Lock()
	quiet := o.quiet
	o.mu.Unlock()
	switch {
	case !quiet || f.ctx.Err() != nil:
	case f.reports.Connected():
		f.gate.Open(health.GateUnheard)
	default:
		time.AfterFunc(lookDeaf, f.deaf)
	}
}

// distrust takes word of a newer copy of our outbox: what is open here may have been sent there.
func (f *Fence) distrust(h heard) {
	n := notice{Code: health.ProblemRolledBack, Message: fmt.Sprintf(
		"the broker holds word of this outbox at generation %d, this one is at %d: it is an older copy, or a second one; what was open in it is in doubt",
		h.Generation, f.store.Identity().Generation) + acceptHint}
	f.guard.notice(f.ctx, n)
	f.doubtOpen(h.Generation)
}

const olderCopy = "the outbox is an older copy than the one that was in use here last, or was brought from elsewhere; what was open in it is in doubt"

// tellRecovery tells what opening the outbox had to mend.
func (f *Fence) tellRecovery() {
	r := f.store.Recovery()
	if r.Compacted {
		f.log.Info("the outbox was made smaller", "from", r.Before, "to", r.After)
	}
	if r.RootLost {
		f.log.Warn("one of the outbox's two root pages was unreadable, as after a power cut in the middle of a write; the last change may be missing", "in_doubt", r.InDoubt)
	}
	switch {
	case r.Created:
		f.log.Info("a new, empty outbox was made", "path", f.path, "instance", f.store.Identity().Instance)
	case r.Restored:
		found := fmt.Sprintf("the outbox was restored from its last snapshot: %v", r.Cause)
		if r.Quarantined != "" {
			found += "; the damaged file is kept as " + r.Quarantined
		}
		found += fmt.Sprintf("; %s in doubt, and what was accepted after the snapshot is not known here; compare with Front Payment", requestsAre(r.InDoubt))
		f.guard.notice(context.Background(), notice{Code: health.ProblemRestored, Message: found})
		f.rolledBack("the outbox is older than what was in use")
	case f.store.Identity().RolledBack:
		f.rolledBack(olderCopy)
	}
}

func requestsAre(n int) string {
	if n == 1 {
		return "1 request is"
	}
	return fmt.Sprintf("%d requests are", n)
}

func (f *Fence) rolledBack(found string) {
	f.guard.notice(context.Background(), notice{Code: health.ProblemRolledBack, Message: found + acceptHint})
}
