package broker_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"
)

// TestBrokerAnnounces: the CONNACK of version 5 says what there is.
func TestBrokerAnnounces(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	w := dialWire(t, b.Broker, 5)
	p := w.hello(func(pk *packets.Packet) { pk.Connect.ClientIdentifier = "" }).Properties
	if !p.SharedSubAvailableFlag || p.SharedSubAvailable != 0 || p.MaximumPacketSize != 1<<20+4<<10 || p.ReceiveMaximum != 128 ||
		p.TopicAliasMaximum != 0 || p.MaximumQosFlag || p.AssignedClientID == "" {
		t.Errorf("%+v", p)
	}
	w.write([]byte{packets.Auth << 4, 2, 0, 0})
	w.expect(packets.Disconnect, 0, 0x82)
	w.closed("an AUTH that nobody asked for")

	refused := dialWire(t, b.Broker, 5)
	if ack := refused.hello(func(pk *packets.Packet) { pk.Properties.AuthenticationMethod = "SCRAM" }); ack.ReasonCode != 0x8C {
		t.Errorf("another way to log in: %#x", ack.ReasonCode)
	}
	refused.closed("another way to log in")
}

// TestBrokerHellos are CONNECTs that 3.1.1 has answers of its own for. Where want
// is nil, the connection is closed without one.
func TestBrokerHellos(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	for _, tt := range []struct {
		name string
		said []byte // behind the protocol's name
		want []byte
	}{
		{"no id, and a session to keep", []byte{4, 0, 0, 60, 0, 0}, []byte{0x20, 2, 0, 2}},
		{"no id", []byte{4, 2, 0, 60, 0, 0}, []byte{0x20, 2, 0, 0}},
		{"an id, and a session to keep", []byte{4, 0, 0, 60, 0, 1, 'x'}, []byte{0x20, 2, 0, 0}},
		{"version 6", []byte{6, 2, 0, 60, 0, 1, 'x'}, []byte{0x20, 2, 0, 1}},
		{"version 3", []byte{3, 2, 0, 60, 0, 1, 'x'}, []byte{0x20, 2, 0, 1}},
		{"a reserved bit", []byte{4, 3, 0, 60, 0, 1, 'x'}, nil},
		{"a password without a user", []byte{4, 0x42, 0, 60, 0, 1, 'x', 0, 1, 'p'}, nil},
		{"a will's quality without a will", []byte{4, 0x0a, 0, 60, 0, 1, 'x'}, nil},
		{"a will of quality 3", []byte{4, 0x1e, 0, 60, 0, 1, 'x', 0, 3, 's', '/', 'x', 0, 1, 'y'}, nil},
		{"an empty password", []byte{4, 0xc2, 0, 60, 0, 1, 'x', 0, 1, 'u', 0, 0}, []byte{0x20, 2, 0, 0}},
		{"an empty will", []byte{4, 6, 0, 60, 0, 1, 'x', 0, 3, 's', '/', 'x', 0, 0}, []byte{0x20, 2, 0, 0}},
	} {
		w := dialWire(t, b.Broker, 4)
		body := append([]byte{0, 4, 'M', 'Q', 'T', 'T'}, tt.said...)
		w.write(append([]byte{packets.Connect << 4, byte(len(body))}, body...))
		got := make([]byte, len(tt.want))
		if _, err := w.conn.Read(got); len(tt.want) > 0 && err != nil || !bytes.Equal(got, tt.want) {
			t.Errorf("%s: %x, %v, want %x", tt.name, got, err, tt.want)
		}
		if len(tt.want) == 0 || tt.want[3] != 0 {
			w.closed(tt.name)
		}
	}
}

// TestBrokerEmptyWill: a last will may have no payload.
func TestBrokerEmptyWill(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	reader := dialWire(t, b.Broker, 4)
	reader.hello(nil)
	reader.subscribe("shop/#", nil)
	for _, version := range versions {
		w := dialWire(t, b.Broker, version)
		w.hello(func(pk *packets.Packet) {
			pk.Connect.WillFlag, pk.Connect.WillTopic, pk.Connect.WillQos = true, "shop/x", 1
		})
		_ = w.conn.Close()
		if pk, ok := reader.read(); !ok || pk.TopicName != "shop/x" || len(pk.Payload) != 0 || pk.FixedHeader.Qos != 1 {
			t.Errorf("the will came as %+v %q", pk.FixedHeader, pk.Payload)
		}
	}
}

