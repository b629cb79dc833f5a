package fence

import (
	"tillpost/mqtt/message"
)

// announcement is what an agent publishes of itself, as far as it tells agents apart, and how far the statuses go that it has
// cleared. Since is when its process started: two processes on copies of one outbox may have the generation in common, not that.
type announcement struct {
	State          string                 `json:"state"`
	Instance       string                 `json:"instance"`
	Generation     uint64                 `json:"generation"`
	Since          string                 `json:"since"`
	SettledThrough message.SettledThrough `json:"settledThrough"`
}

// same reports whether two announcements are of one process.
func (h announcement) same(o announcement) bool {
	return h.Instance == o.Instance && h.Generation == o.Generation && h.Since == o.Since
}

// finding is what follows from a message on the agent's topic.
type finding uint8

const (
	foundNothing finding = iota
	// foundPerhaps: somebody else may be at work. Whoever is will publish again soon.
	foundPerhaps
	// foundOlderCopy: our outbox was opened elsewhere, as late as here or later.
	foundOlderCopy
	// foundAnotherAgent: another process is at work on our client id, or under our prefix.
	foundAnotherAgent
)

// strikesOut is how many announcements of somebody who is gone already, seen while we were at work, make another agent. One may
// be the last will of a machine that lost its power, which brokers publish late.
const strikesOut = 2

// peerDetector looks for other agents in the announcements on the agent's topic. Our own comes back to us there; from then on
// whatever else is found there was published while we were at work. Two agents on one client id throw each other out, so each
// finds the other's announcement whenever it is back.
type peerDetector struct {
	mine    announcement
	echoed  bool // our own announcement came back
	strikes int
}

// observe takes an announcement; retained reports whether it stood there when we connected.
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
		return foundPerhaps // or the last announcement of one that lost its power
	case !w.echoed && retained:
		return foundNothing // it said so itself: it is gone
	}
	if w.strikes++; w.strikes >= strikesOut {
		return foundAnotherAgent
	}
	return foundPerhaps
}
