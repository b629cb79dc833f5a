package broker_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"

	"tillpost/mqtt"
	"tillpost/mqtt/broker"
)

// BenchmarkBroker is what the broker adds to a durable write: tills that each
// wait for their acknowledgement before they go on, an order of 1 KB each, and
// an agent that takes it at once and publishes a status.
func BenchmarkBroker(b *testing.B) {
	for _, tills := range []int{1, 64, 512} {
		for _, web := range []bool{false, true} {
			b.Run(fmt.Sprintf("tills=%d/websockets=%t", tills, web), func(b *testing.B) { benchBroker(b, tills, web) })
		}
	}
}

func benchBroker(b *testing.B, tills int, web bool) {
	var bus *broker.Broker
	up := make(chan struct{})
	bus, err := broker.New(broker.Options{Listen: "127.0.0.1:0", WebSocketListen: "127.0.0.1:0", Topics: mqtt.Topics{Prefix: "test"}}, mqtt.Handlers{
		Deliver: func(d mqtt.Delivery) {
			bus.Publish(mqtt.Message{Topic: "test/terminals/T1/status/r1", Payload: d.Payload[:300], Retained: true})
			d.Ack()
		},
		Up:   func() { close(up) },
		Down: func(error) {},
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running, publishing sync.WaitGroup
	running.Go(func() { _ = bus.Run(ctx) })
	defer running.Wait()
	defer cancel()
	<-up
	var left atomic.Int64
	left.Store(int64(b.N))
	conns := make([]net.Conn, tills)
	for i := range conns {
		conns[i] = benchTill(b, bus, i, web)
	}
	frame, ack := publishFrame(b), 4
	if web {
		frame, ack = inMessage(frame), 2+4
	}
	b.ReportAllocs()
	b.ResetTimer()
	for _, conn := range conns {
		publishing.Go(func() {
			r, ack := bufio.NewReader(conn), make([]byte, ack)
			for left.Add(-1) >= 0 {
				if _, err := conn.Write(frame); err != nil {
					b.Error(err)
					return
				}
				if _, err := io.ReadFull(r, ack); err != nil || ack[len(ack)-4]>>4 != packets.Puback {
					b.Errorf("%x, %v", ack, err)
					return
				}
			}
		})
	}
	publishing.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
}

func benchTill(b *testing.B, bus *broker.Broker, n int, web bool) net.Conn {
	b.Helper()
	addr, hello, answer := bus.Addr(), fmt.Appendf([]byte{0x10, 18, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 6}, "t%05d", n), 4
	if web {
		addr, hello, answer = bus.WebSocketAddr(), inMessage(hello), 2+4
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	if web {
		if _, err := io.WriteString(conn, "GET /mqtt HTTP/1.1\r\n"+opening+"Sec-WebSocket-Protocol: mqtt\r\n\r\n"); err != nil {
			b.Fatal(err)
		}
		if n, err := conn.Read(make([]byte, 4096)); n == 0 { // the whole answer, which is small
			b.Fatal(err)
		}
	}
	if _, err := conn.Write(hello); err != nil {
		b.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, answer)); err != nil {
		b.Fatal(err)
	}
	return conn
}

// inMessage puts MQTT into a WebSocket message, under a mask of zeros.
func inMessage(said []byte) []byte {
	head := []byte{0x82, 0x80 | byte(len(said))}
	if len(said) > 125 {
		head = []byte{0x82, 0x80 | 126, byte(len(said) >> 8), byte(len(said))}
	}
	return append(append(head, 0, 0, 0, 0), said...)
}

func publishFrame(b *testing.B) []byte {
	b.Helper()
	pk := packets.Packet{
		FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: 1}, ProtocolVersion: 4, PacketID: 1,
		TopicName: "test/terminals/T1/orders", Payload: []byte(strings.Repeat("x", 1000)),
	}
	var buf bytes.Buffer
	if err := pk.PublishEncode(&buf); err != nil {
		b.Fatal(err)
	}
	return buf.Bytes()
}
