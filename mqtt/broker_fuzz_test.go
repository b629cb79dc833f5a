package mqtt

import (
	"io"
	"log/slog"
	"net"
	"testing"
	"time"
)

// FuzzBroker sends any bytes to the embedded broker, before a login or after one, and holds that they end no more than
// the connection that they came on.
func FuzzBroker(f *testing.F) {
	b, err := NewBroker(BrokerOptions{
		Listen: "127.0.0.1:0", Topics: Topics{Prefix: "test"}, CloseGrace: 50 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
	}, Handlers{Deliver: func(d Delivery) { d.Ack() }, Up: func() {}, Down: func(error) {}})
	if err != nil {
		f.Fatal(err)
	}
	b.up.Store(true)
	hellos := [][]byte{nil, []byte("\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01f"), []byte("\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01f")}
	publish := []byte("\x32\x26\x00\x1btest/terminals/TRML1/orders\x00\x07{\"a\":1}")
	for _, raw := range [][]byte{
		nil, {0x10}, {0xc0, 0}, {0xe0, 0}, {0x82, 0x09, 0, 9, 0, 4, 't', '/', '#', '/', 1}, {0x82, 6, 0, 9, 0, 1, '#', 1}, {0x82, 5, 0, 9, 0, 1, '#'},
		{0x30, 0xff, 0xff, 0xff, 0x7f}, {0x40, 2, 0, 1}, {0x62, 2, 0, 1}, {0xf0, 2, 0, 0}, publish, append([]byte{0xc0, 0}, publish...),
	} {
		for hello := range hellos {
			f.Add(byte(hello), raw)
		}
	}
	f.Fuzz(func(t *testing.T, hello byte, raw []byte) {
		client, server := net.Pipe()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			b.serve(b.admit(server))
		}()
		go func() { _, _ = io.Copy(io.Discard, client) }()
		_ = client.SetWriteDeadline(time.Now().Add(time.Minute)) // an error shows at the write
		if _, err := client.Write(hellos[int(hello)%len(hellos)]); err != nil && len(raw) > 0 {
			t.Fatalf("a good login was not taken: %v", err)
		}
		_, _ = client.Write(raw) // it may be cut off
		_ = client.Close()
		select {
		case <-ended:
		case <-time.After(time.Minute):
			t.Fatal("the connection of a client that is gone stays open")
		}
		if n := len(b.everybody()); n > 0 {
			t.Fatalf("%d connections are left", n)
		}
	})
}
