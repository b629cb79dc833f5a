package mqtt

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

const (
	// maxBrokerPacket is a payload that is refused with a reason, and what
	// goes with it; a client that sends more is disconnected.
	maxBrokerPacket = 16*MaxPayload + 4<<10
	// maxSubscriptions bounds the filters of one client, maxAllSubscriptions
	// those of all together.
	maxSubscriptions    = 2000
	maxAllSubscriptions = 50_000
)

// newServer makes mochi do the protocol for connections that we accept.
//
// Its Serve is not called: that starts listeners, the $SYS topics and the
// expiry of sessions and retained messages, none of which we have.
func newServer(h *hook) *mochi.Server {
	capabilities := mochi.NewDefaultServerCapabilities()
	capabilities.MinimumProtocolVersion = 4
	capabilities.MaximumPacketSize = maxBrokerPacket
	capabilities.ReceiveMaximum = maxUnfinished
	capabilities.MaximumInflight = 1024
	capabilities.SharedSubAvailable = 0
	// An MQTT 5 client is told that its session ends with its connection.
	capabilities.MaximumSessionExpiryInterval = 0
	capabilities.MaximumMessageExpiryInterval = 0
	// mochi asks for rights before it looks up an alias.
	capabilities.TopicAliasMaximum = 0
	// Its queue for each client: nothing goes through it.
	capabilities.MaximumClientWritesPending = 1
	capabilities.Compatibilities.NoInheritedPropertiesOnAck = true
	server := mochi.New(&mochi.Options{
		Capabilities:            capabilities,
		ClientNetReadBufferSize: 1024,
		// It logs whole packets, with what customers are called.
		Logger: slog.New(slog.DiscardHandler),
	})
	if err := server.AddHook(h, nil); err != nil {
		panic(err) // only Init could fail, and ours does not
	}
	return server
}

// hook is where mochi asks us. All methods are called by the goroutine that
// reads from the client.
type hook struct {
	mochi.HookBase
	b *Broker
}

// ID implements mochi.Hook.
func (h *hook) ID() string { return "tillpost" }

// Provides implements mochi.Hook.
func (h *hook) Provides(what byte) bool {
	switch what {
	case mochi.OnPacketRead, mochi.OnPacketEncode, mochi.OnAuthPacket, mochi.OnConnect, mochi.OnConnectAuthenticate,
		mochi.OnSessionEstablish, mochi.OnACLCheck, mochi.OnSubscribe, mochi.OnSubscribed, mochi.OnPacketProcessed, mochi.OnWill:
		return true
	}
	return false
}

func peerOf(cl *mochi.Client) *peer {
	p, _ := cl.Net.Conn.(*peer)
	return p
}

// serve is one connection from its first packet to its end.
func (b *Broker) serve(p *peer) {
	defer b.forget(p)
	defer b.taken(p)
	defer func() {
		// What a till sends must not be able to end the agent: mochi panics on
		// an MQTT 5 SUBSCRIBE that ends behind a filter, for one.
		if cause := recover(); cause != nil {
			b.log.Error("serving a till failed; its connection was closed", "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
		}
		_ = p.Close() // it may have been closed before
	}()
	err := b.server.EstablishConnection("tills", p)
	if cause := p.reason(); cause != nil {
		err = cause
	}
	b.log.Debug("a client's connection has ended", "remote", p.RemoteAddr().String(), "err", err)
	if errors.Is(err, errTooSlow) {
		b.seldom.Do(func() {
			b.log.Warn("a client was cut off: it does not read what it subscribed to", "remote", p.RemoteAddr().String())
		})
	}
}

func (b *Broker) forget(p *peer) {
	b.mu.Lock()
	if cl := p.client; cl != nil && b.byID[cl.ID] == p {
		delete(b.byID, cl.ID)
		// mochi leaves it behind where even the CONNACK could not be written.
		b.server.Clients.Delete(cl.ID)
	}
	b.mu.Unlock()
	close(p.ended)
	signal(b.acks)
	p.waitClosed()
	b.mu.Lock()
	delete(b.peers, p)
	b.mu.Unlock()
}

// disconnect closes a connection; MQTT 5 clients are told why. What the client
// has sent by then and mochi has read already is not looked at any more.
func (b *Broker) disconnect(p *peer, why packets.Code) {
	b.mu.Lock()
	cl := p.client
	b.mu.Unlock()
	switch {
	case cl == nil:
		_ = p.Close() // it may have been closed before
	case cl.Properties.ProtocolVersion == 5:
		_ = b.server.DisconnectClient(cl, why) // returns why
	default:
		cl.Stop(why)
	}
}

func (b *Broker) disconnectAll() {
	for _, p := range b.everybody() {
		b.disconnect(p, packets.ErrServerShuttingDown)
	}
}

func (b *Broker) everybody() []*peer {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]*peer, 0, len(b.peers))
	for p := range b.peers {
		all = append(all, p)
	}
	return all
}

