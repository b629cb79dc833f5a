package broker_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/mochi-mqtt/server/v2/packets"

	"tillpost/internal/certtest"
	"tillpost/internal/proctest"
	"tillpost/mqtt/broker"
	"tillpost/mqtt/mqtttest"
)

// overWebSockets has a broker listen for browsers too.
func overWebSockets(o *broker.Options) { o.WebSocketListen = "127.0.0.1:0" }

// frames is a client's end of a WebSocket. step is how many bytes it puts into a
// message.
type frames struct {
	net.Conn
	ws      *websocket.Conn
	step    int
	message io.Reader
}

func (f *frames) Write(b []byte) (int, error) {
	for piece := b; len(piece) > 0; {
		n := min(len(piece), f.step)
		if err := f.ws.WriteMessage(websocket.BinaryMessage, piece[:n]); err != nil {
			return 0, err
		}
		piece = piece[n:]
	}
	return len(b), nil
}

func (f *frames) Read(b []byte) (int, error) {
	for {
		if f.message == nil {
			_, message, err := f.ws.NextReader()
			if err != nil {
				return 0, err
			}
			f.message = message
		}
		n, err := f.message.Read(b)
		if errors.Is(err, io.EOF) {
			f.message, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

var tillDialer = websocket.Dialer{Subprotocols: []string{"mqtt"}}

func dialWebSocket(t *testing.T, b *broker.Broker, version byte, step int) *wire {
	t.Helper()
	ws, response, err := tillDialer.Dial("ws://"+b.WebSocketAddr()+"/mqtt", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if ws.Subprotocol() != "mqtt" {
		t.Errorf("the subprotocol is %q", ws.Subprotocol())
	}
	conn := ws.NetConn()
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(proctest.Patience)); err != nil {
		t.Fatal(err)
	}
	return &wire{t, &frames{Conn: conn, ws: ws, step: step}, version}
}

// TestWebSocketSpeaksMQTT: the same promise as over TCP, however the packets lie
// in the messages.
func TestWebSocketSpeaksMQTT(t *testing.T) {
	t.Parallel()
	b := startBroker(t, overWebSockets)
	b.publish("test/agent", "online")
	for _, version := range versions {
		for _, step := range []int{1, 3, 1 << 20} {
			w := dialWebSocket(t, b.Broker, version, step)
			w.hello(nil)
			w.subscribe("test/agent", nil)
			if pk, ok := w.read(); !ok || string(pk.Payload) != "online" || !pk.FixedHeader.Retain {
				t.Fatalf("%+v", pk.FixedHeader)
			}
			w.acknowledge(packets.Puback, 1)
			w.publish("test/terminals/T1/orders", []byte("order"), 1, nil)
			d := mqtttest.Receive(t, b.deliveries)
			w.write([]byte{packets.Pingreq << 4, 0})
			b.roundTrip()
			d.Ack() // nothing is answered before this
			w.expect(packets.Puback, 7, 0)
			w.expect(packets.Pingresp, 0, 0)
			// Several packets in one message.
			two := bytes.Repeat([]byte{packets.Pingreq << 4, 0}, 2)
			w.write(two)
			w.expect(packets.Pingresp, 0, 0)
			w.expect(packets.Pingresp, 0, 0)
			// The write fails: no acknowledgement, and the end.
			w.publish("test/terminals/T1/orders", []byte("order"), 1, nil)
			mqtttest.Receive(t, b.deliveries).Fail(io.ErrShortWrite)
			w.closed("a failed write")
			if f := w.conn.(*frames); !websocket.IsCloseError(closing(f.ws), websocket.CloseNormalClosure) {
				t.Errorf("the browser is not told that it is over: %v", closing(f.ws))
			}
		}
	}
}

func closing(ws *websocket.Conn) error {
	_, _, err := ws.NextReader()
	return err
}

// TestWebSocketLarge: a large request goes in, and a large message out.
func TestWebSocketLarge(t *testing.T) {
	t.Parallel()
	b := startBroker(t, overWebSockets)
	w := dialWebSocket(t, b.Broker, 4, 1<<20)
	w.hello(nil)
	w.subscribe("test/#", nil)
	payload := strings.Repeat("x", 300_000)
	w.publish("test/terminals/T1/orders", []byte(payload), 1, nil)
	d := mqtttest.Receive(t, b.deliveries)
	if len(d.Payload) != len(payload) {
		t.Errorf("%d bytes came", len(d.Payload))
	}
	d.Ack()
	w.expect(packets.Puback, 7, 0)
	b.publish("test/agent", payload)
	if pk, ok := w.read(); !ok || string(pk.Payload) != payload {
		t.Errorf("%d bytes came", len(pk.Payload))
	}
	w.write([]byte{packets.Publish<<4 | 2, 0xff, 0xff, 0x7f})
	w.closed("a packet of 2 MiB")
}

// TestWebSocketFrames are what a WebSocket may bring beside MQTT.
func TestWebSocketFrames(t *testing.T) {
	t.Parallel()
	b := startBroker(t, overWebSockets)
	w := dialWebSocket(t, b.Broker, 4, 1<<20)
	w.hello(nil)
	ws := w.conn.(*frames).ws
	pong := make(chan string, 1)
	ws.SetPongHandler(func(said string) error { pong <- said; return nil })
	if err := ws.WriteControl(websocket.PingMessage, []byte("there?"), time.Now().Add(proctest.Patience)); err != nil {
		t.Fatal(err)
	}
	w.write([]byte{packets.Pingreq << 4, 0})
	w.expect(packets.Pingresp, 0, 0)
	if got := mqtttest.Receive(t, pong); got != "there?" {
		t.Errorf("the pong is %q", got)
	}
	if err := ws.WriteMessage(websocket.BinaryMessage, nil); err != nil {
		t.Fatal(err)
	}
	w.write([]byte{packets.Pingreq << 4, 0}) // behind an empty message
	w.expect(packets.Pingresp, 0, 0)
	if err := ws.WriteMessage(websocket.TextMessage, []byte{packets.Pingreq << 4, 0}); err != nil {
		t.Fatal(err)
	}
	w.closed("a text message")

	gone := dialWebSocket(t, b.Broker, 4, 1<<20)
	gone.hello(func(pk *packets.Packet) {
		pk.Connect.WillFlag, pk.Connect.WillTopic, pk.Connect.WillPayload = true, "shop/x", []byte("gone")
	})
	reader := dialWebSocket(t, b.Broker, 4, 1<<20)
	reader.hello(nil)
	reader.subscribe("shop/#", nil)
	_ = gone.conn.(*frames).ws.WriteControl(websocket.CloseMessage, nil, time.Now().Add(proctest.Patience))
	if pk, ok := reader.read(); !ok || string(pk.Payload) != "gone" {
		t.Errorf("a page that was left has no last will: %+v", pk.FixedHeader)
	}
}

const opening = "Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

// TestWebSocketDoor is what a WebSocket may begin with, and who is let in.
func TestWebSocketDoor(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(o *broker.Options) {
		overWebSockets(o)
		o.WebSocketOrigins = []string{"https://till.shop.example", "http://localhost:8080"}
	})
	for _, tt := range []struct {
		name, said string
		want       int // 0 is the end without an answer
	}{
		{"no browser", "GET /mqtt HTTP/1.1\r\n" + opening + "Sec-WebSocket-Protocol: mqtt\r\n\r\n", 101},
		{"a query", "GET /mqtt?x=1 HTTP/1.1\r\n" + opening + "Sec-WebSocket-Protocol: mqttv3.1, mqtt\r\n\r\n", 101},
		{"an origin", "GET /mqtt HTTP/1.1\r\n" + opening + "Origin: https://till.shop.example\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n", 101},
		{"an origin with a port", "GET /mqtt HTTP/1.1\r\n" + opening + "Origin: http://localhost:8080\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n", 101},
		{"another scheme", "GET /mqtt HTTP/1.1\r\n" + opening + "Origin: http://till.shop.example\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n", 403},
		{"another port", "GET /mqtt HTTP/1.1\r\n" + opening + "Origin: http://localhost:8081\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n", 403},
		{"no port", "GET /mqtt HTTP/1.1\r\n" + opening + "Origin: http://localhost\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n", 403},
		{"a host below", "GET /mqtt HTTP/1.1\r\n" + opening + "Origin: https://x.till.shop.example\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n", 403},
		{"a host that begins so", "GET /mqtt HTTP/1.1\r\n" + opening + "Origin: https://till.shop.example.evil.example\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n", 403},
		{"a file", "GET /mqtt HTTP/1.1\r\n" + opening + "Origin: null\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n", 403},
		{"an empty origin", "GET /mqtt HTTP/1.1\r\n" + opening + "Origin: \r\nSec-WebSocket-Protocol: mqtt\r\n\r\n", 403},
		{"a second origin", "GET /mqtt HTTP/1.1\r\n" + opening + "Origin: https://till.shop.example\r\nOrigin: https://evil.example\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n", 403},
		{"its own host as origin", "GET /mqtt HTTP/1.1\r\n" + opening + "Origin: http://x\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n", 403},
		{"no subprotocol", "GET /mqtt HTTP/1.1\r\n" + opening + "\r\n", 400},
		{"another subprotocol", "GET /mqtt HTTP/1.1\r\n" + opening + "Sec-WebSocket-Protocol: mqttv3.1\r\n\r\n", 400},
		{"another path", "GET / HTTP/1.1\r\n" + opening + "Sec-WebSocket-Protocol: mqtt\r\n\r\n", 404},
		{"a path below", "GET /mqtt/x HTTP/1.1\r\n" + opening + "Sec-WebSocket-Protocol: mqtt\r\n\r\n", 404},
		{"a page", "GET /mqtt HTTP/1.1\r\nHost: x\r\n\r\n", 426},
		{"a POST", "POST /mqtt HTTP/1.1\r\n" + opening + "Sec-WebSocket-Protocol: mqtt\r\n\r\n", 405},
		{"an old version", "GET /mqtt HTTP/1.1\r\n" + strings.Replace(opening, "13", "8", 1) + "Sec-WebSocket-Protocol: mqtt\r\n\r\n", 400},
		{"too much", "GET /mqtt HTTP/1.1\r\n" + opening + "X: " + strings.Repeat("x", 17<<10) + "\r\n\r\n", 0},
		{"MQTT without a WebSocket", "\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01x\r\n\r\n", 0},
	} {
		conn, err := net.Dial("tcp", b.WebSocketAddr())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(proctest.Patience)) // an error shows at the read
		if _, err := io.WriteString(conn, tt.said); err != nil {
			t.Fatal(err)
		}
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		switch {
		case tt.want == 0 && err == nil:
			t.Errorf("%s: %s", tt.name, response.Status)
		case tt.want != 0 && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.want != 0 && response.StatusCode != tt.want:
			t.Errorf("%s: %s, want %d", tt.name, response.Status, tt.want)
		}
		if err == nil {
			_ = response.Body.Close()
		}
		_ = conn.Close()
	}
	if !strings.Contains(b.log.String(), "origin=https://till.shop.example.evil.example") {
		t.Error("the log does not name the origin that was refused")
	}
}

// TestWebSocketUsers: users, their rights and the bound on connections are those
// of all clients.
func TestWebSocketUsers(t *testing.T) {
	t.Parallel()
	b, _ := startWithUsersAnd(t, roles+user(t, "till-1", "till", `"T1"`), func(o *broker.Options) {
		overWebSockets(o)
		o.MaxConnections = 2
	})
	till := func(password string) func(*packets.Packet) {
		return func(pk *packets.Packet) {
			pk.Connect.UsernameFlag, pk.Connect.Username = true, []byte("till-1")
			pk.Connect.PasswordFlag, pk.Connect.Password = true, []byte(password)
		}
	}
	w := dialWebSocket(t, b.Broker, 5, 1<<20)
	if ack := w.hello(till("wrong")); ack.ReasonCode != 0x86 {
		t.Errorf("a wrong password: %#x", ack.ReasonCode)
	}
	w.closed("a wrong password")
	for {
		w = dialWebSocket(t, b.Broker, 5, 1<<20)
		if ack := w.hello(till("secret of till-1")); ack.ReasonCode == 0 {
			break
		}
	}
	w.publish("test/agent", []byte("x"), 1, nil)
	w.expect(packets.Puback, 7, 0x87)
	dialWire(t, b.Broker, 4) // counts, though it has said nothing
	for {                    // until it is let in
		conn, err := net.Dial("tcp", b.WebSocketAddr())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(proctest.Patience)) // an error shows at the read
		_, _ = io.WriteString(conn, "GET /mqtt HTTP/1.1\r\n"+opening+"Sec-WebSocket-Protocol: mqtt\r\n\r\n")
		n, _ := conn.Read(make([]byte, 1))
		_ = conn.Close()
		if n == 0 {
			return
		}
	}
}

