package broker

import (
	"encoding/binary"
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
	// maxConnect bounds a CONNECT, in bytes: a client that is not logged in yet
	// must not make us allocate the memory of the largest packet.
	maxConnect = 8 << 10
	// peerWriteTimeout is how long a client may take for one piece of at most peerPiece bytes.
	peerWriteTimeout = 10 * time.Second
	peerPiece        = 32 << 10
	// closeTimeout is how long a connection that is closed may take for what was written before.
	closeTimeout = time.Second
	// maxBehind is how many bytes may wait for one client, maxBacklog for all together.
	maxBehind  = 1 << 20
	maxBacklog = 32 << 20
	// maxUnacked is how many messages are sent with QoS 1 before the first is acknowledged.
	maxUnacked = 1000
)

var (
	errTooSlow   = errors.New("the client does not read as fast as it is told things")
	errNoConnect = errors.New("the first packet is not a CONNECT of at most 8 KiB")
)

// peer is one client's connection. Writing to it never blocks: what the network does not take at once waits in pending,
// within bounds, and a client that stays behind is disconnected. mochi writes with a client's lock held; if that
// blocked, one client that does not read could stop the whole agent.
type peer struct {
	net.Conn
	// total is how many bytes wait for all clients together.
	total *atomic.Int64
	// ended is closed when mochi is done with the connection.
	ended chan struct{}

	// These belong to the goroutine that reads.
	headerRead bool
	header     []byte
	filters    map[string]struct{}
	// received are the ids of its QoS 2 messages that it has not released yet.
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

func newPeer(conn net.Conn, total *atomic.Int64) *peer {
	p := &peer{Conn: conn, total: total, ended: make(chan struct{}), filters: map[string]struct{}{}}
	p.room.L = &p.mu
	// An error shows at the first read.
	_ = conn.SetDeadline(time.Now().Add(connectTimeout))
	return p
}

// Read implements net.Conn; it fails on a first packet that is not a CONNECT of at most maxConnect bytes.
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

// readHeaderByte reads one byte of the first packet's header: its type, and then
// its length, seven bits a byte. It returns false if the packet is not allowed.
func (p *peer) readHeaderByte(c byte) bool {
	if p.header = append(p.header, c); len(p.header) == 1 {
		return c>>4 == packets.Connect
	}
	if c&0x80 != 0 {
		return len(p.header) < 3
	}
	length, _ := binary.Uvarint(p.header[1:])
	p.headerRead, p.header = true, nil
	return length <= maxConnect
}

// Write implements net.Conn; it queues all of b or ends the connection.
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
	if p.total.Add(int64(len(b))) > maxBacklog {
		p.total.Add(-int64(len(b)))
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
		p.total.Add(-int64(len(p.pending)))
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
		p.total.Add(-int64(len(piece)))
		p.writing = 0
		if err != nil {
			p.fail(err)
		}
		p.room.Broadcast()
		p.mu.Unlock()
	}
}

// next returns the next piece to write. If there is none, it closes a connection that was to be closed.
func (p *peer) next() ([]byte, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil || len(p.pending) == 0 {
		p.pending = nil
		if p.closing {
			p.mu.Unlock()
			_ = p.Conn.Close() // nobody is left to need the error
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

// waitForRoom waits until the client has read most of what it was sent. It returns false if the connection has ended.
func (p *peer) waitForRoom() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.pending)+p.writing > maxBehind/4 && p.err == nil && !p.closing {
		p.room.Wait()
	}
	return p.err == nil && !p.closing
}

// Close ends the reading at once; what was written before is still sent, for it may hold the reason. It does not wait
// for that, nor for the closing messages of TLS and WebSockets.
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

// waitClosed waits until all is written and the connection closed.
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

// gone reports whether the connection was closed or has failed.
func (p *peer) gone() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closing || p.err != nil
}

// reason returns why we ended the connection, nil if we did not.
func (p *peer) reason() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}
