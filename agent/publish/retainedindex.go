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

// retainedIndex knows which statuses are retained at the embedded broker. It holds some of them; the others are read from the
// outbox when somebody subscribes, and it tells whether what is read is what was published last. The publisher's mu guards
// it; a nil one knows nothing, for other brokers keep what they are told.
type retainedIndex struct {
	// revisions are the revisions that were told last, by terminal and sequence.
	revisions map[string]map[uint64]uint64
	// unpublished holds the number of the newest message that waits to be told.
	unpublished map[statusKey]uint64
	last        uint64
	// recent are as many messages as there is room for; order tells whose turn it is to go, from oldest on round.
	room   int
	recent map[statusKey]mqtt.Message
	order  []statusKey
	oldest int
}

func newRetainedIndex() *retainedIndex {
	return &retainedIndex{revisions: map[string]map[uint64]uint64{}, unpublished: map[statusKey]uint64{}, room: recentStatuses, recent: map[statusKey]mqtt.Message{}}
}

// number numbers a status that is going to be told, or cleared.
func (k *retainedIndex) number(of statusKey) uint64 {
	if k == nil || of.seq == 0 {
		return 0
	}
	k.last++
	k.unpublished[of] = k.last
	return k.last
}

// newest is the number of the newest message.
func (k *retainedIndex) newest() uint64 {
	if k == nil {
		return 0
	}
	return k.last
}

// publishedThrough says that what had a number by then need not be told any more: everything was told anew since.
func (k *retainedIndex) publishedThrough(number uint64) {
	if k != nil {
		maps.DeleteFunc(k.unpublished, func(_ statusKey, n uint64) bool { return n <= number })
	}
}

// skip says that a message is not told, as a newer one was.
func (k *retainedIndex) skip(m queued) {
	if k != nil && k.unpublished[m.of] == m.number {
		delete(k.unpublished, m.of)
	}
}

// published takes a message that is with the broker now.
func (k *retainedIndex) published(m queued) {
	if k == nil || m.of.seq == 0 {
		return
	}
	k.skip(m)
	statuses := k.revisions[m.of.terminal]
	if len(m.Payload) == 0 {
		delete(k.recent, m.of)
		delete(statuses, m.of.seq)
		if len(statuses) == 0 {
			delete(k.revisions, m.of.terminal)
		}
		return
	}
	if statuses == nil {
		statuses = map[uint64]uint64{}
		k.revisions[m.of.terminal] = statuses
	}
	if m.revision >= statuses[m.of.seq] {
		statuses[m.of.seq] = m.revision
		k.cache(m)
	}
}

// cache takes a message into memory, instead of another one if there are enough.
func (k *retainedIndex) cache(m queued) {
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

// send gives a message to the broker.
func (p *Publisher) send(w *window, m queued) {
	if m.Topic == "" {
		return
	}
	w.publish(m.Message)
	p.mu.Lock()
	p.index.published(m)
	p.mu.Unlock()
}

// terminals lists those with retained statuses.
func (k *retainedIndex) terminals() []string { return slices.Sorted(maps.Keys(k.revisions)) }

// statuses lists a terminal's, in the order in which the outbox holds them.
func (k *retainedIndex) statuses(terminal string) []uint64 {
	return slices.Sorted(maps.Keys(k.revisions[terminal]))
}

// standing is what is known of a status at one moment.
type standing struct {
	// current: it is retained, and nothing newer waits to be told.
	current bool
	// revision was told last; 0 if nothing is retained.
	revision uint64
	overlay  overlay
}

// standingOf looks at a status. The caller holds mu.
func (p *Publisher) standingOf(of statusKey) standing {
	revision := p.index.revisions[of.terminal][of.seq]
	_, waits := p.index.unpublished[of]
	return standing{current: revision > 0 && !waits, revision: revision, overlay: p.overlays[of.seq]}
}
