package broker

import (
	"slices"
	"strings"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"tillpost/mqtt"
)

// maxTopic bounds topics and filters, in bytes. Ours are shorter; the
// time that mochi takes for one grows with the square of its levels.
const maxTopic = 1024

// replayBatch is how many retained messages are sent to a new subscriber before publishers get their turn.
const replayBatch = 64

// retained holds the agent's retained messages: the last one of each topic. It takes a quarter of the memory that
// mochi's own takes, and can be read in pieces. Its methods are for one goroutine at a time.
type retained struct {
	// folders maps all of a topic but its last level to its messages, by topic.
	folders map[string]map[string][]byte
}

func folderOf(topic string) string { return topic[:strings.LastIndexByte(topic, '/')+1] }

// set retains a message; an empty one clears its topic.
func (r *retained) set(topic string, payload []byte) {
	folder := folderOf(topic)
	messages := r.folders[folder]
	if len(payload) == 0 {
		delete(messages, topic)
		if len(messages) == 0 {
			delete(r.folders, folder)
		}
		return
	}
	if messages == nil {
		messages = map[string][]byte{}
		r.folders[strings.Clone(folder)] = messages
	}
	messages[topic] = payload
}

func (r *retained) get(topic string) ([]byte, bool) {
	payload, ok := r.folders[folderOf(topic)][topic]
	return payload, ok
}

// foldersOf lists the folders that hold what a filter may match, in no order.
func (r *retained) foldersOf(filter string) []string {
	var found []string
	for folder := range r.folders {
		if filtersMeet(filter, folder+"+") {
			found = append(found, folder)
		}
	}
	return found
}

// topics lists the topics of a folder that a filter matches, in no order.
func (r *retained) topics(folder, filter string) []string {
	if !strings.ContainsAny(filter, "+#") {
		if _, ok := r.get(filter); ok && folderOf(filter) == folder {
			return []string{filter}
		}
		return nil
	}
	var found []string
	for topic := range r.folders[folder] {
		if filterMatches(filter, topic) {
			found = append(found, topic)
		}
	}
	return found
}

// distribute retains a message, if it is to be, and sends it to all subscribers of its topic. origin is the client id
// of the sender, "" for the agent, qos the quality of service that it was published with.
func (b *Broker) distribute(m mqtt.Message, origin string, qos byte) {
	b.publishing.Lock()
	defer b.publishing.Unlock()
	if m.Retained && (b.options.Statuses == nil || !b.options.Topics.IsStatus(m.Topic)) {
		b.retained.set(m.Topic, m.Payload)
	}
	for id, sub := range b.server.Topics.Subscribers(m.Topic).Subscriptions {
		if sub.NoLocal && id == origin {
			continue
		}
		if p := b.peer(id); p != nil {
			// A message to an existing subscription is not marked as retained, unless the client asked for that.
			sub.Qos = min(sub.Qos, qos)
			p.send(m, sub, m.Retained && sub.RetainAsPublished)
		}
	}
}

func (b *Broker) peer(id string) *peer {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.byID[id]
}

// replayInMemory sends to a new subscriber what is retained in memory, as fast as that reads. It goes folder by folder:
// a list of all topics, held for each slow reader, would be most of the broker's memory.
func (b *Broker) replayInMemory(p *peer, sub packets.Subscription) {
	var folders, topics []string
	b.inReplay(func() { folders = b.retained.foldersOf(sub.Filter) })
	for _, folder := range folders {
		b.inReplay(func() { topics = b.retained.topics(folder, sub.Filter) })
		for batch := range slices.Chunk(topics, replayBatch) {
			if !p.waitForRoom() {
				return
			}
			b.inReplay(func() {
				for _, topic := range batch {
					if payload, ok := b.retained.get(topic); ok {
						p.send(mqtt.Message{Topic: topic, Payload: payload}, sub, true)
					}
				}
			})
		}
	}
}

// inReplay calls piece while nothing is published. A publisher waits for one piece
// at most, however many subscribers are new at once.
func (b *Broker) inReplay(piece func()) {
	b.replaying.Lock()
	defer b.replaying.Unlock()
	b.publishing.Lock()
	defer b.publishing.Unlock()
	piece()
}

