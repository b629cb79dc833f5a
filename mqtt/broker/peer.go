package broker

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

const (
	// connectTimeout bounds the handshake of TLS and of MQTT.
	connectTimeout = 10 * time.Second
	// maxConnect bounds a CONNECT, in bytes: who is not logged in yet must
	// not make us reserve the memory of the largest packet.
	maxConnect = 8 << 10
	// peerWriteTimeout is how long a client may take for one piece of at most
	// peerPiece bytes.
	peerWriteTimeout = 10 * time.Second
	peerPiece        = 32 << 10
	// closeTimeout is how long a connection that is closed may take for what was
	// written before.
	closeTimeout = time.Second
	// maxBehind is how many bytes one client may be behind, maxBacklog all
	// together.
	maxBehind  = 1 << 20
	maxBacklog = 32 << 20
	// maxUnacked is how many messages go out with QoS 1 before the first is
	// acknowledged.
	maxUnacked = 1000
)

var (
	errTooSlow   = errors.New("the client does not read as fast as it is told things")
	errNoConnect = errors.New("the first packet is not a CONNECT of at most 8 KiB")
)

// backlog is how many bytes wait for all clients together.
type backlog struct{ bytes atomic.Int64 }

// peer is one client's connection. Writing to it never blocks: what the
// network does not take at once waits, within bounds, and a client that stays
// behind is cut off. mochi writes with a client's lock held; were its writes to
// block, one client that does not read could stop the whole agent.
type peer struct {
	net.Conn
	total *backlog
	// ended is closed when mochi is done with the connection.
	ended chan struct{}

	// These belong to the goroutine that reads.
	headerRead bool
	header     []byte
	delivering bool // a request of its is being taken
	filters    map[string]struct{}
	// received are the QoS 2 messages that it has not released yet.
	received packetIDs

	// client is set before the peer can be found by its id.
	client  *mochi.Client
	account atomic.Pointer[account]
	unacked unackedIDs

	mu       sync.Mutex
	room     sync.Cond
	pending  []byte
	writing  int
	flushing bool
	closing  bool
	err      error
}

func newPeer(conn net.Conn, total *backlog) *peer {
	p := &peer{Conn: conn, total: total, ended: make(chan struct{}), filters: map[string]struct{}{}}
	p.room.L = &p.mu
	// An error shows at the first read.
	_ = conn.SetDeadline(time.Now().Add(connectTimeout))
	return p
}

// Read watches over the length that the first packet announces.
func (p *peer) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	for _, c := range b[:n] {
		if p.headerRead {
			break
		}
		if !p.readHeaderByte(c) {
			return 0, errNoConnect
		}
	}
	return n, err
}

// readHeaderByte takes one byte of the first packet's header: its type, and then its
// length, seven bits a byte. It is false if the packet is not welcome.
func (p *peer) readHeaderByte(c byte) bool {
	if p.header = append(p.header, c); len(p.header) == 1 {
		return c>>4 == packets.Connect
	}
	if c&0x80 != 0 {
		return len(p.header) < 3
	}
	length := 0
	for i, c := range p.header[1:] {
		length |= int(c&0x7f) << (7 * i)
	}
	p.headerRead, p.header = true, nil
	return length <= maxConnect
}

// Write implements net.Conn; it takes b whole or closes the connection.
func (p *peer) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.err != nil:
		return 0, p.err
	case p.closing:
		return 0, net.ErrClosed
	}
	if len(p.pending)+p.writing+len(b) > maxBehind {
		p.fail(errTooSlow)
		return 0, errTooSlow
	}
	if p.total.bytes.Add(int64(len(b))) > maxBacklog {
		p.total.bytes.Add(-int64(len(b)))
		p.fail(errTooSlow)
		return 0, errTooSlow
	}
	p.pending = append(p.pending, b...)
	if !p.flushing {
		p.flushing = true
		go p.flush()
	}
	return len(b), nil
}

// fail ends the connection at once. The caller holds mu.
func (p *peer) fail(err error) {
	if p.err == nil {
		p.err = err
		p.total.bytes.Add(-int64(len(p.pending)))
		p.pending = nil
		p.room.Broadcast()
		_ = p.Conn.SetDeadline(time.Now()) // ends a read or a write under way
	}
}

// flush writes what is pending, and ends when nothing is.
func (p *peer) flush() {
	for {
		piece, ok := p.next()
		if !ok {
			return
		}
		_, err := p.Conn.Write(piece)
		p.mu.Lock()
		p.total.bytes.Add(-int64(len(piece)))
		p.writing = 0
		if err != nil {
			p.fail(err)
		}
		p.room.Broadcast()
		p.mu.Unlock()
	}
}

// next is the next piece to write. Without one, a connection that waits to be
// closed is.
func (p *peer) next() ([]byte, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil || len(p.pending) == 0 {
		p.pending = nil
		if p.closing {
			p.mu.Unlock()
			_ = p.Conn.Close() // nobody is left to tell
			p.mu.Lock()
		}
		p.flushing = false
		p.room.Broadcast()
		return nil, false
	}
	n := min(len(p.pending), peerPiece)
	piece := p.pending[:n:n]
	p.pending, p.writing = p.pending[n:], n
	limit := peerWriteTimeout
	if p.closing {
		limit = closeTimeout
	}
	_ = p.SetWriteDeadline(time.Now().Add(limit)) // an error shows at the write
	return piece, true
}

// waitForRoom waits until the client has taken most of what it was told. It is
// false if the connection has ended.
func (p *peer) waitForRoom() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.pending)+p.writing > maxBehind/4 && p.err == nil && !p.closing {
		p.room.Wait()
	}
	return p.err == nil && !p.closing
}

// Close ends the reading at once; what was written before still goes out, for
// it may be the reason why. It does not wait for that, nor for what TLS and
// WebSockets have to say at the end.
func (p *peer) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return nil
	}
	p.closing = true
	p.room.Broadcast()
	_ = p.SetReadDeadline(time.Now())
	_ = p.SetWriteDeadline(time.Now().Add(closeTimeout))
	if !p.flushing {
		p.flushing = true
		go p.flush()
	}
	return nil
}

// waitClosed waits until Close is done.
func (p *peer) waitClosed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.flushing {
		p.room.Wait()
	}
}

// SetDeadline bounds reading only.
func (p *peer) SetDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing || p.err != nil {
		return net.ErrClosed
	}
	return p.SetReadDeadline(t)
}

// gone reports whether the connection has ended for us.
func (p *peer) gone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closing || p.err != nil
}

// reason is why the connection was cut off by us, nil if it was not.
func (p *peer) reason() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}