// TestWebSocketTLS: the certificate is the broker's one.
func TestWebSocketTLS(t *testing.T) {
	t.Parallel()
	cert := certtest.New(t, certtest.Options{})
	b := startBroker(t, func(o *broker.Options) { overWebSockets(o); o.CertFile, o.KeyFile = cert.CertFile, cert.KeyFile })
	dialer := tillDialer
	dialer.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // whose certificate it is, is looked at below
	ws, response, err := dialer.Dial("wss://"+b.WebSocketAddr()+"/mqtt", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	w := &wire{t, &frames{Conn: ws.NetConn(), ws: ws, step: 1 << 20}, 4}
	t.Cleanup(func() { _ = ws.Close() })
	w.hello(nil)
	shown, tcp := ws.NetConn().(*tls.Conn), tls.Config{InsecureSkipVerify: true}
	plain, err := tls.Dial("tcp", b.Addr(), &tcp)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if !shown.ConnectionState().PeerCertificates[0].Equal(plain.ConnectionState().PeerCertificates[0]) {
		t.Error("it shows another certificate")
	}
	if _, response, err := tillDialer.Dial("ws://"+b.WebSocketAddr()+"/mqtt", nil); err == nil {
		_ = response.Body.Close()
		t.Error("it speaks without TLS too")
	}
}

// TestWebSocketSlowReader: a page that reads nothing is cut off like any client.
func TestWebSocketSlowReader(t *testing.T) {
	t.Parallel()
	b := startBroker(t, overWebSockets)
	slow := dialWebSocket(t, b.Broker, 4, 1<<20)
	slow.hello(nil)
	slow.subscribe("test/#", nil)
	payload := strings.Repeat("x", 10_000)
	for !strings.Contains(b.log.String(), "was cut off") {
		b.publish("test/agent", payload)
	}
}