// TestBrokerSubscriptionCodes: a filter that can't be had is refused by itself,
// with the code of version 5 that says why.
func TestBrokerSubscriptionCodes(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	for _, version := range versions {
		w := dialWire(t, b.Broker, version)
		w.hello(nil)
		pk := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Subscribe, Qos: 1}, ProtocolVersion: version, PacketID: 9}
		var want []byte
		for filter, code := range map[string]byte{
			"test/agent": 1, "#": 1, "+": 1, "+/#": 1, "/": 1, "shop//+": 1,
			"$share/g/test/agent": 0x9E, "$share/g": 0x9E, "$share": 0x9E, "$SYS/#": 0x87,
			"a+": 0x8F, "a/b#": 0x8F, "#/a": 0x8F, "a/+b/c": 0x8F, "": 0x8F, "++": 0x8F, strings.Repeat("x", 1025): 0x87,
		} {
			pk.Filters = append(pk.Filters, packets.Subscription{Filter: filter, Qos: 1})
			if version == 4 && code > 2 {
				code = 0x80
			}
			want = append(want, code)
		}
		var buf bytes.Buffer
		if err := pk.SubscribeEncode(&buf); err != nil {
			t.Fatal(err)
		}
		w.write(buf.Bytes())
		ack, ok := w.read()
		if !ok || len(ack.ReasonCodes) != len(want) {
			t.Fatalf("%+v", ack)
		}
		for i, code := range want {
			if ack.ReasonCodes[i] != code {
				t.Errorf("version %d, %.20q: %#x, want %#x", version, pk.Filters[i].Filter, ack.ReasonCodes[i], code)
			}
		}
	}
}

// TestBrokerSubscriptionBound: one filter too many is refused with a code that
// says so, an old one can be asked for again, and one that is given up makes
// room.
func TestBrokerSubscriptionBound(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	w := dialWire(t, b.Broker, 5)
	w.hello(nil)
	for n := range 2000 {
		w.subscribe(fmt.Sprintf("test/terminals/T1/status/r%d", n), nil)
	}
	w.write(subscribeFrame(t, 5, "test/terminals/T1/status/more"))
	if ack, _ := w.read(); !bytes.Equal(ack.ReasonCodes, []byte{0x97}) {
		t.Errorf("one too many: %x", ack.ReasonCodes)
	}
	w.subscribe("test/terminals/T1/status/r7", nil)
	w.write([]byte{packets.Unsubscribe<<4 | 2, 31, 0, 9, 0, 0, 26})
	w.write([]byte("test/terminals/T1/status/r7"[:26]))
	w.read()
	w.write(subscribeFrame(t, 5, "test/terminals/T1/status/more"))
	if ack, _ := w.read(); !bytes.Equal(ack.ReasonCodes, []byte{0x97}) {
		t.Errorf("what was never subscribed to makes room: %x", ack.ReasonCodes)
	}
	w.write([]byte{packets.Unsubscribe<<4 | 2, 32, 0, 9, 0, 0, 27})
	w.write([]byte("test/terminals/T1/status/r7"))
	w.read()
	w.subscribe("test/terminals/T1/status/more", nil)
}

func subscribeFrame(t *testing.T, version byte, filter string) []byte {
	t.Helper()
	pk := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Subscribe, Qos: 1}, ProtocolVersion: version, PacketID: 9,
		Filters: packets.Subscriptions{{Filter: filter, Qos: 1}}}
	var buf bytes.Buffer
	if err := pk.SubscribeEncode(&buf); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// TestBrokerSaysWhy: a client of version 5 is sent why its connection ends, one of
