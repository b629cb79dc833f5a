package broker

import (
	"log/slog"
	"strings"

	"github.com/mochi-mqtt/server/v2/packets"

	"tillpost/mqtt"
	"tillpost/mqtt/message"
)

const (
	// maxForeign bounds a payload that is passed on between clients, in bytes: a
	// few large ones would exceed what may wait for a subscriber.
	maxForeign = 4 * message.MaxPayload
	// maxUnfinished is how many QoS 2 messages an MQTT 5 client may leave without their last step, as its CONNACK says.
	// 3.1.1 has no such bound: its clients may use all ids that there are.
	maxUnfinished = 128
	// maxReason bounds the text of an acknowledgement that refuses, in bytes.
	maxReason = 1024
)

// errNotWritten is sent to MQTT 5 clients when a request could not be accepted.
var errNotWritten = packets.Code{
	Code:   packets.ErrImplementationSpecificError.Code,
	Reason: "the request could not be written to disk; publish it again",
}

// handlePublish delivers or passes on what a client publishes, and acknowledges it. The error ends the connection.
func (b *Broker) handlePublish(p *peer, pk packets.Packet) error {
	if code := pk.PublishValidate(0); code != packets.CodeSuccess {
		return code
	}
	if done, err := b.handleReusedID(p, pk); done {
		return err
	}
	if !b.mayWrite(p.account.Load(), pk.TopicName) {
		return b.handleDenied(p, pk)
	}
	if b.foreign(pk.TopicName) {
		if len(pk.Payload) <= maxForeign {
			b.distribute(mqtt.Message{Topic: pk.TopicName, Payload: pk.Payload}, p.client.ID, pk.FixedHeader.Qos)
		}
		p.acknowledge(pk, nil)
		return nil
	}
	if pk.FixedHeader.Retain && len(pk.Payload) == 0 {
		// Other brokers clear a retained request by this; it is no request.
		p.acknowledge(pk, nil)
		return nil
	}
	if !b.deliveries.begin() {
		return errNotWritten
	}
	defer b.deliveries.end() // once its acknowledgement is written
	refusal, err := b.deliver(pk)
	if err != nil {
		return errNotWritten
	}
	if refusal == nil && pk.FixedHeader.Retain {
		refusal = &mqtt.Refusal{Code: string(message.CodeRetainedRequest), Message: "a request must not be published with the retain flag"}
	}
	p.acknowledge(pk, refusal)
	return nil
}

// handleReusedID answers a message whose packet id is that of a QoS 2 message under way: either that message sent
// again, or a fault of the client. It also enforces the Receive Maximum of MQTT 5. It reports whether the message needs
// nothing more.
func (b *Broker) handleReusedID(p *peer, pk packets.Packet) (done bool, err error) {
	qos, version5 := pk.FixedHeader.Qos, p.client.Properties.ProtocolVersion == 5
	switch {
	case qos == 0:
		return false, nil
	case !p.received.has(pk.PacketID):
		if qos < 2 || !version5 || p.received.n < maxUnfinished {
			return false, nil
		}
		b.limitedLog(p).Warn("a client was cut off: it has more QoS 2 messages under way than it was told that it may", "most", maxUnfinished)
		return true, packets.ErrReceiveMaximum
	case qos == 2 && pk.FixedHeader.Dup:
		p.answer(packets.Pubrec, pk.PacketID, packets.CodeSuccess)
		return true, nil
	case version5:
		p.answer(ackOf(pk), pk.PacketID, packets.ErrPacketIdentifierInUse)
		return true, nil
	}
	// 3.1.1 has no way to refuse a message, and it must not be acknowledged.
	b.limitedLog(p).Warn("a client was cut off: it gave a message the packet id of another one that is under way", "id", pk.PacketID)
	return true, packets.ErrPacketIdentifierInUse
}

