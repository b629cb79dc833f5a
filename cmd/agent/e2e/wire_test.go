package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/gorilla/websocket"

	"tillpost/internal/proctest"
	"tillpost/mqtt/mqtttest"
)

// dialWebTill connects a till that speaks MQTT by itself, over a WebSocket.
func dialWebTill(ctx context.Context, addr, id string) (net.Conn, error) {
	dialer := websocket.Dialer{Subprotocols: []string{"mqtt"}, HandshakeTimeout: proctest.Patience}
	ws, response, err := dialer.DialContext(ctx, "ws://"+addr+"/mqtt", nil)
	if err != nil {
		return nil, err
	}
	_ = response.Body.Close() // it has none
	conn := &webTill{Conn: ws.NetConn(), ws: ws}
	if err := mqtttest.Greet(conn, id, 0); err != nil {
		_ = conn.Close() // why is said already
		return nil, err
	}
	return conn, nil
}

// webTill is a connection whose bytes go in WebSocket messages.
type webTill struct {
	net.Conn
	ws      *websocket.Conn
	message io.Reader
}

func (t *webTill) Write(b []byte) (int, error) {
	return len(b), t.ws.WriteMessage(websocket.BinaryMessage, b)
}

func (t *webTill) Read(b []byte) (n int, err error) {
	for n == 0 && err == nil {
		if t.message == nil {
			if _, t.message, err = t.ws.NextReader(); err != nil {
				return 0, err
			}
		}
		if n, err = t.message.Read(b); errors.Is(err, io.EOF) {
			t.message, err = nil, nil
		}
	}
	return n, err
}

// publishAll publishes in order, a few ahead of their acknowledgements, and calls acked for each that comes, in order.
// It returns when all are acknowledged or the connection ends.
func publishAll(conn net.Conn, topic string, payloads []string, acked func()) error {
	const ahead = 4
	done := 0
	for next := 0; done < len(payloads); done++ {
		for ; next < len(payloads) && next < done+ahead; next++ {
			p := &packets.PublishPacket{
				FixedHeader: packets.FixedHeader{MessageType: packets.Publish, Qos: 1},
				TopicName:   topic, MessageID: uint16(next + 1), Payload: []byte(payloads[next]),
			}
			if err := p.Write(conn); err != nil {
				return err
			}
		}
		answer, err := packets.ReadPacket(conn)
		if err != nil {
			return err
		}
		if ack, ok := answer.(*packets.PubackPacket); !ok || int(ack.MessageID) != done+1 {
			return fmt.Errorf("%v instead of the acknowledgement of %d", answer, done+1)
		}
		acked()
	}
	return nil
}
