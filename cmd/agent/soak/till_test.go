package soak

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"tillpost/internal/shoptest"
	"tillpost/mqtt/mqtttest"
)

const (
	// resendAfter is when a till publishes again a request of which it has no status.
	resendAfter = 5 * time.Second
	// outstanding is how many requests a till has under way at once to a broker that keeps their order or breaks the
	// connection. Another one may lose the first of two, and then only a till that waits has them taken in order.
	outstanding = 4
	patience    = 5 * time.Second
	// keepalive is what tills promise: they ping each second.
	keepalive = 10 * time.Second
)

// till is one till as the guide for their developers wants it: it publishes in order, and publishes again what it
// has no status of. It speaks MQTT by itself, so that what counts as acknowledged is what came over the wire.
type till struct {
	terminal string
	addr     string
	books    *books
	// acked says that the acknowledgement is the promise, as with the embedded broker.
	ackIsPromise bool

	mu      sync.Mutex
	out     []*asking
	session int
	asked   map[uint16]*request // in this session
	last    uint16
	conn    net.Conn
}

// asking is a request that the till was not promised yet, and when it asked last.
type asking struct {
	*request
	session int
	at      time.Time
}

func newTill(s *shop, i int) *till {
	return &till{terminal: terminal(i), addr: s.Broker, books: s.books, ackIsPromise: s.Embedded()}
}

// put has the till publish a request after those before it.
func (t *till) put(r *request) {
	t.books.add(r)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.out = append(t.out, &asking{request: r})
}

// waiting counts what the till has not been promised yet.
func (t *till) waiting() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tidy()
	return len(t.out)
}

func (t *till) tidy() {
	t.out = slices.DeleteFunc(t.out, func(a *asking) bool { return t.books.promised(a.request, t.ackIsPromise) })
}

// run connects again and again until ctx ends.
func (t *till) run(ctx context.Context) {
	for ctx.Err() == nil {
		_ = t.connected(ctx) // the broker is away, or was
		sleep(ctx, 50*time.Millisecond)
	}
}

// connected is one connection from its begin to its end.
func (t *till) connected(ctx context.Context) error {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", t.addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if err := mqtttest.Greet(conn, "soak-"+t.terminal, keepalive, shoptest.Topic(t.terminal, "status/+"), shoptest.Prefix+"/rejects"); err != nil {
		return err
	}
	t.mu.Lock()
	t.conn, t.asked = conn, map[uint16]*request{}
	t.session++
	t.mu.Unlock()
	ended := make(chan error, 1)
	go func() { ended <- t.read(conn) }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	pinged := time.Now()
	for {
		select {
		case err := <-ended:
			return err
		case <-tick.C:
		}
		if time.Since(pinged) > time.Second {
			pinged = time.Now()
			if err := t.write(packets.NewControlPacket(packets.Pingreq)); err != nil {
				return err
			}
		}
		if err := t.publish(); err != nil {
			return err
		}
	}
}

func (t *till) write(p packets.ControlPacket) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	_ = t.conn.SetWriteDeadline(time.Now().Add(patience)) // an error shows at the write
	return p.Write(t.conn)
}

// publish sends what is new, what the last connection may not have carried, and what was not answered in time.
func (t *till) publish() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tidy()
	window := 1
	if t.ackIsPromise {
		window = outstanding
	}
	for _, r := range t.out[:min(len(t.out), window)] {
		if r.session == t.session && time.Since(r.at) < resendAfter {
			continue
		}
		p, ok := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
		if !ok {
			return errors.New("not a PUBLISH")
		}
		t.last++
		if t.last < 2 {
			t.last = 2 // 0 is no id, 1 the subscription's
		}
		p.Qos, p.MessageID, p.TopicName, p.Payload = 1, t.last, shoptest.Topic(t.terminal, r.segment), []byte(r.payload)
		r.session, r.at = t.session, time.Now()
		t.asked[t.last] = r.request
		_ = t.conn.SetWriteDeadline(time.Now().Add(patience)) // an error shows at the write
		if err := p.Write(t.conn); err != nil {
			return err
		}
	}
	return nil
}

// read takes what comes until the connection ends.
func (t *till) read(conn net.Conn) error {
	for {
		_ = conn.SetReadDeadline(time.Now().Add(2 * patience)) // an error shows at the read
		packet, err := packets.ReadPacket(conn)
		if err != nil {
			return err
		}
		switch p := packet.(type) {
		case *packets.PubackPacket:
			t.mu.Lock()
			if r := t.asked[p.MessageID]; r != nil {
				t.books.acked(r)
			}
			t.mu.Unlock()
		case *packets.PublishPacket:
			t.books.heard(p.TopicName, p.Payload)
			if p.Qos == 0 {
				continue
			}
			ack, ok := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
			if !ok {
				return errors.New("not a PUBACK")
			}
			ack.MessageID = p.MessageID
			if err := t.write(ack); err != nil {
				return err
			}
		}
	}
}

// needsStaff reports whether nobody but a person can go on with a request.
func needsStaff(s shoptest.Status) bool {
	return s.State == "unresolved" || s.State == "in_doubt" && s.Waits() == "needs_staff"
}
