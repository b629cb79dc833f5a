package agent_test

import (
	"bytes"
	"context"
	"net"
	"slices"
	"sync"
	"testing/synctest"
	"time"
)

// conns notes the connections to the API.
type conns struct {
	w *world

	mu   sync.Mutex
	list []*notedConn
	// slow is how long a dial takes.
	slow time.Duration
}

// notedConn is one of them: when it was made, when an order was sent on it, and whether anything was, or our side has closed it.
type notedConn struct {
	net.Conn
	of           *conns
	made, placed time.Time
	used, closed bool
}

// noteConns notes what is dialled from the next start on.
func (w *world) noteConns() *conns {
	c := &conns{w: w}
	w.dial = c.dial
	return c
}

func (c *conns) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c.mu.Lock()
	slow := c.slow
	c.mu.Unlock()
	time.Sleep(slow)
	conn, err := c.w.ln.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	n := &notedConn{Conn: conn, of: c, made: time.Now()}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, n)
	return n, nil
}

func (n *notedConn) Write(p []byte) (int, error) {
	n.of.mu.Lock()
	n.used = true
	if bytes.Contains(p, []byte("/orders/create HTTP")) {
		n.placed = time.Now()
	}
	n.of.mu.Unlock()
	return n.Conn.Write(p)
}

func (n *notedConn) Close() error {
	n.of.mu.Lock()
	n.closed = true
	n.of.mu.Unlock()
	return n.Conn.Close()
}

// setSlow has each dial take a while from now on.
func (c *conns) setSlow(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slow = d
}

// all lists them as they are now, the oldest first.
func (c *conns) all() (list []notedConn) {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.list {
		list = append(list, *n)
	}
	return list
}

// open counts those that we have not closed.
func (c *conns) open() (n int) {
	for _, conn := range c.all() {
		if !conn.closed {
			n++
		}
	}
	return n
}

// spares lists the open ones on which nothing was sent.
func (c *conns) spares() []notedConn {
	return slices.DeleteFunc(c.all(), func(n notedConn) bool { return n.used || n.closed })
}

// placedLast is the one on which the last order was sent.
func (c *conns) placedLast() notedConn {
	return slices.MaxFunc(c.all(), func(a, b notedConn) int { return a.placed.Compare(b.placed) })
}
