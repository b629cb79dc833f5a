package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"tillpost/mqtt"
	"tillpost/mqtt/message"
)

// maxPacket bounds a packet, in bytes: larger payloads than a request may have are still read, and refused with a
// reason; a client that sends more than this is disconnected.
const maxPacket = 16*message.MaxPayload + 4<<10

// newServer returns a mochi that decodes, encodes and keeps the subscriptions. It serves no connection: we do that.
func newServer() *mochi.Server {
	capabilities := mochi.NewDefaultServerCapabilities()
	capabilities.MaximumPacketSize = maxPacket
	capabilities.ReceiveMaximum = maxUnfinished
	// For MQTT 5 clients: a session ends with its connection.
	capabilities.MaximumSessionExpiryInterval = 0
	capabilities.TopicAliasMaximum = 0
	capabilities.MaximumClientWritesPending = 1 // the queue is not used
	return mochi.New(&mochi.Options{
		Capabilities:            capabilities,
		ClientNetReadBufferSize: 1024,
		// It logs whole packets, with customers' names in them.
		Logger: slog.New(slog.DiscardHandler),
	})
}

// errGoodbye is the end of a connection by the client's DISCONNECT.
var errGoodbye = errors.New("the client has said goodbye")

// serve serves one connection from its first packet to its end.
func (b *Broker) serve(p *peer) {
	defer b.forget(p)
	defer func() {
		// What a till sends must not be able to end the agent: mochi panics on
		// an MQTT 5 SUBSCRIBE that ends behind a filter, for one.
		if cause := recover(); cause != nil {
			b.log.Error("serving a till failed; its connection was closed", "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
		}
		_ = p.Close() // it may have been closed before
	}()
	err := b.readPackets(p)
	if code, ok := errors.AsType[packets.Code](err); ok {
		b.disconnect(p, code)
	}
	if cause := p.reason(); cause != nil {
		err = cause
	}
	b.log.Debug("a client's connection has ended", "remote", p.RemoteAddr().String(), "err", err)
	if errors.Is(err, errTooSlow) {
		b.limitedLog(p).Warn("a client was cut off: it does not read what it subscribed to")
	}
}

// readPackets handles a client's packets until its connection ends, and returns why it ended. While it waits for a
// packet it has little on its stack: tills are silent most of the time, and there may be many.
func (b *Broker) readPackets(p *peer) error {
	cl := b.server.NewClient(p, "tills", "", false)
	if err := b.handshake(p, cl); err != nil {
		cl.Stop(err)
		return err
	}
	defer b.endSession(p)
	for {
		p.setKeepalive(cl.State.Keepalive)
		header := new(packets.FixedHeader)
		if err := cl.ReadFixedHeader(header); err != nil {
			return readError(cl, err)
		}
		if err := b.handlePacket(p, header); err != nil {
			return err
		}
	}
}

// readError returns why a packet could not be read.
func readError(cl *mochi.Client, err error) error {
	switch {
	case cl.Closed():
		return cl.StopCause()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return packets.ErrKeepAliveTimeout
	}
	return err
}

// setKeepalive bounds the wait for the next packet to one and a half of the client's keepalive, in seconds.
func (p *peer) setKeepalive(keepalive uint16) {
	var until time.Time
	if keepalive > 0 {
		until = time.Now().Add(time.Duration(keepalive) * 1500 * time.Millisecond)
	}
	_ = p.SetDeadline(until) // an error shows at the read
}

// handlePacket reads the rest of a packet and does what it asks for. The error
// ends the connection; one with a code is sent to MQTT 5 clients.
//
// mochi gets no packet that publishes, acknowledges or subscribes: it has one table for the packet ids of both
// directions, and takes an acknowledgement in one for the end of a message in the other.
func (b *Broker) handlePacket(p *peer, header *packets.FixedHeader) error {
	cl := p.client
	pk, err := cl.ReadPacket(header)
	if err != nil {
		return readError(cl, err)
	}
	if p.gone() {
		return cl.StopCause() // it was read before the connection was closed
	}
	switch pk.FixedHeader.Type {
	case packets.Publish:
		return b.handlePublish(p, pk)
	case packets.Pubrel:
		p.handleRelease(pk.PacketID)
	case packets.Puback:
		if p.unacked.release(pk.PacketID) {
			b.acks.Set()
		}
	case packets.Pubrec:
		// Nothing is sent with QoS 2.
		if pk.ReasonCode < packets.ErrUnspecifiedError.Code {
			p.answer(packets.Pubrel, pk.PacketID, packets.ErrPacketIdentifierNotFound)
		}
	case packets.Pubcomp:
	case packets.Subscribe:
		return b.subscribe(p, pk)
	case packets.Unsubscribe:
		return b.unsubscribe(p, pk)
	case packets.Pingreq:
		if header.Remaining > 0 {
			return packets.ErrMalformedPacket
		}
		return cl.WritePacket(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Pingresp}})
	case packets.Disconnect:
		if pk.ReasonCode != packets.CodeDisconnectWillMessage.Code {
			cl.Properties.Will = mochi.Will{}
		}
		cl.Stop(packets.CodeDisconnect)
		return errGoodbye
	default: // a second CONNECT, an AUTH that nobody asked for, what only servers send
		return packets.ErrProtocolViolation
	}
	return nil
}

// endSession removes a client's subscriptions, and publishes its last will.
func (b *Broker) endSession(p *peer) {
	cl := p.client
	for filter := range p.filters {
		b.drop(p, filter)
	}
	if will := cl.Properties.Will; will.Flag == 1 {
		b.distribute(mqtt.Message{Topic: will.TopicName, Payload: will.Payload}, cl.ID, will.Qos)
	}
}

func (b *Broker) forget(p *peer) {
	b.mu.Lock()
	if cl := p.client; cl != nil && b.byID[cl.ID] == p {
		delete(b.byID, cl.ID)
	}
	b.mu.Unlock()
	close(p.ended)
	b.acks.Set()
	p.waitClosed()
	b.mu.Lock()
	delete(b.peers, p)
	b.mu.Unlock()
}

// disconnect closes a connection; MQTT 5 clients are sent the reason. Packets that
// were read but not handled by then are dropped.
func (b *Broker) disconnect(p *peer, why packets.Code) {
	b.mu.Lock()
	cl := p.client
	b.mu.Unlock()
	switch {
	case cl == nil:
		_ = p.Close() // it may have been closed before
	case cl.Properties.ProtocolVersion == 5 && why.Code >= packets.ErrUnspecifiedError.Code:
		_ = b.server.DisconnectClient(cl, why) // returns why
	default:
		cl.Stop(why)
	}
}

func (b *Broker) allPeers() []*peer {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Collect(maps.Keys(b.peers))
}
