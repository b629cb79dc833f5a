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

// recentStatuses is how many statuses are cached as they were published: all that most shops have, in 2 MB.
const recentStatuses = 4096

// retainedIndex knows which statuses are retained at the embedded broker. It caches some of them; the others are read from the
// outbox when somebody subscribes, and by it one finds out whether what was read is what was published last. The publisher's mu
// guards it; a nil one knows nothing, for other brokers keep what they get.
type retainedIndex struct {
	// revisions are those that were published last, by terminal and sequence.
	revisions map[string]map[uint64]uint64
	// unpublished holds the number of the newest message that waits to be published.
	unpublished map[statusKey]uint64
	last        uint64
	// recent caches as many messages as there is room for; order is a ring in which the next to go is at oldest.
	room   int
	recent map[statusKey]mqtt.Message
	order  []statusKey
	oldest int
}

func newRetainedIndex() *retainedIndex {
	return &retainedIndex{revisions: map[string]map[uint64]uint64{}, unpublished: map[statusKey]uint64{}, room: recentStatuses, recent: map[statusKey]mqtt.Message{}}
}

// number numbers a status that is queued to be published, or cleared.
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

// publishedThrough notes that what had a number by then waits no more: everything was published anew since.
func (k *retainedIndex) publishedThrough(number uint64) {
	if k != nil {
		maps.DeleteFunc(k.unpublished, func(_ statusKey, n uint64) bool { return n <= number })
	}
}

// skip notes that a message is not published, as a newer one was.
func (k *retainedIndex) skip(m queued) {
	if k != nil && k.unpublished[m.of] == m.number {
		delete(k.unpublished, m.of)
	}
}

// published notes that a message was given to the broker.
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

// cache keeps a message in memory, in place of the oldest where there is no room.
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

// send publishes a message, and notes it in the index.
func (p *Publisher) send(w *window, m queued) {
	if m.Topic == "" {
		return
	}
	w.publish(m.Message)
	p.mu.Lock()
	p.index.published(m)
	p.mu.Unlock()
}

// terminals returns those with retained statuses, sorted.
func (k *retainedIndex) terminals() []string { return slices.Sorted(maps.Keys(k.revisions)) }

// statuses returns a terminal's sequences, in the order in which the outbox holds them.
func (k *retainedIndex) statuses(terminal string) []uint64 {
	return slices.Sorted(maps.Keys(k.revisions[terminal]))
}

// standing is what is known of a status at one moment.
type standing struct {
	// current: it is retained, and nothing newer waits to be published.
	current bool
	// revision was published last; 0 if nothing is retained.
	revision uint64
	overlay  overlay
}

// standingOf returns the standing of a status. The caller holds mu.
func (p *Publisher) standingOf(of statusKey) standing {
	revision := p.index.revisions[of.terminal][of.seq]
	_, waits := p.index.unpublished[of]
	return standing{current: revision > 0 && !waits, revision: revision, overlay: p.overlays[of.seq]}
}
