package broker_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"tillpost/internal/proctest"
	"tillpost/mqtt/broker"
)

// wire is a client that says exactly what a test has it say.
type wire struct {
	t       *testing.T
	conn    net.Conn
	version byte
}

func dialWire(t *testing.T, b *broker.Broker, version byte) *wire {
	t.Helper()
	conn, err := net.Dial("tcp", b.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(proctest.Patience)); err != nil {
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
	case packets.Puback, packets.Pubrec, packets.Pubrel, packets.Pubcomp:
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
