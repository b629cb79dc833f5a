package mqtttest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// Dial connects to a broker, and greets it; see Greet.
func Dial(ctx context.Context, addr, id string, keepalive time.Duration, filters ...string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if err := Greet(conn, id, keepalive, filters...); err != nil {
		_ = conn.Close() // why is said already
		return nil, err
	}
	return conn, nil
}

// Greet connects a client that speaks MQTT by itself: what counts as acknowledged is then what came over the wire, where
// a client library may take a lost connection for a success. It subscribes with the packet id 1, if there are filters,
// and leaves the answer to that to be read. The broker hangs up on a client that is silent for longer than keepalive; 0
// is for ever.
func Greet(conn net.Conn, id string, keepalive time.Duration, filters ...string) error {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	hello := &packets.ConnectPacket{
		FixedHeader:  packets.FixedHeader{MessageType: packets.Connect},
		ProtocolName: "MQTT", ProtocolVersion: 4, CleanSession: true, ClientIdentifier: id, Keepalive: uint16(keepalive / time.Second),
	}
	if err := hello.Write(conn); err != nil {
		return err
	}
	answer, err := packets.ReadPacket(conn)
	if err != nil {
		return err
	}
	if ack, ok := answer.(*packets.ConnackPacket); !ok || ack.ReturnCode != packets.Accepted {
		return fmt.Errorf("not let in: %v", answer)
	}
	if len(filters) > 0 {
		err = subscribe(conn, filters)
	}
	return errors.Join(err, conn.SetDeadline(time.Time{}))
}

func subscribe(conn net.Conn, filters []string) error {
	sub := &packets.SubscribePacket{
		FixedHeader: packets.FixedHeader{MessageType: packets.Subscribe, Qos: 1},
		MessageID:   1, Topics: filters, Qoss: make([]byte, len(filters)),
	}
	for i := range filters {
		sub.Qoss[i] = 1
	}
	return sub.Write(conn)
}
