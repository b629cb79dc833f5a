package publish

import (
	"maps"
	"slices"

	"tillpost/mqtt"
)

// statusKey names a request's status on a terminal's topic.
type statusKey struct {
	terminal string
	seq      uint64
}

// recentStatuses are held in memory as they were told: all that most shops have, in 2 MB.
const recentStatuses = 4096

// kept knows which statuses are retained at the embedded broker. It holds some of them; the others are read from the
// outbox when somebody subscribes, and it tells whether what is read is what was published last. The publisher's mu guards
// it; a nil one knows nothing, for other brokers keep what they are told.
type kept struct {
	// told are the revisions that were told last, by terminal and sequence.
	told map[string]map[uint64]uint64
	// untold holds the number of the newest message that waits to be told.
	untold map[statusKey]uint64
	last   uint64
	// recent are as many messages as there is room for; order tells whose turn it is to go, from oldest on round.
	room   int
	recent map[statusKey]mqtt.Message
	order  []statusKey
	oldest int
}

func newKept() *kept {
	return &kept{told: map[string]map[uint64]uint64{}, untold: map[statusKey]uint64{}, room: recentStatuses, recent: map[statusKey]mqtt.Message{}}
}

// wait numbers a status that is going to be told, or cleared.
func (k *kept) wait(of statusKey) uint64 {
	if k == nil || of.seq == 0 {
		return 0
	}
	k.last++
	k.untold[of] = k.last
	return k.last
}

// newest is the number of the newest message.
func (k *kept) newest() uint64 {
	if k == nil {
		return 0
	}
	return k.last
}

// caughtUp says that what had a number by then need not be told any more: everything was told anew since.
func (k *kept) caughtUp(number uint64) {
	if k != nil {
		maps.DeleteFunc(k.untold, func(_ statusKey, n uint64) bool { return n <= number })
	}
}

// leaveOut says that a message is not told, as a newer one was.
func (k *kept) leaveOut(m queued) {
	if k != nil && k.untold[m.of] == m.number {
		delete(k.untold, m.of)
	}
}

// is takes a message that is with the broker now.
func (k *kept) is(m queued) {
	if k == nil || m.of.seq == 0 {
		return
	}
	k.leaveOut(m)
	statuses := k.told[m.of.terminal]
	if len(m.Payload) == 0 {
		delete(k.recent, m.of)
		delete(statuses, m.of.seq)
		if len(statuses) == 0 {
			delete(k.told, m.of.terminal)
		}
		return
	}
	if statuses == nil {
		statuses = map[uint64]uint64{}
		k.told[m.of.terminal] = statuses
	}
	if m.revision >= statuses[m.of.seq] {
		statuses[m.of.seq] = m.revision
		k.hold(m)
	}
}

// hold takes a message into memory, instead of another one if there are enough.
func (k *kept) hold(m queued) {
	_, held := k.recent[m.of]
	switch {
	case held:
	case len(k.order) < k.room:
		k.order = append(k.order, m.of)
	case k.room > 0:
		delete(k.recent, k.order[k.oldest])
		k.order[k.oldest] = m.of
		k.oldest = (k.oldest + 1) % k.room
	default:
		return
	}
	k.recent[m.of] = m.Message
}

// hand gives a message to the broker.
func (p *Publisher) hand(w *window, m queued) {
	if m.Topic == "" {
		return
	}
	w.publish(m.Message)
	p.mu.Lock()
	p.kept.is(m)
	p.mu.Unlock()
}

// terminals lists those with retained statuses.
func (k *kept) terminals() []string { return slices.Sorted(maps.Keys(k.told)) }

// statuses lists a terminal's, in the order in which the outbox holds them.
func (k *kept) statuses(terminal string) []uint64 {
	return slices.Sorted(maps.Keys(k.told[terminal]))
}

// known is what is known of a status at one moment.
type known struct {
	// stands: it is retained, and nothing newer waits to be told.
	stands bool
	// revision was told last; 0 if nothing is retained.
	revision uint64
	overlay  overlay
}

// known looks at a status. The caller holds mu.
func (p *Publisher) known(of statusKey) known {
	revision := p.kept.told[of.terminal][of.seq]
	_, waits := p.kept.untold[of]
	return known{stands: revision > 0 && !waits, revision: revision, overlay: p.overlays[of.seq]}
}