// send sends one message to the client if it may read it. The caller holds Broker.publishing.
func (p *peer) send(m mqtt.Message, sub packets.Subscription, retained bool) {
	if !p.account.Load().mayRead(m.Topic) {
		return
	}
	pk := packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Publish, Retain: retained},
		TopicName:   m.Topic,
		Payload:     m.Payload,
	}
	if sub.Identifier > 0 {
		pk.Properties.SubscriptionIdentifier = []int{sub.Identifier}
	}
	for filter, id := range sub.Identifiers {
		if filter != sub.Filter && id > 0 {
			pk.Properties.SubscriptionIdentifier = append(pk.Properties.SubscriptionIdentifier, id)
		}
	}
	// No session outlives its connection, so nothing is ever sent again: beyond
	// what a client is willing to acknowledge, QoS 0 does as well.
	if sub.Qos > 0 {
		if id, ok := p.unacked.next(p.mostUnacked()); ok {
			pk.FixedHeader.Qos, pk.PacketID = 1, id
		}
	}
	if err := p.client.WritePacket(pk); err != nil && pk.FixedHeader.Qos > 0 {
		p.unacked.release(pk.PacketID) // too large for the client, or its connection has ended
	}
}

func (p *peer) mostUnacked() int {
	if m := p.client.Properties.Props.ReceiveMaximum; m > 0 {
		return min(int(m), maxUnacked)
	}
	return maxUnacked
}

// awaitAcks waits until the clients have acknowledged what they were sent, but no longer than grace: some drop what
// they have received but not processed when their connection ends.
func (b *Broker) awaitAcks(grace time.Duration) {
	timer := time.After(grace)
	owesAck := func(p *peer) bool { return p.unacked.any() && !p.gone() }
	for slices.ContainsFunc(b.allPeers(), owesAck) {
		select {
		case <-b.acks:
		case <-timer:
			return
		}
	}
}

// replayStatuses sends to a new subscriber the statuses that it may read.
func (b *Broker) replayStatuses(p *peer, sub packets.Subscription) {
	if b.options.Statuses == nil {
		return
	}
	for _, terminal := range b.options.Statuses.Terminals() {
		every := b.options.Topics.Status(terminal, "+")
		if !filtersMeet(sub.Filter, every) || !p.account.Load().mayReadAny(every) {
			continue
		}
		b.options.Statuses.Replay(terminal, lastLevel(sub.Filter, every), func(piece func(send func(mqtt.Message))) bool {
			if !p.waitForRoom() {
				return false
			}
			b.inReplay(func() { piece(func(m mqtt.Message) { p.send(m, sub, true) }) })
			return true
		})
	}
}

// lastLevel returns the last level of the topics that filter can match among those
// that every matches; "" if it can be any.
func lastLevel(filter, every string) string {
	levels, last := strings.Split(filter, "/"), strings.Count(every, "/")
	if len(levels) <= last || levels[last] == "+" || levels[last] == "#" {
		return ""
	}
	return levels[last]
}

// validFilter reports whether a filter follows MQTT's rules: + is a whole level, # is one too, and the last.
func validFilter(filter string) bool {
	if filter == "" {
		return false
	}
	for level := range strings.SplitSeq(strings.TrimSuffix(filter, "#"), "/") {
		if level != "+" && strings.ContainsAny(level, "+#") {
			return false
		}
	}
	return filter == "#" || !strings.HasSuffix(filter, "#") || strings.HasSuffix(filter, "/#")
}

// filterMatches reports whether a topic filter with + and # matches a topic.
func filterMatches(filter, topic string) bool {
	for {
		f, filterRest, filterGoesOn := strings.Cut(filter, "/")
		t, topicRest, topicGoesOn := strings.Cut(topic, "/")
		switch {
		case f == "#":
			return true
		case f != "+" && f != t:
			return false
		case !filterGoesOn || !topicGoesOn:
			// "a/#" matches "a" too.
			return filterGoesOn == topicGoesOn || filterRest == "#"
		}
		filter, topic = filterRest, topicRest
	}
}

// filtersMeet reports whether there can be a topic that both filters match.
func filtersMeet(a, b string) bool {
	for {
		levelA, restA, goesOnA := strings.Cut(a, "/")
		levelB, restB, goesOnB := strings.Cut(b, "/")
		switch {
		case levelA == "#" || levelB == "#":
			return true
		case levelA != levelB && levelA != "+" && levelB != "+":
			return false
		case !goesOnA || !goesOnB:
			return goesOnA == goesOnB || restA == "#" || restB == "#"
		}
		a, b = restA, restB
	}
}
