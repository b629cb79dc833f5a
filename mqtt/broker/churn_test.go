package broker

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"tillpost/internal/proctest"
	"tillpost/mqtt"
)

// TestBrokerChurn has clients do everything at once, in any order, over TCP and
// WebSockets and under few client ids, so that they throw each other out in the
// middle of it. What they leave behind is nothing.
func TestBrokerChurn(t *testing.T) {
	t.Parallel()
	b, err := New(Options{
		Listen: "127.0.0.1:0", WebSocketListen: "127.0.0.1:0", Topics: mqtt.Topics{Prefix: "test"}, CloseGrace: time.Second,
		Log: slog.New(slog.DiscardHandler),
	}, mqtt.Handlers{
		Deliver: func(d mqtt.Delivery) {
			switch rand.IntN(20) {
			case 0:
				d.Fail(io.ErrShortWrite)
			case 1, 2, 3:
				d.Refuse(mqtt.Refusal{Code: "invalidRequest", Message: "no"})
			default:
				go d.Ack()
			}
		},
		Up: func() {}, Down: func(error) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	var clients sync.WaitGroup
	for range 12 {
		clients.Go(func() {
			for range 40 {
				churn(t, b)
			}
		})
	}
	telling := make(chan struct{})
	go func() {
		defer close(telling)
		for n := range 5000 {
			b.Publish(mqtt.Message{Topic: fmt.Sprint("test/terminals/T1/status/r", n%50), Payload: []byte("x"), Retained: n%3 == 0})
		}
	}()
	clients.Wait()
	<-telling
	if !proctest.Eventually(proctest.Patience, func() bool { return len(b.allPeers()) == 0 }) {
		t.Errorf("%d connections are left", len(b.allPeers()))
	}
	b.mu.Lock()
	if len(b.byID) != 0 || b.subscriptions.Load() != 0 || b.backlog.Load() != 0 || b.deliveries.n != 0 {
		t.Errorf("left behind: %d ids, %d subscriptions, %d bytes, %d requests", len(b.byID), b.subscriptions.Load(), b.backlog.Load(), b.deliveries.n)
	}
	b.mu.Unlock()
	for filter := range map[string]bool{"test/terminals/T1/status/r1": true, "shop/x": true} {
		if n := len(b.server.Topics.Subscribers(filter).Subscriptions); n != 0 {
			t.Errorf("%d still subscribe to %s", n, filter)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// churn is one client, which says some of what a client may say and then goes,
// with a word or without.
func churn(t *testing.T, b *Broker) {
	var conn net.Conn
	var write func([]byte)
	if rand.IntN(2) == 0 {
		dialer := websocket.Dialer{Subprotocols: []string{webSocketSubprotocol}}
		ws, response, err := dialer.Dial("ws://"+b.WebSocketAddr()+webSocketPath, nil)
		if err != nil {
			t.Error(err)
			return
		}
		_ = response.Body.Close()
		conn = ws.NetConn()
		write = func(said []byte) { _ = ws.WriteMessage(websocket.BinaryMessage, said) }
	} else {
		var err error
		if conn, err = net.Dial("tcp", b.Addr()); err != nil {
			t.Error(err)
			return
		}
		write = func(said []byte) { _, _ = conn.Write(said) }
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Minute)) // it may be cut off
	if rand.IntN(3) > 0 {
		go func() { _, _ = io.Copy(io.Discard, conn) }()
	}
	version := byte(4 + rand.IntN(2))
	properties := func(b []byte) []byte {
		if version == 5 {
			return append(b, 0)
		}
		return b
	}
	write(frame(0x10, append(append(properties(append([]byte("\x00\x04MQTT"), version, 2, 0, 60)), 0, 1), byte('a'+rand.IntN(4)))))
	for range rand.IntN(60) {
		id := binary.BigEndian.AppendUint16(nil, uint16(1+rand.IntN(5)))
		switch rand.IntN(9) {
		case 0:
			write(frame(0x82, append(append(properties(id), 0, 27), "test/terminals/T1/status/r1\x01"...)))
		case 1:
			write(frame(0x82, append(append(properties(id), 0, 6), "shop/#\x02"...)))
		case 2:
			write(frame(0xa2, append(append(properties(id), 0, 6), "shop/#"...)))
		case 3:
			write(frame([]byte{0x62, 0x40, 0x50, 0x70}[rand.IntN(4)], id))
		case 4:
			write([]byte{0xc0, 0})
		default:
			topic := "test/terminals/T1/orders"
			if n := rand.IntN(40); n < 10 {
				topic = "shop/x"
			} else if n == 10 { // which ends a connection of 3.1.1
				topic = "$SYS/x"
			}
			qos := byte(rand.IntN(3))
			said := append(binary.BigEndian.AppendUint16(nil, uint16(len(topic))), topic...)
			if qos > 0 {
				said = append(said, id...)
			}
			write(frame(0x30|qos<<1|byte(rand.IntN(8)/7), append(properties(said), "order"...)))
		}
	}
	if rand.IntN(2) == 0 {
		write([]byte{0xe0, 0})
	}
}

func frame(first byte, body []byte) []byte {
	return append(binary.AppendUvarint([]byte{first}, uint64(len(body))), body...)
}
