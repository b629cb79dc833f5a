package simulator

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
)

// SetDown cuts the API off and brings it back. While it is down, calls get their
// connection closed without a reply, calls in progress included (they may have
// acted), and listeners made by [Simulator.Listen] and [Simulator.ListenPipe] refuse
// connections. Customers go on: a card can be held to a terminal while the
// till has no network.
func (s *Simulator) SetDown(down bool) error {
	s.mu.Lock()
	s.down = down
	ls := s.listeners
	s.mu.Unlock()
	var errs []error
	for _, l := range ls {
		errs = append(errs, l.setDown(down))
	}
	return errors.Join(errs...)
}

// Listener is a net.Listener that follows SetDown. Its methods may be called from
// any goroutine; Close is for good, and whoever asked for the listener (usually
// an http.Server) calls it.
type Listener struct {
	addr   net.Addr
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once

	mu       sync.Mutex
	refusing bool
	tcp      net.Listener // nil for pipes, and while it is down
	open     map[net.Conn]struct{}
}

// Listen listens on a TCP address. While the simulator is down the port itself is
// closed, so that connections are refused before a byte is sent, and connections
// that stand are closed.
func (s *Simulator) Listen(ctx context.Context, addr string) (*Listener, error) {
	var lc net.ListenConfig
	tcp, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	l := s.newListener(tcp.Addr())
	l.tcp = tcp
	go l.accept(tcp)
	return l, s.follow(l)
}

// ListenPipe returns a listener without a network: DialContext connects to it over
// net.Pipe. Made in a synctest bubble it works in the bubble, with an http.Server
// on it and DialContext as the client's dialler.
func (s *Simulator) ListenPipe() *Listener {
	l := s.newListener(pipeAddr{})
	_ = s.follow(l) // only TCP can fail
	return l
}

func (s *Simulator) newListener(addr net.Addr) *Listener {
	return &Listener{
		addr: addr, conns: make(chan net.Conn), closed: make(chan struct{}), open: map[net.Conn]struct{}{},
	}
}

// follow makes a listener follow SetDown.
func (s *Simulator) follow(l *Listener) error {
	s.mu.Lock()
	s.listeners = append(s.listeners, l)
	down := s.down
	s.mu.Unlock()
	return l.setDown(down)
}

// accept passes on the connections of one TCP listener until that is closed.
func (l *Listener) accept(tcp net.Listener) {
	for {
		c, err := tcp.Accept()
		if err != nil {
			return
		}
		if !l.pass(context.Background(), c) {
			_ = c.Close()
		}
	}
}

// pass passes a connection to Accept, and returns false if it can't.
func (l *Listener) pass(ctx context.Context, c net.Conn) bool {
	l.mu.Lock()
	if l.refusing {
		l.mu.Unlock()
		return false
	}
	l.open[c] = struct{}{}
	l.mu.Unlock()
	select {
	case l.conns <- &conn{Conn: c, of: l}:
		return true
	case <-l.closed:
	case <-ctx.Done():
	}
	l.forget(c)
	return false
}

func (l *Listener) forget(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
}

// setDown closes or opens the port. Opening again can fail, if another program has
// taken the port in the meantime.
func (l *Listener) setDown(down bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if down == l.refusing {
		return nil
	}
	select {
	case <-l.closed:
		return nil
	default:
	}
	l.refusing = down
	if down {
		for c := range l.open {
			_ = c.Close()
			delete(l.open, c)
		}
		if l.tcp != nil {
			return l.tcp.Close()
		}
		return nil
	}
	if l.tcp == nil {
		return nil
	}
	var lc net.ListenConfig
	tcp, err := lc.Listen(context.Background(), "tcp", l.addr.String())
	if err != nil {
		l.refusing = true
		return err
	}
	l.tcp = tcp
	go l.accept(tcp)
	return nil
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. Connections that were accepted stay open.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tcp != nil && !l.refusing {
		l.refusing = true
		return l.tcp.Close()
	}
	return nil
}

// Addr implements net.Listener.
func (l *Listener) Addr() net.Addr { return l.addr }

// DialContext connects to a listener made by ListenPipe, whatever the address; it
// fits http.Transport. While the simulator is down the connection is refused.
func (l *Listener) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	if l.pass(ctx, server) {
		return client, nil
	}
	_, _ = client.Close(), server.Close()
	err := ctx.Err()
	if err == nil {
		err = syscall.ECONNREFUSED
	}
	return nil, &net.OpError{Op: "dial", Net: "pipe", Addr: l.addr, Err: err}
}

// conn is a connection that its listener keeps track of until it is closed.
type conn struct {
	net.Conn
	of *Listener
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.of.forget(c.Conn)
	return c.Conn.Close()
}

// pipeAddr is the address of a pipe.
type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }
