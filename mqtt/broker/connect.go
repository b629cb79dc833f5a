package broker

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// errRefused is why a CONNECT was the last packet of its connection.
var errRefused = errors.New("the client was turned away")

// handshake reads the CONNECT and answers it. Without an error the client is logged in, and found by its id.
func (b *Broker) handshake(p *peer, cl *mochi.Client) error {
	var header packets.FixedHeader
	if err := cl.ReadFixedHeader(&header); err != nil {
		return err
	}
	pk, err := cl.ReadPacket(&header) // a CONNECT: the peer lets nothing else through first
	if err != nil {
		return err
	}
	emptyWill := allowEmpty(&pk)
	if err := b.checkConnect(p, cl, &pk); err != nil {
		return err
	}
	cl.ParseConnect("tills", pk)
	copyConnect(cl, emptyWill)
	if pk.ProtocolVersion == 5 {
		if code := pk.ConnectValidate(); code != packets.CodeSuccess {
			return b.refuse(cl, code)
		}
		if pk.Properties.AuthenticationMethod != "" {
			return b.refuse(cl, packets.ErrBadAuthenticationMethod)
		}
	}
	if topic := pk.Connect.WillTopic; pk.Connect.WillFlag && !b.mayHaveWill(topic) {
		b.limitedLog(p).Warn("a client was refused: its last will is on a topic that it may not write", "topic", topic)
		return b.refuse(cl, packets.ErrNotAuthorized)
	}
	if !b.login(p, cl.ID, string(pk.Connect.Username), pk.Connect.Password) {
		return b.refuse(cl, packets.ErrBadUsernameOrPassword)
	}
	if err := b.takeOver(p, cl); err != nil {
		return err
	}
	// What it does not name, such as wildcards and QoS 2, is available by MQTT's rules.
	return b.server.SendConnack(cl, packets.CodeSuccess, false, &packets.Properties{SharedSubAvailableFlag: true, MaximumPacketSize: maxPacket})
}

// allowEmpty changes a packet so that mochi accepts what MQTT allows: an empty
// password, and an empty last will, which it reports.
func allowEmpty(pk *packets.Packet) (emptyWill bool) {
	c := &pk.Connect
	if len(c.Password) == 0 && (c.UsernameFlag || pk.ProtocolVersion == 5) {
		c.PasswordFlag = false
	}
	emptyWill = c.WillFlag && len(c.WillPayload) == 0
	if emptyWill {
		c.WillPayload = []byte{0}
	}
	return emptyWill
}

// copyConnect copies what is needed of a CONNECT for as long as the connection lasts: as decoded, those fields share
// the memory of the packet, which holds the password.
func copyConnect(cl *mochi.Client, emptyWill bool) {
	cl.ID = strings.Clone(cl.ID)
	cl.Properties.Username, cl.Properties.Props.User = nil, nil
	will := &cl.Properties.Will
	will.TopicName, will.User, will.Payload = strings.Clone(will.TopicName), nil, slices.Clone(will.Payload)
	if emptyWill {
		will.Payload = nil
	}
}

// checkConnect refuses what MQTT 3.1.1 has a return code for, and what it wants closed without an answer.
func (b *Broker) checkConnect(p *peer, cl *mochi.Client, pk *packets.Packet) error {
	c, version := &pk.Connect, pk.ProtocolVersion
	switch name := string(c.ProtocolName); {
	case name != "MQTT" && name != "MQIsdp":
		return fmt.Errorf("%w: it speaks no MQTT", errRefused)
	case name == "MQIsdp" || version != 4 && version != 5:
		return b.refuseV3(p, cl, packets.Err3UnsupportedProtocolVersion, "it speaks another version of MQTT")
	case version == 4 && (pk.ConnectValidate() != packets.CodeSuccess || c.PasswordFlag && !c.UsernameFlag || c.WillQos > 0 && !c.WillFlag):
		b.limitedLog(p).Warn("a client was cut off: its CONNECT breaks a rule of MQTT 3.1.1")
		return fmt.Errorf("%w: its CONNECT breaks a rule", errRefused)
	case version == 4 && c.ClientIdentifier == "" && !c.Clean:
		return b.refuseV3(p, cl, packets.Err3ClientIdentifierNotValid, "it has no client id and wants its session kept")
	}
	return nil
}

// refuseV3 answers a CONNECT with a return code of MQTT 3.1.1.
func (b *Broker) refuseV3(p *peer, cl *mochi.Client, why packets.Code, reason string) error {
	b.limitedLog(p).Warn("a client was refused", "reason", reason)
	_ = cl.WritePacket(packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Connack}, ReasonCode: why.Code}) // it ends either way
	return fmt.Errorf("%w: %s", errRefused, reason)
}

// refuse answers a CONNECT with a reason code. MQTT 3.1.1 has one code for all of these.
func (b *Broker) refuse(cl *mochi.Client, why packets.Code) error {
	if cl.Properties.ProtocolVersion < 5 {
		why = packets.ErrBadUsernameOrPassword
	}
	_ = b.server.SendConnack(cl, why, false, nil) // the connection ends either way
	return fmt.Errorf("%w: %s", errRefused, why.Reason)
}

// mayHaveWill reports whether a last will may be on a topic.
func (b *Broker) mayHaveWill(topic string) bool {
	return b.files.users.Load() == nil && b.foreign(topic) && !strings.ContainsAny(topic, "+#") && len(topic) <= maxTopic
}

// takeOver registers the client under its id. If that id is connected already, it
// ends the former connection first, and waits for its end.
func (b *Broker) takeOver(p *peer, cl *mochi.Client) error {
	giveUp := time.After(connectTimeout)
	for {
		b.mu.Lock()
		old := b.byID[cl.ID]
		if old == nil {
			p.client, b.byID[cl.ID] = cl, p
		}
		b.mu.Unlock()
		if old == nil {
			return nil
		}
		b.disconnect(old, packets.ErrSessionTakenOver)
		select {
		case <-old.ended:
			continue
		case <-giveUp:
		case <-b.stopping:
		}
		_ = b.server.SendConnack(cl, packets.ErrServerUnavailable, false, nil) // the connection ends either way
		return fmt.Errorf("%w: another connection under its id does not end", errRefused)
	}
}
