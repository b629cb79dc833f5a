package mqtttest

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
)

// Proxy stands between a client and a TCP server, and breaks what is between them.
type Proxy struct {
	listener net.Listener
	target   string
	ctx      context.Context
	done     sync.WaitGroup

	mu     sync.Mutex
	closed bool
	refuse bool
	conns  map[net.Conn]bool
	// open is closed while bytes may pass.
	open chan struct{}
}

// NewProxy listens on a free port of the loopback interface and forwards to target, until the test ends.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listening for the proxy: %v", err)
	}
	open := make(chan struct{})
	close(open)
	p := &Proxy{listener: listener, target: target, ctx: t.Context(), conns: make(map[net.Conn]bool), open: open}
	p.done.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

// Addr returns what to connect to instead of the target.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Cut closes all connections that stand.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		_ = conn.Close()
	}
}

// Refuse closes each new connection at once, or no longer.
func (p *Proxy) Refuse(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = on
}

// Hold lets no byte pass in either direction, without closing anything, as
// when a cable is pulled; or lets them pass again, none lost.
func (p *Proxy) Hold(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.open:
		if on {
			p.open = make(chan struct{})
		}
	default:
		if !on {
			close(p.open)
		}
	}
}

func (p *Proxy) gate() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := (&net.Dialer{}).DialContext(p.ctx, "tcp", p.target)
		if err != nil || !p.keep(client, server) {
			_ = client.Close()
			if server != nil {
				_ = server.Close()
			}
			continue
		}
		gone := make(chan struct{})
		var once sync.Once
		for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
			p.done.Go(func() {
				p.copy(way[0], way[1], gone)
				once.Do(func() { close(gone) })
				p.forget(client, server)
			})
		}
	}
}

func (p *Proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.refuse {
		return false
	}
	for _, conn := range conns {
		p.conns[conn] = true
	}
	return true
}

func (p *Proxy) forget(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range conns {
		_ = conn.Close()
		delete(p.conns, conn)
	}
}

// copy forwards one direction; gone ends a wait for the other direction's end.
func (p *Proxy) copy(from io.Reader, to io.Writer, gone <-chan struct{}) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			select {
			case <-p.gate():
			case <-gone:
				return
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_ = p.listener.Close()
	p.Hold(false)
	p.Cut()
	p.done.Wait()
}
