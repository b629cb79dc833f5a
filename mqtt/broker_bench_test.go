package mqtt_test

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
)

// BenchmarkBroker is what the broker adds to a durable write: tills that each
// wait for their acknowledgement before they go on, an order of 1 KB each, and
// an agent that takes it at once and publishes a status.
func BenchmarkBroker(b *testing.B) {
	for _, tills := range []int{1, 64, 512} {
		b.Run(fmt.Sprintf("tills=%d", tills), func(b *testing.B) {
			var broker *mqtt.Broker
			up := make(chan struct{})
			broker, err := mqtt.NewBroker(mqtt.BrokerOptions{Listen: "127.0.0.1:0", Topics: mqtt.Topics{Prefix: "test"}}, mqtt.Handlers{
				Deliver: func(d mqtt.Delivery) {
					broker.Publish(mqtt.Message{Topic: "test/terminals/T1/status/r1", Payload: d.Payload[:300], Retained: true})
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
			running.Go(func() { _ = broker.Run(ctx) })
			defer running.Wait()
			defer cancel()
			<-up
			var left atomic.Int64
			left.Store(int64(b.N))
			conns := make([]net.Conn, tills)
			for i := range conns {
				conns[i] = benchTill(b, broker.Addr(), i)
			}
			frame := publishFrame(b)
			b.ReportAllocs()
			b.ResetTimer()
			for _, conn := range conns {
				publishing.Go(func() {
					r, ack := bufio.NewReader(conn), make([]byte, 4)
					for left.Add(-1) >= 0 {
						if _, err := conn.Write(frame); err != nil {
							b.Error(err)
							return
						}
						if _, err := io.ReadFull(r, ack); err != nil || ack[0]>>4 != packets.Puback {
							b.Errorf("%x, %v", ack, err)
							return
						}
					}
				})
			}
			publishing.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "orders/s")
		})
	}
}

func benchTill(b *testing.B, addr string, n int) net.Conn {
	b.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	id := fmt.Sprintf("t%05d", n)
	if _, err := conn.Write(append([]byte{0x10, 18, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 6}, id...)); err != nil {
		b.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 4)); err != nil {
		b.Fatal(err)
	}
	return conn
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
