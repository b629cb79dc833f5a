package mqtt_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"tillpost/mqtt"
)

// wire is a client that says exactly what a test has it say.
type wire struct {
	t       *testing.T
	conn    net.Conn
	version byte
}

func dialWire(t *testing.T, b *mqtt.Broker, version byte) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", b.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &wire{t, conn, version}
}

// hello connects; change may add to the CONNECT. The code is the CONNACK's.
func (w *wire) hello(change func(*packets.Packet)) packets.Packet {
	w.t.Helper()
	pk := packets.Packet{
		FixedHeader:     packets.FixedHeader{Type: packets.Connect},
		ProtocolVersion: w.version,
		Connect:         packets.ConnectParams{ProtocolName: []byte("MQTT"), Clean: true, Keepalive: 60, ClientIdentifier: fmt.Sprint("wire-", w.conn.LocalAddr())},
	}
	if change != nil {
		change(&pk)
	}
	var buf bytes.Buffer
	if err := pk.ConnectEncode(&buf); err != nil {
		w.t.Fatal(err)
	}
	w.write(buf.Bytes())
	ack, ok := w.read()
	if !ok || ack.FixedHeader.Type != packets.Connack {
		w.t.Fatalf("no CONNACK but %+v", ack.FixedHeader)
	}
	return ack
}

func (w *wire) write(b []byte) {
	w.t.Helper()
	if _, err := w.conn.Write(b); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wire) publish(topic string, payload []byte, qos byte, change func(*packets.Packet)) {
	w.t.Helper()
	pk := packets.Packet{
		FixedHeader:     packets.FixedHeader{Type: packets.Publish, Qos: qos},
		ProtocolVersion: w.version, TopicName: topic, Payload: payload,
	}
	if qos > 0 {
		pk.PacketID = 7
	}
	if change != nil {
		change(&pk)
	}
	var buf bytes.Buffer
	if err := pk.PublishEncode(&buf); err != nil {
		w.t.Fatal(err)
	}
	w.write(buf.Bytes())
}

func (w *wire) subscribe(filter string, change func(*packets.Packet)) {
	w.t.Helper()
	pk := packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Subscribe, Qos: 1}, ProtocolVersion: w.version, PacketID: 9,
		Filters: packets.Subscriptions{{Filter: filter, Qos: 1}},
	}
	if change != nil {
		change(&pk)
	}
	var buf bytes.Buffer
	if err := pk.SubscribeEncode(&buf); err != nil {
		w.t.Fatal(err)
	}
	w.write(buf.Bytes())
	if ack, ok := w.read(); !ok || ack.FixedHeader.Type != packets.Suback || ack.ReasonCodes[0] != 1 {
		w.t.Fatalf("no SUBACK but %+v", ack)
	}
}

