package mqtt

import (
	"slices"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// replayBatch is how many kept messages go to a new reader before whoever
// publishes gets its turn.
const replayBatch = 64

// tell keeps a retained message and hands it to all who read its topic. origin
// is the client id of the sender, "" for the agent, qos what it was sent with.
func (b *Broker) tell(m Message, origin string, qos byte) {
	b.telling.Lock()
	defer b.telling.Unlock()
	if m.Retained && b.keeps(m.Topic) {
		b.retained.set(m.Topic, m.Payload)
	}
	for id, sub := range b.server.Topics.Subscribers(m.Topic).Subscriptions {
		if sub.NoLocal && id == origin {
			continue
		}
		if p := b.peer(id); p != nil {
			// A message that comes because the subscription stands is not
			// retained but new, unless the client asked to be told.
			sub.Qos = min(sub.Qos, qos)
			p.tell(m, sub, m.Retained && sub.RetainAsPublished)
		}
	}
}

func (b *Broker) peer(id string) *peer {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.byID[id]
}

// replay hands what is retained to a new reader, as fast as that reads.
func (b *Broker) replay(p *peer, sub packets.Subscription) {
	b.replayKept(p, sub)
	b.replayStatuses(p, sub)
}

// replayKept hands over what is in memory. It goes folder by folder: a list of
// all topics, held for each reader that is slow, would be most of what the
// broker takes.
func (b *Broker) replayKept(p *peer, sub packets.Subscription) {
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
						p.tell(Message{Topic: topic, Payload: payload}, sub, true)
					}
				}
			})
		}
	}
}

// inReplay does a piece of a replay. Whoever publishes waits behind one of them
// at most, however many readers are new at once.
func (b *Broker) inReplay(piece func()) {
	b.replaying.Lock()
	defer b.replaying.Unlock()
	b.telling.Lock()
	defer b.telling.Unlock()
	piece()
}

// tell writes one message to the client if it may read it. The caller holds
// Broker.telling.
func (p *peer) tell(m Message, sub packets.Subscription, retained bool) {
	if !p.mayRead(m.Topic) {
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
	// No session outlives its connection, so nothing would ever be sent again:
	// beyond what a client wants to acknowledge, QoS 0 does as well.
	if sub.Qos > 0 {
		if id, ok := p.told.next(p.mostUnacked()); ok {
			pk.FixedHeader.Qos, pk.PacketID = 1, id
		}
	}
	if err := p.client.WritePacket(pk); err != nil && pk.FixedHeader.Qos > 0 {
		p.told.done(pk.PacketID) // too large for the client, or its connection has ended
	}
}

func (p *peer) mostUnacked() int {
	if m := p.client.Properties.Props.ReceiveMaximum; m > 0 {
		return min(int(m), maxUnacked)
	}
	return maxUnacked
}

// lastWordsRead waits until the clients have acknowledged what they were told,
// but not longer than grace: some forget what they have received but not looked
// at when their connection ends.
func (b *Broker) lastWordsRead(grace time.Duration) {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	unread := func(p *peer) bool { return p.told.any() && !p.gone() }
	for slices.ContainsFunc(b.everybody(), unread) {
		select {
		case <-b.acks:
		case <-timer.C:
			return
		}
	}
}

func (p *peer) mayRead(topic string) bool {
	a := p.account.Load()
	return a == nil || a.mayRead(topic)
}
