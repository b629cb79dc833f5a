package fence

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"tillpost/agent/health"
	"tillpost/mqtt/message"
)

const (
	// listDelayMost is how long the first sending waits for the list of terminals, which may show another account.
	listDelayMost = 5 * time.Second
	// retainedDelay is for a broker that retains no announcement, or brings it late.
	retainedDelay = 250 * time.Millisecond
	// silentAfter is for a broker that lets us read nothing, not even our own announcement.
	silentAfter = 2 * time.Second
	// firstPeerDelay is for a peer that was thrown out by our connecting: it is back within half a second.
	firstPeerDelay = 3 * time.Second
	// peerDelay is longer than the longest pause of one that is thrown out again and again.
	peerDelay = 20 * time.Second
)

// peerWatch is what was seen on the agent's own topic so far, and the delay while that is not clear.
type peerWatch struct {
	delay

	mu        sync.Mutex
	detector  peerDetector
	connected bool // the broker was connected before
	silent    bool // nothing was seen there yet
	suspected bool // another agent may be at work
	// openedAt is how far the outbox had come when it was opened.
	openedAt message.SettledThrough
}

// SawAgent is called with each message on the agent's topic; retained reports whether it stood there when we subscribed.
func (f *Fence) SawAgent(payload []byte, retained bool) {
	var h announcement
	if json.Unmarshal(payload, &h) != nil {
		return
	}
	o := &f.peers
	o.mu.Lock()
	found := o.detector.observe(h, retained)
	o.silent = false
	o.suspected = o.suspected || found == foundPerhaps
	up, echoed, mine := o.connected, o.detector.echoed, o.detector.mine
	o.mu.Unlock()
	if retained && h.Instance == mine.Instance && !h.same(mine) {
		f.sawSettled(h.SettledThrough)
	}
	if echoed && found == foundNothing {
		// Whoever begins from now on finds our announcement, and whoever began before us has lost the connection before its
		// own stood: of several that start at once, one goes on.
		f.o.Gate.Open(health.GateUnannounced)
	}
	switch found {
	case foundNothing:
	case foundPerhaps:
		if up {
			o.shutFor(peerDelay)
		}
		f.o.Log.Warn("another agent may be at work under our topic prefix; nothing is sent until that is clear", "instance", h.Instance, "generation", h.Generation, "state", h.State)
	case foundOlderCopy:
		// What is open here may have been sent there.
		f.holds.place(f.ctx, hold{Code: health.ProblemRolledBack, Message: fmt.Sprintf(
			"the broker holds word of this outbox at generation %d, this one is at %d: it is an older copy, or a second one; what was open in it is in doubt",
			h.Generation, mine.Generation) + acceptHint})
		f.doubtOpen(h.Generation)
	case foundAnotherAgent:
		f.holds.place(f.ctx, hold{Code: health.ProblemAnotherAgent, Message: fmt.Sprintf(
			"another agent (outbox %s, generation %d, started %s) is at work on our client id or under our topic prefix; stop one of the two",
			h.Instance, h.Generation, h.Since) + acceptHint})
	}
}

// Connected is called when the broker is connected. The bus has read by then what it retains, so the wait for that ends, or it is
// said how much longer it takes.
func (f *Fence) Connected() {
	f.atOpen.remember(nil)
	f.o.Gate.Open(health.GateReadingRetained)
	o := &f.peers
	o.mu.Lock()
	first := !o.connected
	o.connected = true
	quiet, perhaps := o.silent, o.suspected
	o.mu.Unlock()
	switch {
	case !first:
	case perhaps:
		o.shutFor(firstPeerDelay)
	case quiet:
		o.shutFor(retainedDelay)
		time.AfterFunc(silentAfter, f.assumeSilent)
	default:
		o.end()
	}
}

// assumeSilent goes on without having read our own announcement where the broker lets us read nothing.
func (f *Fence) assumeSilent() {
	o := &f.peers
	o.mu.Lock()
	quiet := o.silent
	o.mu.Unlock()
	switch {
	case !quiet || f.ctx.Err() != nil:
	case f.reports.Connected():
		f.o.Gate.Open(health.GateUnannounced)
	default:
		time.AfterFunc(silentAfter, f.assumeSilent)
	}
}