// read is false at the end of the connection.
func (w *wire) read() (packets.Packet, bool) {
	w.t.Helper()
	var first [1]byte
	if _, err := io.ReadFull(w.conn, first[:]); err != nil {
		return packets.Packet{}, false
	}
	pk := packets.Packet{ProtocolVersion: w.version}
	if err := pk.FixedHeader.Decode(first[0]); err != nil {
		w.t.Fatal(err)
	}
	n, _, err := packets.DecodeLength(oneByte{w.conn})
	if err != nil {
		return packets.Packet{}, false
	}
	pk.FixedHeader.Remaining = n
	body := make([]byte, n)
	if _, err := io.ReadFull(w.conn, body); err != nil {
		return packets.Packet{}, false
	}
	switch pk.FixedHeader.Type {
	case packets.Connack:
		err = pk.ConnackDecode(body)
	case packets.Publish:
		err = pk.PublishDecode(body)
	case packets.Puback:
		err = pk.PubackDecode(body)
	case packets.Suback:
		err = pk.SubackDecode(body)
	case packets.Disconnect:
		err = pk.DisconnectDecode(body)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return pk, true
}

type oneByte struct{ io.Reader }

func (r oneByte) ReadByte() (byte, error) {
	var b [1]byte
	_, err := io.ReadFull(r, b[:])
	return b[0], err
}

func (w *wire) closed(why string) {
	w.t.Helper()
	for {
		pk, ok := w.read()
		if !ok {
			break
		}
		if pk.FixedHeader.Type != packets.Disconnect {
			w.t.Fatalf("%s: the broker answers %+v", why, pk.FixedHeader)
		}
	}
}

var versions = []byte{4, 5}

func TestBrokerRetainedRequest(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	for _, version := range versions {
		w := dialWire(t, b.Broker, version)
		w.hello(nil)
		w.publish("test/terminals/T1/orders", []byte("x"), 1, func(pk *packets.Packet) { pk.FixedHeader.Retain = true })
		d := receive(t, b.deliveries)
		if !d.Retained {
			t.Error("the flag is lost, and with it the refusal")
		}
		d.Ack()
		ack, ok := w.read()
		switch {
		case !ok || ack.FixedHeader.Type != packets.Puback:
			t.Errorf("version %d: %+v", version, ack.FixedHeader)
		case version == 5 && (ack.ReasonCode != 0x83 || !strings.HasPrefix(ack.Properties.ReasonString, "retainedRequest: ")):
			t.Errorf("version 5 hears %#x %q", ack.ReasonCode, ack.Properties.ReasonString)
		}
	}
	// It must not be kept for whoever subscribes later.
	w := dialWire(t, b.Broker, 4)
	w.hello(nil)
	w.subscribe("test/#", nil)
	b.tell("test/agent", "online")
	if pk, _ := w.read(); pk.TopicName != "test/agent" {
		t.Errorf("the broker kept %s", pk.TopicName)
	}
}

func TestBrokerWills(t *testing.T) {
	t.Parallel()
	open := startBroker(t, nil)
	restricted, _ := startRestricted(t)
	for _, version := range versions {
		for _, tt := range []struct {
			topic string
			want  bool // without users
		}{
			{"test/agent", false},
			{"test/terminals/T1/status/r1", false},
			{"test/terminals/T1/display", false},
			{"test/terminals/T1/orders", false},
			{"test/anything", false},
			{"$SYS/x", false},
			{"shop/+", false},
			{"shop/till-1", true},
		} {
			for _, b := range []*embedded{open, restricted} {
				w := dialWire(t, b.Broker, version)
				ack := w.hello(func(pk *packets.Packet) {
					pk.Connect.WillFlag, pk.Connect.WillTopic, pk.Connect.WillPayload, pk.Connect.WillRetain = true, tt.topic, []byte("gone"), true
					pk.Connect.UsernameFlag, pk.Connect.Username = true, []byte("till-1")
					pk.Connect.PasswordFlag, pk.Connect.Password = true, []byte("secret of till-1")
				})
				want := byte(0)
				if !tt.want || b == restricted {
					want = map[byte]byte{4: 5, 5: 0x87}[version]
				}
				if ack.ReasonCode != want {
					t.Errorf("version %d, will on %s: %#x, want %#x", version, tt.topic, ack.ReasonCode, want)
				}
				if want != 0 {
					w.closed("a will was refused")
				}
			}
		}
	}
	reader := dialWire(t, open.Broker, 4)
	reader.hello(nil)
	reader.subscribe("shop/#", nil)
	w := dialWire(t, open.Broker, 5)
	w.hello(func(pk *packets.Packet) {
		pk.Connect.WillFlag, pk.Connect.WillTopic, pk.Connect.WillPayload, pk.Connect.WillRetain = true, "shop/x", []byte("gone"), true
	})
	_ = w.conn.Close()
	if pk, _ := reader.read(); pk.TopicName != "shop/x" || string(pk.Payload) != "gone" || pk.FixedHeader.Retain {
		t.Errorf("the will came as %+v", pk.FixedHeader)
	}
}

// TestBrokerDenial is how a client hears that it may not publish: MQTT 5 has an
// answer for it, 3.1.1 only the end of the connection.
func TestBrokerDenial(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	for qos := range byte(3) {
		old := dialWire(t, b.Broker, 4)
		old.hello(nil)
		old.publish("test/agent", []byte("x"), qos, nil)
		if pk, ok := old.read(); ok {
			t.Errorf("version 3.1.1 is told %+v, where only clients may say goodbye", pk.FixedHeader)
		}
	}
	w := dialWire(t, b.Broker, 5)
	w.hello(nil)
	w.publish("test/agent", []byte("x"), 1, nil)
	if ack, _ := w.read(); ack.FixedHeader.Type != packets.Puback || ack.ReasonCode != 0x87 {
		t.Errorf("%+v, code %#x", ack.FixedHeader, ack.ReasonCode)
	}
	// An alias names a topic that was judged; the broker takes none.
	w.publish("", []byte("x"), 1, func(pk *packets.Packet) { pk.Properties.TopicAliasFlag, pk.Properties.TopicAlias = true, 1 })
	w.closed("an alias")
}

func TestBrokerVersion5(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	b.tell("test/agent", "online")
	w := dialWire(t, b.Broker, 5)
	ack := w.hello(func(pk *packets.Packet) {
		pk.Connect.Clean = false
		pk.Properties.SessionExpiryIntervalFlag, pk.Properties.SessionExpiryInterval = true, 3600
	})
	if ack.SessionPresent || !ack.Properties.SessionExpiryIntervalFlag || ack.Properties.SessionExpiryInterval != 0 {
		t.Errorf("the client is not told that no session is kept: %+v", ack.Properties)
	}
	w.subscribe("test/agent", func(pk *packets.Packet) {
		pk.Properties.SubscriptionIdentifier = []int{42}
		pk.Filters[0].Identifier = 42
	})
	for range 2 {
		pk, _ := w.read()
		if string(pk.Payload) != "online" || len(pk.Properties.SubscriptionIdentifier) != 1 || pk.Properties.SubscriptionIdentifier[0] != 42 {
			t.Errorf("%+v", pk.Properties)
		}
		b.tell("test/agent", "online")
	}
	w.read()
	// Retain handling 1: only a new subscription brings what is kept; 2: none does.
	for _, handling := range []byte{1, 2} {
		w.subscribe("test/agent", func(pk *packets.Packet) { pk.Filters[0].RetainHandling = handling })
		b.tell("test/agent", fmt.Sprint("live ", handling))
		if pk, _ := w.read(); string(pk.Payload) != fmt.Sprint("live ", handling) {
			t.Errorf("retain handling %d brings %q", handling, pk.Payload)
		}
	}
	// A request that can't be written: the client hears why it is closed.
	w.publish("test/terminals/T1/orders", []byte("x"), 1, nil)
	receive(t, b.deliveries).Fail(io.ErrShortWrite)
	if pk, _ := w.read(); pk.FixedHeader.Type != packets.Disconnect || pk.ReasonCode != 0x83 {
		t.Errorf("%+v, code %#x", pk.FixedHeader, pk.ReasonCode)
	}
	w.closed("a failed write")
}

// TestBrokerReceiveMaximum: a client that acknowledges nothing gets no more
// than it asked for with QoS 1, and yet everything, in order.
func TestBrokerReceiveMaximum(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	w := dialWire(t, b.Broker, 5)
	w.hello(func(pk *packets.Packet) { pk.Properties.ReceiveMaximum = 20 })
	w.subscribe("test/agent", nil)
	unacked := 0
	for n := range 200 {
		b.tell("test/agent", fmt.Sprint(n))
		pk, _ := w.read()
		if string(pk.Payload) != fmt.Sprint(n) {
			t.Fatalf("message %d is %q", n, pk.Payload)
		}
		unacked += int(pk.FixedHeader.Qos)
		if n == 100 {
			if unacked != 20 {
				t.Errorf("%d with QoS 1 and none acknowledged", unacked)
			}
			for range 20 {
				w.write([]byte{packets.Puback << 4, 2, 0, 1})
			}
			w.write([]byte{packets.Pingreq << 4, 0})
			w.read()
		}
	}
	if unacked != 40 {
		t.Errorf("%d with QoS 1 after 20 were acknowledged", unacked)
	}
}

// TestBrokerSizes: what is too large to be looked at is still handed over, so
// that it can be refused with a reason; what is beyond that ends the connection.
func TestBrokerSizes(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	w := dialWire(t, b.Broker, 4)
	w.hello(nil)
	w.publish("test/terminals/T1/orders", bytes.Repeat([]byte("x"), 4*mqtt.MaxPayload), 1, nil)
	d := receive(t, b.deliveries)
	if len(d.Payload) != 4*mqtt.MaxPayload {
		t.Errorf("%d bytes came", len(d.Payload))
	}
	d.Ack()
	if ack, _ := w.read(); ack.FixedHeader.Type != packets.Puback {
		t.Errorf("%+v", ack.FixedHeader)
	}
	w.write([]byte{packets.Publish<<4 | 2, 0xff, 0xff, 0x7f})
	w.closed("a packet of 2 MiB")
}

// TestBrokerStrangers: before the login, a client can't have us reserve memory,
// and what mochi trips over ends one connection and nothing else.
func TestBrokerStrangers(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	for name, said := range map[string][]byte{
		"a large CONNECT":   {packets.Connect << 4, 0xff, 0xff, 0x03},
		"an endless length": {packets.Connect << 4, 0xff, 0xff, 0xff, 0xff, 0xff},
		"no CONNECT":        {packets.Publish << 4, 0x02},
		"HTTP":              []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
	} {
		w := dialWire(t, b.Broker, 4)
		w.write(said)
		w.closed(name)
	}
	w := dialWire(t, b.Broker, 5)
	w.hello(nil)
	filter := "test/agent" // a SUBSCRIBE without the options behind its filter
	cut := []byte{packets.Subscribe<<4 | 2, byte(5 + len(filter)), 0, 9, 0}
	cut = append(binary.BigEndian.AppendUint16(cut, uint16(len(filter))), filter...)
	w.write(cut)
	w.closed("a cut SUBSCRIBE")
	if !strings.Contains(b.log.String(), "serving a till failed") {
		t.Error("mochi does not trip over this any more; the guard's comment is out of date")
	}
	b.roundTrip()
}

// TestBrokerFloods: connections and subscriptions are bounded.
func TestBrokerFloods(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(o *mqtt.BrokerOptions) { o.MaxConnections = 3 })
	silent := dialWire(t, b.Broker, 4) // has said nothing yet, and counts
	w := dialWire(t, b.Broker, 4)
	w.hello(nil)
	for n := range 100 {
		w.subscribe(fmt.Sprint("test/", n), nil)
	}
	pk := packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Subscribe, Qos: 1}, ProtocolVersion: 4, PacketID: 9,
		Filters: packets.Subscriptions{{Filter: "test/0", Qos: 1}, {Filter: "test/more", Qos: 1}},
	}
	var buf bytes.Buffer
	if err := pk.SubscribeEncode(&buf); err != nil {
		t.Fatal(err)
	}
	w.write(buf.Bytes())
	if ack, _ := w.read(); !bytes.Equal(ack.ReasonCodes, []byte{1, 0x80}) {
		t.Errorf("the 101st subscription: %x", ack.ReasonCodes)
	}
	third := dialWire(t, b.Broker, 4)
	third.hello(nil)
	dialWire(t, b.Broker, 4).closed("one connection too many")
	_ = silent.conn.Close()
	for {
		w := dialWire(t, b.Broker, 4)
		// Until the end of the silent one is noticed.
		if _, err := w.conn.Write([]byte{packets.Connect << 4, 13, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 1, 'x'}); err != nil {
			continue
		}
		if ack, ok := w.read(); ok && ack.FixedHeader.Type == packets.Connack {
			return
		}
	}
}

