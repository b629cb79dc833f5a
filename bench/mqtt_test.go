package bench

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
)

// till is the least of an MQTT 3.1.1 client, so that on a machine of few cores the tills don't cost more than what is
// measured. It is for one goroutine.
type till struct {
	conn   net.Conn
	reader *bufio.Reader
	out    []byte
}

const (
	packetConnack, packetPublish, packetPuback, packetSuback = 2, 3, 4, 9
	qos1                                                     = 1 << 1
)

func connect(tb testing.TB, addr, id string) *till {
	tb.Helper()
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	return greet(tb, conn, id)
}

// greet logs in over a connection, which ends with the benchmark.
func greet(tb testing.TB, conn net.Conn, id string) *till {
	tb.Helper()
	tb.Cleanup(func() { _ = conn.Close() })
	c, err := hello(conn, id)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// hello logs in over a connection.
func hello(conn net.Conn, id string) (*till, error) {
	c := &till{conn: conn, reader: bufio.NewReaderSize(conn, 64<<10)}
	const cleanSession = 2
	if err := c.write(1<<4, text(nil, "MQTT"), []byte{4, cleanSession, 0, 0}, text(nil, id)); err != nil {
		return nil, err
	}
	kind, _, err := c.read()
	if err == nil && kind>>4 != packetConnack {
		err = fmt.Errorf("packet %d instead of a welcome", kind>>4)
	}
	return c, err
}

func text(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

func (c *till) write(kind byte, parts ...[]byte) error {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	c.out = binary.AppendUvarint(append(c.out[:0], kind), uint64(n)) // MQTT's lengths are varints
	for _, p := range parts {
		c.out = append(c.out, p...)
	}
	_, err := c.conn.Write(c.out)
	return err
}

func (c *till) read() (kind byte, body []byte, err error) {
	if kind, err = c.reader.ReadByte(); err != nil {
		return 0, nil, err
	}
	n, err := binary.ReadUvarint(c.reader)
	if err != nil || n > 1<<20 {
		return 0, nil, errors.Join(err, fmt.Errorf("a packet of %d bytes", n))
	}
	body = make([]byte, n)
	_, err = io.ReadFull(c.reader, body)
	return kind, body, err
}

// publish sends with QoS 1 and waits for the acknowledgement.
func (c *till) publish(topic string, payload []byte) error {
	if err := c.write(packetPublish<<4|qos1, text(nil, topic), []byte{0, 1}, payload); err != nil {
		return err
	}
	kind, _, err := c.read()
	if err == nil && kind>>4 != packetPuback {
		err = fmt.Errorf("packet %d instead of an acknowledgement", kind>>4)
	}
	return err
}

// subscribe asks for a filter with QoS 0 and waits for the answer; what comes then is for messages.
func (c *till) subscribe(filter string) error {
	if err := c.write(8<<4|2, []byte{0, 1}, text(nil, filter), []byte{0}); err != nil {
		return err
	}
	kind, _, err := c.read()
	if err == nil && kind>>4 != packetSuback {
		err = fmt.Errorf("packet %d instead of an answer to a subscription", kind>>4)
	}
	return err
}

// messages hands on what comes until the connection ends.
func (c *till) messages(fn func(topic string, payload []byte)) {
	for {
		kind, body, err := c.read()
		if err != nil {
			return
		}
		if kind>>4 != packetPublish || len(body) < 2 {
			continue
		}
		n := int(binary.BigEndian.Uint16(body))
		if kind&qos1 == 0 && len(body) >= 2+n {
			fn(string(body[2:2+n]), body[2+n:])
		}
	}
}
