package mqtt

import (
	"slices"
	"strings"

	"github.com/mochi-mqtt/server/v2/packets"
)

// Statuses is where a broker reads the retained statuses: there may be as many
// as the outbox has records, and they are on disk already. All else that is
// retained is little, and kept in memory.
//
// Its methods may be called from several goroutines at once.
type Statuses interface {
	// Terminals lists the terminals with retained statuses.
	Terminals() []string
	// Replay hands over what is retained of a terminal's requests, or of one
	// if requestID is not "", until hand returns false. Each is what was
	// published last on its topic. It may take as long as the reader is slow.
	Replay(terminal, requestID string, hand Hand)
}

// Hand calls piece while nothing is published, so that piece can tell what
// stands and what does not; it must not block for long. Hand itself waits until
// the reader has room. It returns false if the reader is gone, and piece was
// not called then.
type Hand func(piece func(tell func(Message))) bool

// keeps reports whether a retained message is kept in memory.
func (b *Broker) keeps(topic string) bool {
	return b.options.Statuses == nil || !b.options.Topics.IsStatus(topic)
}

// replayStatuses hands to a new reader the statuses that it may read.
func (b *Broker) replayStatuses(p *peer, sub packets.Subscription) {
	if b.options.Statuses == nil {
		return
	}
	for _, terminal := range b.options.Statuses.Terminals() {
		every := b.options.Topics.Status(terminal, "+")
		if !filtersMeet(sub.Filter, every) || !p.mayReadAny(every) {
			continue
		}
		b.options.Statuses.Replay(terminal, lastLevel(sub.Filter, every), func(piece func(func(Message))) bool {
			if !p.waitForRoom() {
				return false
			}
			b.inReplay(func() { piece(func(m Message) { p.tell(m, sub, true) }) })
			return true
		})
	}
}

// lastLevel is the last level of the topics that a filter can match among those
// of a folder, "" if any does.
func lastLevel(filter, every string) string {
	levels, last := strings.Split(filter, "/"), strings.Count(every, "/")
	if len(levels) <= last || levels[last] == "+" || levels[last] == "#" {
		return ""
	}
	return levels[last]
}

func (p *peer) mayReadAny(filter string) bool {
	a := p.account.Load()
	return a == nil || slices.ContainsFunc(a.reads, func(read string) bool { return filtersMeet(read, filter) })
}