// TestBrokerSlowReader: a client that subscribes to everything and reads
// nothing holds up nobody, and is cut off; one that is merely slower than what
// is kept gets all of it.
func TestBrokerSlowReader(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	slow := dialWire(t, b.Broker, 4)
	slow.hello(nil)
	slow.subscribe("test/#", nil)
	const n = 20_000
	payload := strings.Repeat("x", 400)
	for i := range n {
		b.tell(fmt.Sprintf("test/terminals/T%d/status/r%d", i%8, i), payload)
	}
	// The kernel's buffers take some megabytes; what is beyond is too much.
	for i := 0; !strings.Contains(b.log.String(), "was cut off"); i++ {
		b.tell(fmt.Sprintf("test/terminals/T%d/status/r%d", i%8, i%n), payload)
	}
	reader := dialWire(t, b.Broker, 4)
	reader.hello(nil)
	reader.subscribe("test/terminals/+/status/+", nil)
	seen := map[string]bool{}
	for len(seen) < n {
		pk, ok := reader.read()
		if !ok || pk.FixedHeader.Type != packets.Publish || !pk.FixedHeader.Retain {
			t.Fatalf("after %d of what is kept: %+v", len(seen), pk.FixedHeader)
		}
		seen[pk.TopicName] = true
	}
}
