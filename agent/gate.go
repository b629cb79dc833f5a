package agent

import (
	"sync"

	"tillpost/outbox"
)

// gateReason is why nothing may be sent, though everything may be queued.
type gateReason uint8

const (
	gateWrongAccount gateReason = iota
	gateRolledBack
	gateAnotherAgent
	gateUnauthorized
	gateUnsure    // whether the API hears us at all, after a submission that ended ambiguous
	gateSurveying // what the API shows of this outbox, silently
	gateReading   // what the broker retains of our statuses, silently
	gateLooking   // for another agent, silently
	gateListing   // whose terminals these are, silently
	gateUnheard   // until our own word stands at the broker, silently
	gateReasons
)

var gateCodes = [gateReasons]string{
	gateWrongAccount: outbox.WaitWrongAccount,
	gateRolledBack:   outbox.WaitRolledBack,
	gateAnotherAgent: outbox.WaitAnotherAgent,
	gateUnauthorized: outbox.WaitUnauthorized,
	gateUnsure:       outbox.WaitAPIUnreachable,
}

// gate stands before every create, refund and approval. The zero value is open. It may be used by several goroutines at once.
type gate struct {
	watchers watchers

	mu     sync.Mutex
	closed [gateReasons]bool
}

// watch has f called, without a lock held, after every change from now on.
func (g *gate) watch(f func()) { g.watchers.add(f) }

// shut closes the gate for a reason; true if that is new.
func (g *gate) shut(why gateReason) bool { return g.set(why, true) }

// open takes a reason away; true if it stood.
func (g *gate) open(why gateReason) bool { return g.set(why, false) }

func (g *gate) set(why gateReason, closed bool) bool {
	g.mu.Lock()
	news := g.closed[why] != closed
	g.closed[why] = closed
	g.mu.Unlock()
	if news {
		g.watchers.call()
	}
	return news
}

func (g *gate) isShut(why gateReason) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed[why]
}

// holds tells whether sending is not allowed, and the waiting code of the first reason that has one: what lasts a moment
// only is not told.
func (g *gate) holds() (code string, shut bool) {
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
