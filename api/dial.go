package api

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"sync/atomic"
	"time"
)

// longestDial bounds connecting and the TLS handshake; a call's own timeout may bound it further.
const longestDial = 10 * time.Second

// wire counts the bytes that leave on a connection, below TLS.
type wire struct {
	net.Conn
	sent atomic.Int64
}

func (w *wire) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.sent.Add(int64(n))
	return n, err
}

// link is a connection that is ready for a request, together with the wire that counts its bytes. The handshake's bytes
// are counted before any request starts, so callers compare with the count at that time.
type link struct {
	net.Conn // what to read and write: the TLS connection, or the wire itself
	wire     *wire
}

// Close closes the wire at once. A close_notify would wait on a peer that no
// longer reads, and nothing depends on it: replies bear their length.
func (l *link) Close() error { return l.wire.Close() }

type dialer struct {
	network func(ctx context.Context, network, addr string) (net.Conn, error)
	addr    string      // host:port of the base URL
	tls     *tls.Config // nil for plain http (loopback only)
	timeout time.Duration
	// crowded returns how long to wait with a connection that took so long to be made.
	crowded func(took time.Duration) time.Duration
}

// dial connects and, for https, shakes hands. The caller closes the link.
func (d *dialer) dial(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	begun := time.Now()
	raw, err := d.network(ctx, "tcp", d.addr)
	if err != nil {
		return nil, err
	}
	w := &wire{Conn: raw}
	if err := d.letOthersGo(ctx, time.Since(begun)); err != nil {
		_ = w.Close()
		return nil, err
	}
	if d.tls == nil {
		return &link{Conn: w, wire: w}, nil
	}
	conn := tls.Client(w, d.tls)
	// net.Pipe and other transports may not honour deadlines: closing always ends the handshake.
	stop := context.AfterFunc(ctx, func() { _ = w.Close() })
	err = conn.HandshakeContext(ctx)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = w.Close()
		return nil, err
	}
	return &link{Conn: conn, wire: w}, nil
}

// letOthersGo waits for a while where a connection was made only when an API that let dials hang was back: then TCP's repeated
// question brings all who had asked in the same moment. Half of the time that ctx leaves stays for what comes next.
func (d *dialer) letOthersGo(ctx context.Context, took time.Duration) error {
	pause := d.crowded(took)
	if end, ok := ctx.Deadline(); ok {
		pause = min(pause, time.Until(end)/2)
	}
	if pause <= 0 {
		return nil
	}
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// hostPort returns the address of a base URL, with its port.
func hostPort(u *url.URL) string {
	usual := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), usual))
}