// nothing is a packet that mochi does nothing about: it acknowledges an id that
// is none.
var nothing = packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Puback}}

// OnPacketRead implements mochi.Hook. What publishes and what acknowledges goes
// no further: mochi has one table for the packet ids that the client gave and
// those that we gave, and ends a message of the one for an acknowledgement of
// the other.
func (h *hook) OnPacketRead(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	p := peerOf(cl)
	switch pk.FixedHeader.Type {
	case packets.Connect:
		return h.greeted(cl, pk)
	case packets.Publish:
		return nothing, h.b.published(p, pk)
	case packets.Pubrel:
		p.released(pk.PacketID)
		return nothing, nil
	case packets.Puback:
		if p.told.done(pk.PacketID) {
			signal(h.b.acks)
		}
		return nothing, nil
	case packets.Pubrec:
		// Nothing is sent with QoS 2.
		if pk.ReasonCode < packets.ErrUnspecifiedError.Code {
			p.answer(packets.Pubrel, pk.PacketID, packets.ErrPacketIdentifierNotFound)
		}
		return nothing, nil
	case packets.Pubcomp:
		return nothing, nil
	case packets.Subscribe:
		if slices.ContainsFunc(pk.Filters, func(sub packets.Subscription) bool { return sub.RetainHandling > 2 }) {
			return nothing, h.b.violated(p, packets.ErrProtocolViolation)
		}
	case packets.Connack, packets.Suback, packets.Unsuback, packets.Pingresp:
		return nothing, h.b.violated(p, packets.ErrProtocolViolation)
	}
	return pk, nil
}

// OnConnectAuthenticate implements mochi.Hook.
func (h *hook) OnConnectAuthenticate(cl *mochi.Client, pk packets.Packet) bool {
	return h.b.login(peerOf(cl), cl.ID, string(pk.Connect.Username), pk.Connect.Password)
}

// OnSessionEstablish implements mochi.Hook. A client that connects again ends
// its former connection, and waits for that to be over: mochi's own way to
// take over can remove the new one's entries with the old one's.
func (h *hook) OnSessionEstablish(cl *mochi.Client, _ packets.Packet) {
	b, p := h.b, peerOf(cl)
	giveUp := time.NewTimer(greetingTimeout)
	defer giveUp.Stop()
	for {
		b.mu.Lock()
		old := b.byID[cl.ID]
		if old == nil {
			p.client, b.byID[cl.ID] = cl, p
		}
		b.mu.Unlock()
		if old == nil {
			return
		}
		b.disconnect(old, packets.ErrSessionTakenOver)
		select {
		case <-old.ended:
			continue
		case <-giveUp.C:
		case <-b.stopping:
		}
		cl.Stop(packets.ErrServerBusy)
		return
	}
}

