package e2e

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// dialTill connects a till that speaks MQTT by itself: what counts as acknowledged is what came over the wire, where a
// client library may take a lost connection for a success.
func dialTill(ctx context.Context, addr, id string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: soon}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	if err := greet(conn, id); err != nil {
		_ = conn.Close() // why is said already
		return nil, err
	}
	return conn, nil
}

func greet(conn net.Conn, id string) error {
	if err := conn.SetDeadline(time.Now().Add(soon)); err != nil {
		return err
	}
	hello := &packets.ConnectPacket{
		FixedHeader:  packets.FixedHeader{MessageType: packets.Connect},
		ProtocolName: "MQTT", ProtocolVersion: 4, CleanSession: true, ClientIdentifier: id,
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
	return conn.SetDeadline(time.Time{})
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
