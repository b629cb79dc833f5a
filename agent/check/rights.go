package check

import (
	"bufio"
	buffers "bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"tillpost/mqtt"
)

const (
	protocol5 = 5
	// leastPacket holds the largest request, of 64 KiB, with its topic.
	leastPacket = 66 << 10
	// longestReply bounds what a broker may make us read.
	longestReply = 64 << 10
)

// brokerLimits is what a broker's answers in MQTT 5 show.
type brokerLimits struct {
	// denied: our statuses don't go through.
	denied bool
	// packet bounds a message, 0: it is not bounded.
	packet           uint32
	noRetain, onlyQ0 bool
}

// rights reports what a message to ourselves can't show: whether we may write statuses, which the agent's login need not
// be allowed to read. The agent speaks MQTT 3.1.1, in which a broker acknowledges what it drops; in MQTT 5 it answers with
// an error. A broker that does not speak MQTT 5 is no finding; five reports whether it does.
func (c *checker) rights(ctx context.Context, fs *findings, u *url.URL) (five bool) {
	topics := mqtt.Topics{Prefix: c.cfg.MQTT.TopicPrefix}
	name := "tillpost-check-" + rand.Text()[:12]
	t, err := c.negotiate(ctx, u, topics.Status(name, "tillpost-check"))
	if err != nil {
		return false
	}
	if t.denied {
		fs.fail("allow "+cmp.Or(c.cfg.MQTT.Username, anonymous)+" to write "+topics.Status("+", "+")+"; packaging/mosquitto/tillpost.acl has all that the agent needs",
			"its access list denies us to publish statuses: no till would see that its order is queued")
	}
	if t.noRetain {
		fs.fail("let it, or use another broker", "it keeps no retained messages, as statuses are")
	}
	if t.onlyQ0 {
		fs.fail("let it, or use another broker", "it acknowledges no messages (its highest quality of service is 0)")
	}
	if t.packet > 0 && t.packet < leastPacket {
		fs.warn(fmt.Sprintf("allow %d bytes", leastPacket), "it takes no messages over %s, while a request may have 64 KB", bytes(int64(t.packet)))
	}
	return true
}

// negotiate connects in MQTT 5 and clears a topic that is empty already, so that nothing changes for anybody.
func (c *checker) negotiate(ctx context.Context, u *url.URL, topic string) (brokerLimits, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := c.dialBroker(ctx, u)
	if err != nil {
		return brokerLimits{}, err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	defer stop()
	connect, err := c.connectPacket()
	if err != nil {
		return brokerLimits{}, err
	}
	if err := send(conn, connect.ConnectEncode); err != nil {
		return brokerLimits{}, err
	}
	in := bufio.NewReader(conn)
	hello, err := receive(in)
	if err != nil {
		return brokerLimits{}, err
	}
	if hello.FixedHeader.Type != packets.Connack || hello.ReasonCode != packets.CodeSuccess.Code {
		return brokerLimits{}, errors.New("it does not let us in with MQTT 5")
	}
	p := hello.Properties
	t := brokerLimits{packet: p.MaximumPacketSize, noRetain: p.RetainAvailableFlag && p.RetainAvailable == 0, onlyQ0: p.MaximumQosFlag && p.MaximumQos == 0}
	if t.noRetain || t.onlyQ0 {
		return t, nil // it would hang up on our message
	}
	clearing := packets.Packet{ProtocolVersion: protocol5, PacketID: 1, TopicName: topic,
		FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: 1, Retain: true}}
	if err := send(conn, clearing.PublishEncode); err != nil {
		return brokerLimits{}, err
	}
	reply, err := receive(in)
	if err != nil {
		return brokerLimits{}, err
	}
	t.denied = reply.ReasonCode == packets.ErrNotAuthorized.Code
	bye := packets.Packet{ProtocolVersion: protocol5, FixedHeader: packets.FixedHeader{Type: packets.Disconnect}}
	_ = send(conn, bye.DisconnectEncode) // all is known already
	return t, nil
}

// dialBroker connects as far as TLS.
func (c *checker) dialBroker(ctx context.Context, u *url.URL) (net.Conn, error) {
	config, err := c.brokerTLS(u)
	if err != nil {
		return nil, err
	}
	if config == nil {
		return (&net.Dialer{}).DialContext(ctx, "tcp", u.Host)
	}
	return (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", u.Host)
}

func (c *checker) connectPacket() (*packets.Packet, error) {
	m := c.cfg.MQTT
	p := &packets.Packet{ProtocolVersion: protocol5, FixedHeader: packets.FixedHeader{Type: packets.Connect}, Connect: packets.ConnectParams{
		ProtocolName: []byte("MQTT"), Clean: true, Keepalive: 30, ClientIdentifier: c.clientID(),
		UsernameFlag: m.Username != "", Username: []byte(m.Username),
	}}
	if read := c.cfg.PasswordReader(); read != nil {
		password, err := read()
		if err != nil {
			return nil, err
		}
		p.Connect.PasswordFlag, p.Connect.Password = true, []byte(password)
	}
	return p, nil
}

func send(w io.Writer, encode func(*buffers.Buffer) error) error {
	var b buffers.Buffer
	if err := encode(&b); err != nil {
		return err
	}
	_, err := b.WriteTo(w)
	return err
}

// receive reads the next packet and decodes it, if it is of one of the few kinds that can come here.
func receive(in *bufio.Reader) (packets.Packet, error) {
	p := packets.Packet{ProtocolVersion: protocol5}
	head, err := in.ReadByte()
	if err != nil {
		return p, err
	}
	if err := p.FixedHeader.Decode(head); err != nil {
		return p, err
	}
	n, _, err := packets.DecodeLength(in)
	if err != nil {
		return p, err
	}
	if n > longestReply {
		return p, errors.New("its answer is too long")
	}
	p.FixedHeader.Remaining = n
	body := make([]byte, n)
	if _, err := io.ReadFull(in, body); err != nil {
		return p, err
	}
	switch p.FixedHeader.Type {
	case packets.Connack:
		err = p.ConnackDecode(body)
	case packets.Puback:
		err = p.PubackDecode(body)
	case packets.Disconnect:
		err = p.DisconnectDecode(body)
	default:
		err = fmt.Errorf("it answers with a packet of type %d", p.FixedHeader.Type)
	}
	return p, err
}
