package broker_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"

	"tillpost/mqtt"
	"tillpost/mqtt/mqtttest"
)

// expect reads one packet and holds its kind, its id and its code.
func (w *wire) expect(kind byte, id uint16, code byte) packets.Packet {
	w.t.Helper()
	pk, ok := w.read()
	if !ok || pk.FixedHeader.Type != kind || pk.PacketID != id || pk.ReasonCode != code {
		w.t.Fatalf("version %d: packet %d, id %d, code %#x (read %t); want %d, %d, %#x",
			w.version, pk.FixedHeader.Type, pk.PacketID, pk.ReasonCode, ok, kind, id, code)
	}
	return pk
}

// acknowledge sends one of the packets that acknowledge.
func (w *wire) acknowledge(kind byte, id uint16) {
	w.t.Helper()
	first := kind << 4
	if kind == packets.Pubrel {
		first |= 2
	}
	w.write(binary.BigEndian.AppendUint16([]byte{first, 2}, id))
}

func withID(id uint16) func(*packets.Packet) {
	return func(pk *packets.Packet) { pk.PacketID = id }
}

// acking takes whatever is delivered.
func (e *embedded) acking() {
	go func() {
		for {
			select {
			case d := <-e.deliveries:
				d.Ack()
			case <-e.t.Context().Done():
				return
			}
		}
	}()
}

// TestBrokerPacketIDs: the ids of the broker's messages and those of a client's
// are two spaces. All acknowledgements of the one come in the middle of
// the steps of the other, under the same id.
func TestBrokerPacketIDs(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	b.acking()
	for _, version := range versions {
		w := dialWire(t, b.Broker, version)
		w.hello(nil)
		topic := fmt.Sprint("test/agent/", version)
		// What is retained comes some time after the SUBACK: with that read, nothing comes of itself.
		b.publish(topic, "online")
		w.subscribe(topic, nil)
		for id := uint16(1); id <= 200; id++ {
			if id > 1 {
				b.publish(topic, "online")
			}
			told, ok := w.read()
			if !ok || told.FixedHeader.Qos != 1 || told.PacketID != id {
				t.Fatalf("%+v, id %d, want %d", told.FixedHeader, told.PacketID, id)
			}
			w.publish("test/terminals/T1/orders", []byte("x"), 2, withID(id))
			w.expect(packets.Pubrec, id, 0)
			w.acknowledge(packets.Puback, id)
			w.acknowledge(packets.Puback, id) // once too often
			w.acknowledge(packets.Pubcomp, id)
			w.acknowledge(packets.Pubrel, id)
			w.expect(packets.Pubcomp, id, 0)
		}
		// Nothing is left of either.
		w.acknowledge(packets.Pubrel, 1)
		w.expect(packets.Pubcomp, 1, codeOf(version, 0x92))
		w.acknowledge(packets.Pubrec, 1)
		w.expect(packets.Pubrel, 1, codeOf(version, 0x92))
	}
}

// codeOf returns what a version has for a code of MQTT 5.
func codeOf(version, code byte) byte {
	if version < 5 {
		return 0
	}
	return code
}

// TestBrokerIDsComeAround: an id that is not acknowledged is not given again,
// however many others are.
func TestBrokerIDsComeAround(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	w := dialWire(t, b.Broker, 4)
	w.hello(nil)
	w.subscribe("test/agent", nil)
	open := map[uint16]bool{}
	for n := range 70_000 {
		b.publish("test/agent", "online")
		pk, ok := w.read()
		if !ok || pk.FixedHeader.Qos != 1 || pk.PacketID == 0 || open[pk.PacketID] {
			t.Fatalf("message %d: %+v, id %d, in use %t", n, pk.FixedHeader, pk.PacketID, open[pk.PacketID])
		}
		if open[pk.PacketID] = len(open) < 100; !open[pk.PacketID] {
			delete(open, pk.PacketID)
			w.acknowledge(packets.Puback, pk.PacketID)
		}
		if n%500 == 0 { // by the answer all of them have been read
			w.write([]byte{packets.Pingreq << 4, 0})
			w.expect(packets.Pingresp, 0, 0)
		}
	}
}

