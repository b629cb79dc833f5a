package broker

import (
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"tillpost/mqtt"
)

// FuzzBroker sends any bytes to the embedded broker, before a login or after one and to a WebSocket that is open, and holds
// that they end no more than the connection that they came on.
func FuzzBroker(f *testing.F) {
	b, err := New(Options{
		Listen: "127.0.0.1:0", Topics: mqtt.Topics{Prefix: "test"}, CloseGrace: 50 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
	}, mqtt.Handlers{Deliver: func(d mqtt.Delivery) { d.Ack() }, Up: func() {}, Down: func(error) {}})
	if err != nil {
		f.Fatal(err)
	}
	b.up.Store(true)
	hellos := [][]byte{nil, []byte("\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01f"), []byte("\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01f")}
	const web = 3
	opened := "GET /mqtt HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
	hellos = append(hellos, []byte(opened))
	publish := []byte("\x32\x26\x00\x1btest/terminals/TRML1/orders\x00\x07{\"a\":1}")
	for _, raw := range [][]byte{
		nil, {0x10}, {0xc0, 0}, {0xe0, 0}, {0x82, 0x09, 0, 9, 0, 4, 't', '/', '#', '/', 1}, {0x82, 6, 0, 9, 0, 1, '#', 1}, {0x82, 5, 0, 9, 0, 1, '#'},
		{0x30, 0xff, 0xff, 0xff, 0x7f}, {0x40, 2, 0, 1}, {0x62, 2, 0, 1}, {0xf0, 2, 0, 0}, publish, append([]byte{0xc0, 0}, publish...),
	} {
		for hello := range hellos {
			f.Add(byte(hello), raw)
		}
	}
	for _, raw := range [][]byte{
		append([]byte{0x82, 0x80 | 15, 0, 0, 0, 0}, hellos[1]...), append([]byte{0x02, 0x80 | 15, 0, 0, 0, 0}, hellos[1]...), {0x81, 0x81, 0, 0, 0, 0, 'x'},
		{0x82, 0x0f, 0x10}, {0x80, 0x80, 0, 0, 0, 0}, {0x89, 0x80, 1, 2, 3, 4}, {0x88, 0x82, 0, 0, 0, 0, 3, 0xe8}, {0xf2, 0x80, 0, 0, 0, 0},
		{0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0x10}, {0x89, 0xfe, 0xff, 0xff, 0, 0, 0, 0},
	} {
		f.Add(byte(web), raw)
	}
	f.Fuzz(func(t *testing.T, hello byte, raw []byte) {
		client, server := net.Pipe()
		which := int(hello) % len(hellos)
		if which == web {
			server = b.overWebSocket(server)
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			b.serve(b.admit(server))
		}()
		go func() { _, _ = io.Copy(io.Discard, client) }()
		_ = client.SetWriteDeadline(time.Now().Add(time.Minute)) // an error shows at the write
		if _, err := client.Write(hellos[which]); err != nil && len(raw) > 0 {
			t.Fatalf("a good login was not taken: %v", err)
		}
		_, _ = client.Write(raw) // it may be cut off
		_ = client.Close()
		select {
		case <-ended:
		case <-time.After(time.Minute):
			t.Fatal("the connection of a client that is gone stays open")
		}
		if n := len(b.allPeers()); n > 0 {
			t.Fatalf("%d connections are left", n)
		}
	})
}
