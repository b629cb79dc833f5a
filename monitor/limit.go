package monitor

import (
	"net"
	"sync"
)

// LimitListener returns l with at most n of its connections open at once. The
// next Accept waits until one of them is closed.
func LimitListener(l net.Listener, n int) net.Listener {
	return &limitedListener{
		Listener: l,
		slots:    make(chan struct{}, n),
		closed:   make(chan struct{}),
	}
}

type limitedListener struct {
	net.Listener
	slots     chan struct{} // holds one token per open connection
	closed    chan struct{} // closed by Close, to free a waiting Accept
	closeOnce sync.Once
}

// Accept waits for a free slot, then for a connection.
func (l *limitedListener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &limitedConn{Conn: conn, slots: l.slots}, nil
}

// Close closes the listener, and not the connections accepted from it.
func (l *limitedListener) Close() error {
	l.closeOnce.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// limitedConn frees its slot once, however often it is closed.
type limitedConn struct {
	net.Conn
	slots chan struct{}
	once  sync.Once
}

func (c *limitedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { <-c.slots })
	return err
}

// CloseWrite lets net/http end an answer before it closes the connection;
// without it a client still sending might lose the answer to a reset.
func (c *limitedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