// TestBrokerManyUnfinished: 3.1.1 has no bound for QoS 2 messages under way, and
// a client of version 5 that goes beyond what its CONNACK says gets an error.
func TestBrokerManyUnfinished(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	b.acking()
	const most = 65_535
	old := dialWire(t, b.Broker, 4)
	old.hello(nil)
	go func() { // the broker answers while the client still sends
		var all bytes.Buffer
		for id := 1; id <= most; id++ {
			pk := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: 2}, PacketID: uint16(id),
				TopicName: "test/terminals/T1/orders", Payload: []byte("x")}
			_ = pk.PublishEncode(&all)
		}
		_, _ = old.conn.Write(all.Bytes())
	}()
	for id := 1; id <= most; id++ {
		old.expect(packets.Pubrec, uint16(id), 0)
	}
	for _, id := range []uint16{1, 64, 65, 4000, most} {
		old.acknowledge(packets.Pubrel, id)
		old.expect(packets.Pubcomp, id, 0)
	}

	w := dialWire(t, b.Broker, 5)
	if n := w.hello(nil).Properties.ReceiveMaximum; n != 128 {
		t.Fatalf("the client is told that it may have %d under way", n)
	}
	for id := uint16(1); id <= 128; id++ {
		w.publish("test/terminals/T1/orders", []byte("x"), 2, withID(id))
		w.expect(packets.Pubrec, id, 0)
	}
	w.publish("test/terminals/T1/orders", []byte("x"), 1, withID(129))
	w.expect(packets.Puback, 129, 0)
	w.acknowledge(packets.Pubrel, 7)
	w.expect(packets.Pubcomp, 7, 0)
	w.publish("test/terminals/T1/orders", []byte("x"), 2, withID(130))
	w.expect(packets.Pubrec, 130, 0)
	w.publish("test/terminals/T1/orders", []byte("x"), 2, withID(131))
	w.expect(packets.Disconnect, 0, 0x93)
	w.closed("more than the Receive Maximum")
	if !strings.Contains(b.log.String(), "more QoS 2 messages under way") {
		t.Error("the log does not say why")
	}
}

// TestBrokerSameIDTwice: a message that comes once more is taken once, and what
// only bears its id is never acknowledged as if it had been taken.
func TestBrokerSameIDTwice(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	for _, version := range versions {
		w := dialWire(t, b.Broker, version)
		w.hello(nil)
		w.publish("test/terminals/T1/orders", []byte("first"), 2, nil)
		mqtttest.Receive(t, b.deliveries).Ack()
		w.expect(packets.Pubrec, 7, 0)
		w.publish("test/terminals/T1/orders", []byte("first"), 2, func(pk *packets.Packet) { pk.FixedHeader.Dup = true })
		w.expect(packets.Pubrec, 7, 0)
		for qos := byte(1); qos <= 2; qos++ {
			w.publish("test/terminals/T1/orders", []byte("another"), qos, nil)
			if version == 4 {
				w.closed("an id in use")
				break
			}
			w.expect(map[byte]byte{1: packets.Puback, 2: packets.Pubrec}[qos], 7, 0x91)
		}
		if n := len(b.deliveries); n != 0 {
			t.Errorf("version %d: %d more were taken", version, n)
		}
	}
}

// TestBrokerRefusals: version 5 is sent why a request was refused, with QoS 1 and
// 2; 3.1.1 gets an acknowledgement.
func TestBrokerRefusals(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	why := mqtt.Refusal{Code: "invalidRequest", Message: "/order is missing" + strings.Repeat("å", 3000)}
	for _, version := range versions {
		for qos := byte(1); qos <= 2; qos++ {
			w := dialWire(t, b.Broker, version)
			w.hello(nil)
			w.publish("test/terminals/T1/orders", []byte("{}"), qos, nil)
			mqtttest.Receive(t, b.deliveries).Refuse(why)
			kind := map[byte]byte{1: packets.Puback, 2: packets.Pubrec}[qos]
			ack := w.expect(kind, 7, codeOf(version, 0x83))
			if version == 4 {
				continue
			}
			said, user := ack.Properties.ReasonString, ack.Properties.User
			if !strings.HasPrefix(said, "invalidRequest: /order is missing") || len(said) > 1024 || len(user) != 1 || user[0] != (packets.UserProperty{Key: "code", Val: "invalidRequest"}) {
				t.Errorf("QoS %d: %.60q… of %d bytes, %v", qos, said, len(said), user)
			}
			// Its id is free again, with no further step.
			w.publish("test/terminals/T1/orders", []byte("x"), qos, nil)
			mqtttest.Receive(t, b.deliveries).Ack()
			w.expect(kind, 7, 0)
		}
	}
	// Who asks for no words gets none.
	w := dialWire(t, b.Broker, 5)
	w.hello(func(pk *packets.Packet) { pk.Properties.RequestProblemInfoFlag = true })
	w.publish("test/terminals/T1/orders", []byte("{}"), 1, nil)
	mqtttest.Receive(t, b.deliveries).Refuse(why)
	if ack := w.expect(packets.Puback, 7, 0x83); ack.Properties.ReasonString != "" || ack.Properties.User != nil {
		t.Errorf("%+v", ack.Properties)
	}
}