// 3.1.1 nothing.
func TestBrokerSaysWhy(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	for _, tt := range []struct {
		name string
		said []byte
		want byte
	}{
		{"a packet of 2 MiB", []byte{packets.Publish<<4 | 2, 0xff, 0xff, 0x7f}, 0x95},
		{"flags that are reserved", []byte{packets.Pingreq<<4 | 1, 0}, 0x81},
		{"a ping with a body", []byte{packets.Pingreq << 4, 1, 0}, 0x81},
		{"half an id", []byte{packets.Puback << 4, 1, 0}, 0x81},
		{"QoS 3", []byte{packets.Publish<<4 | 6, 4, 0, 1, 'x', 0}, 0x82},
		{"a message without an id", []byte{packets.Publish<<4 | 2, 6, 0, 1, 'x', 0, 0, 0}, 0x82},
		{"a topic with a wildcard", []byte{packets.Publish << 4, 4, 0, 1, '#', 0}, 0x82},
		{"no filter", []byte{packets.Subscribe<<4 | 2, 3, 0, 9, 0}, 0x82},
		{"a SUBACK", []byte{packets.Suback << 4, 4, 0, 9, 0, 1}, 0x82},
		{"a second CONNECT", []byte{packets.Connect << 4, 13, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 1, 'x'}, 0x82},
	} {
		w := dialWire(t, b.Broker, 5)
		w.hello(nil)
		w.write(tt.said)
		if pk, ok := w.read(); !ok || pk.FixedHeader.Type != packets.Disconnect || pk.ReasonCode != tt.want {
			t.Errorf("%s: packet %d (%t) with %#x, want %#x", tt.name, pk.FixedHeader.Type, ok, pk.ReasonCode, tt.want)
		}
		w.closed(tt.name)
		old := dialWire(t, b.Broker, 4)
		old.hello(nil)
		if tt.name == "no filter" {
			tt.said = []byte{packets.Subscribe<<4 | 2, 2, 0, 9}
		}
		old.write(tt.said)
		if pk, ok := old.read(); ok {
			t.Errorf("%s: 3.1.1 is answered %+v", tt.name, pk.FixedHeader)
		}
	}
	for _, version := range versions {
		w := dialWire(t, b.Broker, version)
		w.hello(func(pk *packets.Packet) { pk.Connect.Keepalive = 1 })
		pk, ok := w.read()
		if ok != (version == 5) || ok && (pk.FixedHeader.Type != packets.Disconnect || pk.ReasonCode != 0x8D) {
			t.Errorf("version %d, after its keepalive: %+v with %#x (%t)", version, pk.FixedHeader, pk.ReasonCode, ok)
		}
	}
}

// TestBrokerGoodbye: a DISCONNECT takes the last will back, unless it asks for it.
func TestBrokerGoodbye(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	reader := dialWire(t, b.Broker, 4)
	reader.hello(nil)
	reader.subscribe("shop/#", nil)
	for _, tt := range []struct {
		version byte
		said    []byte
		want    string
	}{
		{4, []byte{packets.Disconnect << 4, 0}, ""},
		{5, []byte{packets.Disconnect << 4, 0}, ""},
		{5, []byte{packets.Disconnect << 4, 2, 4, 0}, "with a will"},
		{5, []byte{packets.Disconnect << 4, 7, 0, 5, 0x11, 0, 0, 0, 60}, ""},
		{4, nil, "without a word"},
	} {
		w := dialWire(t, b.Broker, tt.version)
		w.hello(func(pk *packets.Packet) {
			pk.Connect.WillFlag, pk.Connect.WillTopic, pk.Connect.WillPayload = true, "shop/x", []byte(tt.want)
		})
		if tt.said == nil {
			_ = w.conn.Close()
		} else {
			w.write(tt.said)
			if pk, ok := w.read(); ok {
				t.Errorf("a goodbye is answered: %+v", pk.FixedHeader)
			}
		}
		if tt.want == "" {
			continue
		}
		if pk, ok := reader.read(); !ok || string(pk.Payload) != tt.want {
			t.Errorf("the will is %q, want %q", pk.Payload, tt.want)
		}
	}
}
