package mqtt

import (
	"strings"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// greeted looks at a CONNECT before mochi does, which answers some that 3.1.1
// has closed without a word, and some with a code of version 5. The error ends
// the connection.
func (h *hook) greeted(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	p, c := peerOf(cl), &pk.Connect
	if p.client != nil {
		return pk, nil // the second one, which mochi refuses
	}
	// An empty will and an empty password are legal, but not to mochi.
	if c.WillFlag && len(c.WillPayload) == 0 {
		p.emptyWill, c.WillPayload = true, []byte{0}
	}
	if c.PasswordFlag && len(c.Password) == 0 && c.UsernameFlag {
		c.PasswordFlag = false
	}
	switch version := pk.ProtocolVersion; {
	case string(c.ProtocolName) == "MQTT" && version != 4 && version != 5:
		return pk, h.turnAway(cl, packets.Err3UnsupportedProtocolVersion, "it speaks another version of MQTT")
	case version == 4 && !legal(&pk):
		h.b.seldomly(p).Warn("a client was cut off: its CONNECT breaks a rule of MQTT 3.1.1")
		return pk, packets.ErrRejectPacket
	case version == 4 && c.ClientIdentifier == "" && !c.Clean:
		return pk, h.turnAway(cl, packets.Err3ClientIdentifierNotValid, "it has no client id and wants its session kept")
	}
	// Every connection begins anew.
	c.Clean = true
	return pk, nil
}

// legal tells whether a CONNECT of 3.1.1 is one.
func legal(pk *packets.Packet) bool {
	c := &pk.Connect
	return pk.ConnectValidate() == packets.CodeSuccess && (c.UsernameFlag || !c.PasswordFlag) && (c.WillFlag || c.WillQos == 0)
}

// turnAway answers a CONNECT with a code of 3.1.1.
func (h *hook) turnAway(cl *mochi.Client, why packets.Code, reason string) error {
	h.b.seldomly(peerOf(cl)).Warn("a client was refused", "reason", reason)
	_ = cl.WritePacket(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Connack}, ReasonCode: why.Code}) // it ends either way
	return packets.ErrRejectPacket
}

// OnConnect implements mochi.Hook. It judges the last will, which mochi
// publishes without asking for rights.
func (h *hook) OnConnect(cl *mochi.Client, pk packets.Packet) error {
	if cl.Properties.Props.AuthenticationMethod != "" {
		return h.refuse(cl, packets.ErrBadAuthenticationMethod)
	}
	if !pk.Connect.WillFlag {
		return nil
	}
	cl.Properties.Will.WillDelayInterval = 0 // the session ends with the connection
	topic := pk.Connect.WillTopic
	if !h.b.files.restricted() && h.b.foreign(topic) && !strings.ContainsAny(topic, "+#") {
		return nil
	}
	h.b.seldomly(peerOf(cl)).Warn("a client was refused: its last will is on a topic that it may not write", "topic", topic)
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

// OnPacketEncode implements mochi.Hook. It has the CONNACK announce what there
// is; what it leaves out, as wildcards and QoS 2, there is too.
func (h *hook) OnPacketEncode(cl *mochi.Client, pk packets.Packet) packets.Packet {
	if pk.FixedHeader.Type == packets.Connack && pk.ReasonCode == packets.CodeSuccess.Code && cl.Properties.ProtocolVersion == 5 {
		pk.Properties.SharedSubAvailableFlag, pk.Properties.SharedSubAvailable = true, 0
		pk.Properties.MaximumPacketSize = maxBrokerPacket
	}
	return pk
}

// OnAuthPacket implements mochi.Hook. No client has been asked for one.
func (h *hook) OnAuthPacket(_ *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	return pk, packets.ErrProtocolViolation
}

// OnWill implements mochi.Hook. It tells the will in our way, and leaves mochi
// one that nobody can read.
func (h *hook) OnWill(cl *mochi.Client, will mochi.Will) (mochi.Will, error) {
	if peerOf(cl).emptyWill {
		will.Payload = nil
	}
	h.b.tell(Message{Topic: will.TopicName, Payload: will.Payload}, cl.ID, will.Qos)
	return mochi.Will{TopicName: "$tillpost/will"}, nil
}
