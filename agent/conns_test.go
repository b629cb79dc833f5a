package agent_test

import (
	"context"
	"net"
	"sync"
)

// conns notes the connections to the API.
type conns struct {
	w *world

	mu   sync.Mutex
	list []*notedConn
}

// notedConn is one of them, and whether our side has closed it.
type notedConn struct {
	net.Conn
	of     *conns
	closed bool
}

// noteConns notes what is dialled from the next start on.
func (w *world) noteConns() *conns {
	c := &conns{w: w}
	w.dial = c.dial
	return c
}

func (c *conns) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := c.w.ln.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	n := &notedConn{Conn: conn, of: c}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, n)
	return n, nil
}

func (n *notedConn) Close() error {
	n.of.mu.Lock()
	n.closed = true
	n.of.mu.Unlock()
	return n.Conn.Close()
}

// open counts the connections that we have not closed.
func (c *conns) open() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, conn := range c.list {
		if !conn.closed {
			n++
		}
	}
	return n
}
