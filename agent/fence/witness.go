package fence

import (
	"tillpost/mqtt/message"
)

// heard is what an agent says of itself, as far as it tells agents apart, and how far what it has cleared goes. Since is
// when its process started: two processes on copies of one outbox may have the generation in common, but not that.
type heard struct {
	State          string                 `json:"state"`
	Instance       string                 `json:"instance"`
	Generation     uint64                 `json:"generation"`
	Since          string                 `json:"since"`
	SettledThrough message.SettledThrough `json:"settledThrough"`
}

func (h heard) same(o heard) bool {
	return h.Instance == o.Instance && h.Generation == o.Generation && h.Since == o.Since
}

// finding is what follows from a message on the agent's topic.
type finding uint8

const (
	findNothing finding = iota
	// findPerhaps: somebody else may be at work. Whoever is will be heard again soon.
	findPerhaps
	// findOlderCopy: our outbox was opened elsewhere, as late as here or later.
	findOlderCopy
	// findAnotherAgent: another process is at work on our client id, or under our prefix.
	findAnotherAgent
)

// strikesOut is how many words of somebody who is gone already, told while we were at work, make another agent. One may
// be the last will of a machine that lost its power, which brokers tell late.
const strikesOut = 2

// witness listens on the agent's topic for others. What we say ourselves comes back to us there; from then on whatever
// else is found there was said while we were at work. Two agents on one client id throw each other out, so each finds
// the other's word whenever it is back.
type witness struct {
	mine    heard
	told    bool // our own word stood there
	strikes int
}

// hear takes a message; retained says that it stood there when we connected.
func (w *witness) hear(h heard, retained bool) finding {
	switch ours := h.Instance == w.mine.Instance; {
	case h.Instance == "":
		return findNothing
	case h.same(w.mine):
		w.told = true
		return findNothing
	case ours && h.Generation > w.mine.Generation, ours && h.Generation == w.mine.Generation && !w.told:
		return findOlderCopy
	case ours && h.Generation == w.mine.Generation:
		return findAnotherAgent
	case h.State != message.AgentOffline && (w.told || !retained):
		return findAnotherAgent
	case h.State != message.AgentOffline:
		return findPerhaps // or the last word of one that lost its power
	case !w.told && retained:
		return findNothing // it said so itself: it is gone
	}
	if w.strikes++; w.strikes >= strikesOut {
		return findAnotherAgent
	}
	return findPerhaps
}
