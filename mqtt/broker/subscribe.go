package broker

import (
	"slices"
	"strings"

	"github.com/mochi-mqtt/server/v2/packets"
)

// maxSubscriptions bounds the filters of one client, maxAllSubscriptions those
// of all together: each takes about 1.5 KB.
const (
	maxSubscriptions    = 2000
	maxAllSubscriptions = 50_000
)

// subscribe answers a SUBSCRIBE, and then sends what is retained on its topics.
func (b *Broker) subscribe(p *peer, pk packets.Packet) error {
	if code := pk.SubscribeValidate(); code != packets.CodeSuccess {
		return code
	}
	if slices.ContainsFunc(pk.Filters, func(sub packets.Subscription) bool { return sub.RetainHandling > 2 }) {
		return packets.ErrProtocolViolation
	}
	cl := p.client
	codes := make([]byte, len(pk.Filters))
	var replays []packets.Subscription
	for i, sub := range pk.Filters {
		_, had := p.filters[sub.Filter]
		if why := b.subscribable(p, sub.Filter, had); why != packets.CodeSuccess {
			codes[i] = why.Code
			if cl.Properties.ProtocolVersion < 5 {
				codes[i] = packets.ErrUnspecifiedError.Code // its only one
			}
			continue
		}
		codes[i] = min(sub.Qos, 1) // nothing is sent with QoS 2
		// As decoded it shares the memory of the whole packet, and would keep that.
		sub.Filter = strings.Clone(sub.Filter)
		if b.server.Topics.Subscribe(cl.ID, sub) {
			b.subscriptions.Add(1)
		}
		p.filters[sub.Filter] = struct{}{}
		if unwanted := sub.RetainHandling == 2 || sub.RetainHandling == 1 && had; !unwanted {
			replays = append(replays, sub)
		}
	}
	err := cl.WritePacket(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Suback}, PacketID: pk.PacketID, ReasonCodes: codes})
	for _, sub := range replays {
		if err == nil {
			b.replayInMemory(p, sub)
			b.replayStatuses(p, sub)
		}
	}
	return err
}

// subscribable returns CodeSuccess, or why a client can't have a subscription. had reports whether it has it already.
func (b *Broker) subscribable(p *peer, filter string, had bool) packets.Code {
	a := p.account.Load()
	switch {
	case filter == "$share", strings.HasPrefix(filter, "$share/"):
		return packets.ErrSharedSubscriptionsNotSupported
	case !validFilter(filter):
		return packets.ErrTopicFilterInvalid
	case strings.HasPrefix(filter, "$"), len(filter) > maxTopic, !a.mayReadAny(filter): // there is no $SYS here
		b.limitedLog(p).Warn("a client may not subscribe to this", "user", a.userName(), "filter", filter)
		return packets.ErrNotAuthorized
	case !had && len(p.filters) >= maxSubscriptions:
		b.limitedLog(p).Warn("a client was refused a subscription: it has as many as one client may have; it is to unsubscribe from the status of a request that is final",
			"user", a.userName(), "most", maxSubscriptions, "filter", filter)
		return packets.ErrQuotaExceeded
	case !had && b.subscriptions.Load() >= maxAllSubscriptions:
		b.limitedLog(p).Warn("a client was refused a subscription: all clients together have as many as the broker takes",
			"user", a.userName(), "most", maxAllSubscriptions, "filter", filter)
		return packets.ErrQuotaExceeded
	}
	return packets.CodeSuccess
}

// unsubscribe answers an UNSUBSCRIBE.
func (b *Broker) unsubscribe(p *peer, pk packets.Packet) error {
	if code := pk.UnsubscribeValidate(); code != packets.CodeSuccess {
		return code
	}
	codes := make([]byte, len(pk.Filters))
	for i, sub := range pk.Filters {
		if !b.drop(p, sub.Filter) {
			codes[i] = packets.CodeNoSubscriptionExisted.Code
		}
	}
	return p.client.WritePacket(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Unsuback}, PacketID: pk.PacketID, ReasonCodes: codes})
}

// drop removes a client's subscription, and reports whether it had it.
func (b *Broker) drop(p *peer, filter string) bool {
	if _, had := p.filters[filter]; !had {
		return false
	}
	delete(p.filters, filter)
	if b.server.Topics.Unsubscribe(filter, p.client.ID) {
		b.subscriptions.Add(-1)
	}
	return true
}
