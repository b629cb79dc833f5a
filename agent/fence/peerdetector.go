package fence

import (
	"tillpost/mqtt/message"
)

// announcement is what an agent says of itself, as far as it tells agents apart, and how far what it has cleared goes. Since is
// when its process started: two processes on copies of one outbox may have the generation in common, but not that.
type announcement struct {
	State          string                 `json:"state"`
	Instance       string                 `json:"instance"`
	Generation     uint64                 `json:"generation"`
	Since          string                 `json:"since"`
	SettledThrough message.SettledThrough `json:"settledThrough"`
}

func (h announcement) same(o announcement) bool {
	return h.Instance == o.Instance && h.Generation == o.Generation && h.Since == o.Since
}

// finding is what follows from a message on the agent's topic.
type finding uint8

const (
	foundNothing finding = iota
	// foundPerhaps: somebody else may be at work. Whoever is will be heard again soon.
	foundPerhaps
	// foundOlderCopy: our outbox was opened elsewhere, as late as here or later.
	foundOlderCopy
	// foundAnotherAgent: another process is at work on our client id, or under our prefix.
	foundAnotherAgent
)

// strikesOut is how many words of somebody who is gone already, told while we were at work, make another agent. One may
// be the last will of a machine that lost its power, which brokers tell late.
const strikesOut = 2

// peerDetector listens on the agent's topic for others. What we say ourselves comes back to us there; from then on whatever
// else is found there was said while we were at work. Two agents on one client id throw each other out, so each finds
// the other's word whenever it is back.
type peerDetector struct {
	mine    announcement
	echoed  bool // our own word stood there
	strikes int
}

// observe takes a message; retained says that it stood there when we connected.
func (w *peerDetector) observe(h announcement, retained bool) finding {
	switch ours := h.Instance == w.mine.Instance; {
	case h.Instance == "":
		return foundNothing
	case h.same(w.mine):
		w.echoed = true
		return foundNothing
	case ours && h.Generation > w.mine.Generation, ours && h.Generation == w.mine.Generation && !w.echoed:
		return foundOlderCopy
	case ours && h.Generation == w.mine.Generation:
		return foundAnotherAgent
	case h.State != message.AgentOffline && (w.echoed || !retained):
		return foundAnotherAgent
	case h.State != message.AgentOffline:
		return foundPerhaps // or the last word of one that lost its power
	case !w.echoed && retained:
		return foundNothing // it said so itself: it is gone
	}
	if w.strikes++; w.strikes >= strikesOut {
		return foundAnotherAgent
	}
	return foundPerhaps
}
