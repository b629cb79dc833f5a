package health

import (
	"sync"

	"tillpost/internal/notify"
	"tillpost/outbox"
)

// GateReason is why nothing may be sent, though everything may be queued.
type GateReason uint8

// The reasons for which the gate is shut. The last five last a moment, and are not told.
const (
	GateWrongAccount GateReason = iota
	GateRolledBack
	GateAnotherAgent
	gateUnauthorized
	gateUnsure           // whether the API hears us at all, after a submission that ended ambiguous
	GateSurveying        // what the API shows of this outbox, silently
	GateReadingRetained  // what the broker retains of our statuses, silently
	GateWatchingPeers    // for another agent, silently
	GateListingTerminals // whose terminals these are, silently
	GateUnannounced      // until our own word stands at the broker, silently
	gateReasons
)

var gateCodes = [gateReasons]string{
	GateWrongAccount: outbox.WaitWrongAccount,
	GateRolledBack:   outbox.WaitRolledBack,
	GateAnotherAgent: outbox.WaitAnotherAgent,
	gateUnauthorized: outbox.WaitUnauthorized,
	gateUnsure:       outbox.WaitAPIUnreachable,
}

// Gate stands before every create, refund and approval. The zero value is open. It may be used by several goroutines at once.
type Gate struct {
	watchers notify.List

	mu     sync.Mutex
	closed [gateReasons]bool
}

// Watch has f called, without a lock held, after every change from now on.
func (g *Gate) Watch(f func()) { g.watchers.Add(f) }

// Shut closes the gate for a reason; true if that is new.
func (g *Gate) Shut(why GateReason) bool { return g.set(why, true) }

// Open takes a reason away; true if it stood.
func (g *Gate) Open(why GateReason) bool { return g.set(why, false) }

func (g *Gate) set(why GateReason, closed bool) bool {
	g.mu.Lock()
	news := g.closed[why] != closed
	g.closed[why] = closed
	g.mu.Unlock()
	if news {
		g.watchers.Call()
	}
	return news
}

// IsShut reports whether a reason stands.
func (g *Gate) IsShut(why GateReason) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed[why]
}

// Holds tells whether sending is not allowed, and the waiting code of the first reason that has one: what lasts a moment
// only is not told.
func (g *Gate) Holds() (code string, shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for why, closed := range g.closed {
		if closed && gateCodes[why] != "" {
			return gateCodes[why], true
		}
		shut = shut || closed
	}
	return "", shut
}