// TestBrokerClearsNothing: an empty retained message, which clears a retained
// request at other brokers, is no request and no fault.
func TestBrokerClearsNothing(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	for _, version := range versions {
		w := dialWire(t, b.Broker, version)
		w.hello(nil)
		w.publish("test/terminals/T1/orders", nil, 1, func(pk *packets.Packet) { pk.FixedHeader.Retain = true })
		w.expect(packets.Puback, 7, 0)
	}
	if n := len(b.deliveries); n != 0 {
		t.Errorf("%d were delivered", n)
	}
}

// TestBrokerForbiddenTopics: a message to a topic that begins with $ is answered
// as any other that may not be.
func TestBrokerForbiddenTopics(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	for _, topic := range []string{"$SYS/broker/uptime", "$sys/x", "$share/a/b", "$share", "$x", "test", "test/x"} {
		for qos := range byte(3) {
			old := dialWire(t, b.Broker, 4)
			old.hello(nil)
			old.publish(topic, []byte("x"), qos, nil)
			old.closed(fmt.Sprintf("%s with QoS %d", topic, qos))
			w := dialWire(t, b.Broker, 5)
			w.hello(nil)
			w.publish(topic, []byte("x"), qos, nil)
			switch qos {
			case 0:
				w.write([]byte{packets.Pingreq << 4, 0})
				w.expect(packets.Pingresp, 0, 0)
			case 1:
				w.expect(packets.Puback, 7, 0x87)
			case 2:
				w.expect(packets.Pubrec, 7, 0x87)
			}
		}
	}
	if !strings.Contains(b.log.String(), "$SYS/broker/uptime") {
		t.Error("the log tells nothing of it")
	}
}

// TestBrokerQoS: what one client passes to another goes out with the lower of
// the two qualities, and never with QoS 2, which is not granted either.
func TestBrokerQoS(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	sender := dialWire(t, b.Broker, 4)
	sender.hello(nil)
	for granted := range byte(3) {
		reader := dialWire(t, b.Broker, 4)
		reader.hello(nil)
		reader.write([]byte{packets.Subscribe<<4 | 2, 11, 0, 9, 0, 6, 's', 'h', 'o', 'p', '/', '#', granted})
		if ack, _ := reader.read(); !bytes.Equal(ack.ReasonCodes, []byte{min(granted, 1)}) {
			t.Errorf("QoS %d: granted %x", granted, ack.ReasonCodes)
		}
		for qos := range byte(3) {
			sender.publish("shop/drawer", []byte("open"), qos, nil)
			switch qos {
			case 1:
				sender.expect(packets.Puback, 7, 0)
			case 2:
				sender.expect(packets.Pubrec, 7, 0)
				sender.acknowledge(packets.Pubrel, 7)
				sender.expect(packets.Pubcomp, 7, 0)
			}
			if pk, ok := reader.read(); !ok || pk.FixedHeader.Qos != min(granted, qos, 1) {
				t.Errorf("granted %d, published %d: came with %d (%t)", granted, qos, pk.FixedHeader.Qos, ok)
			}
		}
	}
}

// TestBrokerHalfClosed: a client that sends all it has and closes its side, as
// a script does, still reads every acknowledgement.
func TestBrokerHalfClosed(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	w := dialWire(t, b.Broker, 4)
	w.hello(nil)
	for id := uint16(1); id <= 3; id++ {
		w.publish("test/terminals/T1/orders", []byte("x"), byte(1+id%2), withID(id))
	}
	if err := w.conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	for id := uint16(1); id <= 3; id++ {
		mqtttest.Receive(t, b.deliveries).Ack()
	}
	w.expect(packets.Pubrec, 1, 0)
	w.expect(packets.Puback, 2, 0)
	w.expect(packets.Pubrec, 3, 0)
	w.closed("its own wish")
}
