package health

import (
	"sync"

	"tillpost/internal/notify"
	"tillpost/outbox"
)

// GateReason is why nothing may be sent, though everything may be queued.
type GateReason uint8

// The reasons for which the gate is shut. The last six last a moment, and have no waiting code.
const (
	GateWrongAccount GateReason = iota
	GateRolledBack
	GateAnotherAgent
	gateUnauthorized
	gateUnsure           // whether the API gets our calls at all, after a submission that ended ambiguous
	GateSurveying        // what the API shows of this outbox
	GateReadingRetained  // what the broker retains of our statuses
	GateDoubting         // until what is open in an older copy is in doubt on disk
	GateWatchingPeers    // whether another agent is at work
	GateListingTerminals // whose terminals these are
	GateUnannounced      // until our own announcement stands at the broker
	gateReasons
)

var gateCodes = [gateReasons]string{
	GateWrongAccount: outbox.WaitWrongAccount,
	GateRolledBack:   outbox.WaitRolledBack,
	GateAnotherAgent: outbox.WaitAnotherAgent,
	gateUnauthorized: outbox.WaitUnauthorized,
	gateUnsure:       outbox.WaitAPIUnreachable,
}

// Gate is asked before every create, refund and approval. The zero value is open. It may be used by several goroutines at once.
type Gate struct {
	watchers notify.List

	mu     sync.Mutex
	closed [gateReasons]bool
}

// Watch has f called, without a lock held, after every change from now on.
func (g *Gate) Watch(f func()) { g.watchers.Add(f) }

// Shut shuts the gate for a reason, and reports whether that is new.
func (g *Gate) Shut(why GateReason) bool { return g.set(why, true) }

// Open takes a reason away, and reports whether it stood; the gate is open once none stands.
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

// Holds reports whether the gate is shut, and returns the waiting code of the first reason that has one, "" where all that stand
// last a moment only.
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
