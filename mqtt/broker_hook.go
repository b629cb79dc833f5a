package mqtt

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

const (
	// maxBrokerPacket is a payload that is refused with a reason, and what
	// goes with it; a client that sends more is disconnected.
	maxBrokerPacket = 16*MaxPayload + 4<<10
	// maxForeign bounds what is passed on between clients: a reader would be
	// cut off by few large ones.
	maxForeign = 4 * MaxPayload
	// maxSubscriptions bounds the filters of one client.
	maxSubscriptions = 100
	// maxUnfinished is how many QoS 2 messages a client may leave without
	// their last step, and what MQTT 5 clients may have under way.
	maxUnfinished = 128
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
	case mochi.OnPacketRead, mochi.OnConnect, mochi.OnConnectAuthenticate, mochi.OnSessionEstablish, mochi.OnACLCheck,
		mochi.OnSubscribe, mochi.OnSubscribed, mochi.OnPacketProcessed, mochi.OnPublish, mochi.OnWill:
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

// OnPacketRead implements mochi.Hook.
func (h *hook) OnPacketRead(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	switch pk.FixedHeader.Type {
	case packets.Connect:
		// Every connection begins anew. Without an id only a clean one is
		// legal, which mochi is to judge.
		pk.Connect.Clean = pk.Connect.Clean || pk.Connect.ClientIdentifier != ""
	case packets.Puback:
		if p := peerOf(cl); p.unacked.Load() > 0 {
			p.unacked.Add(-1)
			signal(h.b.acks)
		}
	}
	return pk, nil
}

// OnConnect implements mochi.Hook. It judges the last will, which mochi
// publishes without asking for rights.
func (h *hook) OnConnect(cl *mochi.Client, pk packets.Packet) error {
	if !pk.Connect.WillFlag {
		return nil
	}
	cl.Properties.Will.WillDelayInterval = 0 // the session ends with the connection
	topic := pk.Connect.WillTopic
	if !h.b.files.restricted() && h.b.foreign(topic) && !strings.ContainsAny(topic, "+#") {
		return nil
	}
	h.b.seldom.Do(func() {
		h.b.log.Warn("a client was refused: its last will is on a topic that it may not write", "remote", cl.Net.Remote, "topic", topic)
	})
	return h.refuse(cl, packets.ErrNotAuthorized)
}

// refuse answers a CONNECT. Version 3.1.1 knows one code for what may not be.
func (h *hook) refuse(cl *mochi.Client, why packets.Code) error {
	if cl.Properties.ProtocolVersion < 5 {
		why = packets.ErrBadUsernameOrPassword
	}
	_ = h.b.server.SendConnack(cl, why, false, nil) // the connection ends either way
	return why
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

// OnACLCheck implements mochi.Hook.
func (h *hook) OnACLCheck(cl *mochi.Client, topic string, write bool) bool {
	p := peerOf(cl)
	if p.gone() {
		return false // it was read before the connection was closed
	}
	a := p.account.Load()
	allowed := false
	if write {
		allowed = h.b.mayWrite(a, topic)
	} else if _, has := cl.State.Subscriptions.Get(topic); has || cl.State.Subscriptions.Len() < maxSubscriptions {
		allowed = maySubscribe(a, topic)
	}
	if allowed {
		return true
	}
	h.b.seldom.Do(func() {
		h.b.log.Warn("a client may not do this", "user", a.userName(), "remote", cl.Net.Remote, "publish", write, "topic", topic)
	})
	if write && cl.Properties.ProtocolVersion < 5 {
		// 3.1.1 has no other answer; mochi would send a DISCONNECT first, which
		// in 3.1.1 only clients may.
		cl.Stop(packets.ErrNotAuthorized)
	}
	return false
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

// OnSubscribed implements mochi.Hook. It notes what the client wants to be told
// of what is kept.
func (h *hook) OnSubscribed(cl *mochi.Client, pk packets.Packet, codes []byte) {
	p := peerOf(cl)
	for i, sub := range pk.Filters {
		refused := codes[i] >= packets.ErrUnspecifiedError.Code
		unwanted := sub.RetainHandling == 2 || sub.RetainHandling == 1 && p.existing[i]
		if !refused && !unwanted {
			p.replays = append(p.replays, sub)
		}
	}
}

// OnPacketProcessed implements mochi.Hook. By now the SUBACK or PUBACK is out.
func (h *hook) OnPacketProcessed(cl *mochi.Client, pk packets.Packet, err error) {
	p := peerOf(cl)
	h.b.taken(p)
	if pk.FixedHeader.Type != packets.Subscribe {
		return
	}
	replays := p.replays
	p.replays = nil
	for _, sub := range replays {
		if err == nil {
			h.b.replay(p, sub)
		}
	}
}

// errRetained is what MQTT 5 clients hear of a request with the retain flag;
// others hear of it on the rejects topic only.
var errRetained = packets.Code{
	Code:   packets.ErrImplementationSpecificError.Code,
	Reason: string(CodeRetainedRequest) + ": a request must not be published with the retain flag",
}

// errNotWritten is what MQTT 5 clients hear when a request could not be taken.
var errNotWritten = packets.Code{
	Code:   packets.ErrImplementationSpecificError.Code,
	Reason: "the request could not be written to disk; publish it again",
}

// OnPublish implements mochi.Hook. mochi acknowledges after it returns.
func (h *hook) OnPublish(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	b, p := h.b, peerOf(cl)
	if b.foreign(pk.TopicName) {
		if len(pk.Payload) <= maxForeign {
			b.tell(Message{Topic: pk.TopicName, Payload: pk.Payload}, cl.ID)
		}
		return pk, packets.CodeSuccessIgnore
	}
	if err := b.take(p, pk); err != nil {
		b.disconnect(p, errNotWritten)
		// Any other error would be acknowledged all the same.
		return pk, packets.ErrRejectPacket
	}
	if pk.FixedHeader.Retain && pk.FixedHeader.Qos == 1 && cl.Properties.ProtocolVersion == 5 {
		return pk, errRetained
	}
	return pk, packets.CodeSuccessIgnore
}

// take hands a request to the agent and waits until it is settled. It is under
// way until its acknowledgement is out, too.
func (b *Broker) take(p *peer, pk packets.Packet) error {
	if !b.taking.begin() {
		return errStopping
	}
	p.taking = true
	settled := make(chan error, 1)
	m := Message{Topic: pk.TopicName, Payload: pk.Payload, Retained: pk.FixedHeader.Retain}
	d := NewDelivery(m, pk.FixedHeader.Dup, func(err error) { settled <- err })
	b.delivering.Lock()
	b.handlers.Deliver(d)
	b.delivering.Unlock()
	select {
	case err := <-settled:
		return err
	case <-b.stopping:
		return errStopping
	}
}

// taken ends what take began, if anything.
func (b *Broker) taken(p *peer) {
	if p.taking {
		p.taking = false
		b.taking.end()
	}
}

// OnWill implements mochi.Hook. It tells the will in our way, and leaves mochi
// one that nobody can read.
func (h *hook) OnWill(cl *mochi.Client, will mochi.Will) (mochi.Will, error) {
	h.b.tell(Message{Topic: will.TopicName, Payload: will.Payload}, cl.ID)
	return mochi.Will{TopicName: "$tillpost/will"}, nil
}