// OnACLCheck implements mochi.Hook. It is asked for subscriptions only.
func (h *hook) OnACLCheck(cl *mochi.Client, filter string, _ bool) bool {
	p := peerOf(cl)
	if p.gone() {
		return false // it was read before the connection was closed
	}
	why := h.b.subscribable(p, cl, filter)
	if why == packets.CodeSuccess {
		return true
	}
	if p.refused == nil {
		p.refused = map[string]packets.Code{}
	}
	p.refused[filter] = why
	return false
}

// subscribable is CodeSuccess, or why a client can't have a subscription.
func (b *Broker) subscribable(p *peer, cl *mochi.Client, filter string) packets.Code {
	a := p.account.Load()
	_, has := cl.State.Subscriptions.Get(filter)
	switch {
	case strings.HasPrefix(filter, "$share/"):
		return packets.ErrSharedSubscriptionsNotSupported
	case !validFilter(filter):
		return packets.ErrTopicFilterInvalid
	case !maySubscribe(a, filter):
		b.seldomly(p).Warn("a client may not subscribe to this", "user", a.userName(), "filter", filter)
		return packets.ErrNotAuthorized
	case !has && cl.State.Subscriptions.Len() >= maxSubscriptions:
		b.seldomly(p).Warn("a client was refused a subscription: it has as many as one client may have; it is to unsubscribe from the status of a request that is final",
			"user", a.userName(), "most", maxSubscriptions, "filter", filter)
		return packets.ErrQuotaExceeded
	case !has && atomic.LoadInt64(&b.server.Info.Subscriptions) >= maxAllSubscriptions:
		b.seldomly(p).Warn("a client was refused a subscription: all clients together have as many as the broker takes",
			"user", a.userName(), "most", maxAllSubscriptions, "filter", filter)
		return packets.ErrQuotaExceeded
	}
	return packets.CodeSuccess
}

// OnSubscribe implements mochi.Hook.
func (h *hook) OnSubscribe(cl *mochi.Client, pk packets.Packet) packets.Packet {
	p := peerOf(cl)
	p.existing = p.existing[:0]
	for i, sub := range pk.Filters {
		_, had := cl.State.Subscriptions.Get(sub.Filter)
		p.existing = append(p.existing, had)
		// As decoded it is a piece of the whole packet, and would keep that.
		pk.Filters[i].Filter = strings.Clone(sub.Filter)
	}
	return pk
}

// OnSubscribed implements mochi.Hook. It puts the codes of the SUBACK right,
// which goes out after it, and notes what the client wants to be told of what
// is kept.
func (h *hook) OnSubscribed(cl *mochi.Client, pk packets.Packet, codes []byte) {
	p := peerOf(cl)
	for i, sub := range pk.Filters {
		if codes[i] >= packets.ErrUnspecifiedError.Code {
			if why, ok := p.refused[sub.Filter]; ok && cl.Properties.ProtocolVersion == 5 {
				codes[i] = why.Code
			}
			continue
		}
		codes[i] = min(codes[i], 1) // nothing is sent with QoS 2
		if unwanted := sub.RetainHandling == 2 || sub.RetainHandling == 1 && p.existing[i]; !unwanted {
			p.replays = append(p.replays, sub)
		}
	}
	p.refused = nil
}

// OnPacketProcessed implements mochi.Hook. By now the SUBACK is out.
func (h *hook) OnPacketProcessed(cl *mochi.Client, pk packets.Packet, err error) {
	if pk.FixedHeader.Type != packets.Subscribe {
		return
	}
	p := peerOf(cl)
	replays := p.replays
	p.replays = nil
	for _, sub := range replays {
		if err == nil {
			h.b.replay(p, sub)
		}
	}
}

// errNotWritten is what MQTT 5 clients hear when a request could not be taken.
var errNotWritten = packets.Code{
	Code:   packets.ErrImplementationSpecificError.Code,
	Reason: "the request could not be written to disk; publish it again",
}