// handleDenied answers a message on a topic that the client may not write. MQTT
// 3.1.1 has no answer but the end of the connection.
func (b *Broker) handleDenied(p *peer, pk packets.Packet) error {
	b.limitedLog(p).Warn("a client may not publish this", "user", p.account.Load().userName(), "topic", pk.TopicName)
	if p.client.Properties.ProtocolVersion < 5 {
		return packets.ErrNotAuthorized
	}
	if pk.FixedHeader.Qos > 0 {
		p.answer(ackOf(pk), pk.PacketID, packets.ErrNotAuthorized)
	}
	return nil
}

// limitedLog returns a logger for what a client did, or one that discards if there were too many lines lately.
func (b *Broker) limitedLog(p *peer) *slog.Logger {
	log := slog.New(slog.DiscardHandler)
	b.logLimit.Do(func() { log = b.log.With("remote", p.RemoteAddr().String()) })
	return log
}

// ackOf returns the type of the packet that answers a PUBLISH first.
func ackOf(pk packets.Packet) byte {
	if pk.FixedHeader.Qos == 2 {
		return packets.Pubrec
	}
	return packets.Puback
}

// acknowledge answers a PUBLISH that was accepted, or refused at the door: the
// refusal is sent to MQTT 5 clients. A QoS 2 message is under way from then on.
func (p *peer) acknowledge(pk packets.Packet, refusal *mqtt.Refusal) {
	if pk.FixedHeader.Qos == 0 {
		return
	}
	ack := packets.Packet{FixedHeader: packets.FixedHeader{Type: ackOf(pk)}, PacketID: pk.PacketID}
	if refusal != nil && p.client.Properties.ProtocolVersion == 5 {
		ack.ReasonCode = packets.ErrImplementationSpecificError.Code
		ack.Properties.ReasonString = cutText(refusal.String(), maxReason)
		ack.Properties.User = []packets.UserProperty{{Key: "code", Val: refusal.Code}}
	} else if pk.FixedHeader.Qos == 2 {
		p.received.add(pk.PacketID)
	}
	_ = p.client.WritePacket(ack) // a connection that has ended is noticed at its next read
}

// cutText returns s, cut to at most n bytes.
func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// answer writes one of the packets that acknowledge.
func (p *peer) answer(kind byte, id uint16, why packets.Code) {
	pk := packets.Packet{FixedHeader: packets.FixedHeader{Type: kind}, PacketID: id, ReasonCode: why.Code}
	if kind == packets.Pubrel {
		pk.FixedHeader.Qos = 1
	}
	if why.Code >= packets.ErrUnspecifiedError.Code {
		pk.Properties.ReasonString = why.Reason
	}
	_ = p.client.WritePacket(pk) // a connection that has ended is noticed at its next read
}

// handleRelease answers a PUBREL, the last step of a QoS 2 message.
func (p *peer) handleRelease(id uint16) {
	why := packets.CodeSuccess
	if !p.received.remove(id) {
		why = packets.ErrPacketIdentifierNotFound
	}
	p.answer(packets.Pubcomp, id, why)
}

// deliver calls Handlers.Deliver with a request and waits until it is settled, which may be by a refusal.
func (b *Broker) deliver(pk packets.Packet) (*mqtt.Refusal, error) {
	type outcome struct {
		refusal *mqtt.Refusal
		err     error
	}
	settled := make(chan outcome, 1)
	// The topic's name is a part of the packet, which would stay in memory for as long as any id of a terminal from it.
	m := mqtt.Message{Topic: strings.Clone(pk.TopicName), Payload: pk.Payload, Retained: pk.FixedHeader.Retain}
	d := mqtt.NewDelivery(m, pk.FixedHeader.Dup, func(why *mqtt.Refusal, err error) { settled <- outcome{why, err} })
	b.delivering.Lock()
	b.handlers.Deliver(d)
	b.delivering.Unlock()
	select {
	case o := <-settled:
		return o.refusal, o.err
	case <-b.stopping:
		return nil, errNotWritten
	}
}
