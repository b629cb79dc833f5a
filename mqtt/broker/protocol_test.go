package broker_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"

	"tillpost/mqtt/mqtttest"
)

var versions = []byte{4, 5}

func TestBrokerRetainedRequest(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	for _, version := range versions {
		w := dialWire(t, b.Broker, version)
		w.hello(nil)
		w.publish("test/terminals/T1/orders", []byte("x"), 1, func(pk *packets.Packet) { pk.FixedHeader.Retain = true })
		d := mqtttest.Receive(t, b.deliveries)
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
	// It must not be retained for later subscribers.
	w := dialWire(t, b.Broker, 4)
	w.hello(nil)
	w.subscribe("test/#", nil)
	b.publish("test/agent", "online")
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

// TestBrokerDenial is how a client learns that it may not publish: MQTT 5 has an
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
	b.publish("test/agent", "online")
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
		b.publish("test/agent", "online")
	}
	w.read()
	// Retain handling 1: only a new subscription gets what is retained; 2: none does.
	for _, handling := range []byte{1, 2} {
		w.subscribe("test/agent", func(pk *packets.Packet) { pk.Filters[0].RetainHandling = handling })
		b.publish("test/agent", fmt.Sprint("live ", handling))
		if pk, _ := w.read(); string(pk.Payload) != fmt.Sprint("live ", handling) {
			t.Errorf("retain handling %d brings %q", handling, pk.Payload)
		}
	}
	// A request that can't be written: the client is sent why it is closed.
	w.publish("test/terminals/T1/orders", []byte("x"), 1, nil)
	mqtttest.Receive(t, b.deliveries).Fail(io.ErrShortWrite)
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
	var ids []byte
	for n := range 200 {
		b.publish("test/agent", fmt.Sprint(n))
		pk, _ := w.read()
		if string(pk.Payload) != fmt.Sprint(n) {
			t.Fatalf("message %d is %q", n, pk.Payload)
		}
		if pk.FixedHeader.Qos > 0 {
			unacked++
			ids = append(ids, byte(pk.PacketID))
		}
		if n == 100 {
			if unacked != 20 {
				t.Errorf("%d with QoS 1 and none acknowledged", unacked)
			}
			for range 20 { // what was acknowledged once counts once
				w.write([]byte{packets.Puback << 4, 2, 0, ids[0]})
			}
			for _, id := range ids[1:] {
				w.write([]byte{packets.Puback << 4, 2, 0, id})
			}
			w.write([]byte{packets.Pingreq << 4, 0})
			w.read()
		}
	}
	if unacked != 40 {
		t.Errorf("%d with QoS 1 after 20 were acknowledged", unacked)
	}
}

// TestBrokerKeepsNoSession: whatever a client asks for, it begins anew, and is
// told so.
func TestBrokerKeepsNoSession(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	for _, version := range versions {
		for range 2 {
			w := dialWire(t, b.Broker, version)
			ack := w.hello(func(pk *packets.Packet) {
				pk.Connect.Clean, pk.Connect.ClientIdentifier = false, "till"
				if version == 5 {
					pk.Properties.SessionExpiryIntervalFlag, pk.Properties.SessionExpiryInterval = true, 3600
				}
			})
			if ack.SessionPresent {
				t.Fatalf("version %d: a session was kept", version)
			}
			b.publish("test/agent", "to nobody")
			w.subscribe("test/agent", nil)
			if pk, _ := w.read(); !pk.FixedHeader.Retain {
				t.Errorf("version %d: %q came to a client that had not subscribed", version, pk.Payload)
			}
			// Its connection stands when it comes back.
		}
	}
}
