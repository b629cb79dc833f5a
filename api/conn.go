package api

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	maxReply  = 1 << 20
	maxHeader = 64 << 10
)

var errEnded = errors.New("the connection ended")

// Conn is a fresh connection for exactly one create, refund or approval, its TLS handshake done. The call that it is
// passed to closes it; a Conn that is not passed to a call must be closed by its owner. Its methods may be called at
// any time, by any goroutine.
type Conn struct {
	link    *link
	dialled time.Time
	used    atomic.Bool
	ticket  *ticket
	reader  *bufio.Reader
	bounded *io.LimitedReader
	gone    chan struct{}
	goneErr error // once gone: why no first byte came; nil if one did
}

// Dial opens a connection for one create, refund or approval. The error is always an *[UnavailableError]: nothing was
// sent, and RetryAfter says when the next try is let through. While an outage lasts most calls fail at once, without a
// try. The caller passes the Conn to a call or closes it.
func (c *Client) Dial(ctx context.Context) (*Conn, error) {
	t, wait := c.breaker.allow()
	return c.dial(ctx, t, wait)
}

// DialAhead is Dial for a call that is not there yet. It makes no try at an API that is out of reach: that belongs to a call, whose
// reply ends the outage, where a connection that waits for its call would only keep the others from trying.
func (c *Client) DialAhead(ctx context.Context) (*Conn, error) {
	t, wait := c.breaker.allowAhead()
	return c.dial(ctx, t, wait)
}

func (c *Client) dial(ctx context.Context, t *ticket, wait time.Duration) (*Conn, error) {
	if t == nil {
		return nil, &UnavailableError{RetryAfter: wait, Err: ErrBreakerOpen}
	}
	l, err := c.dialer.dial(ctx)
	if err != nil {
		if ctx.Err() != nil {
			t.done(wasAbandoned)
		} else {
			t.done(wasUnanswered)
		}
		return nil, &UnavailableError{RetryAfter: c.breaker.wait(), Err: err}
	}
	return newConn(l, t), nil
}

func newConn(l *link, t *ticket) *Conn {
	bounded := &io.LimitedReader{R: l, N: maxHeader}
	conn := &Conn{
		link: l, dialled: time.Now(), ticket: t, bounded: bounded,
		reader: bufio.NewReader(bounded), gone: make(chan struct{}),
	}
	// Reading from the start notices a server that closes the connection before the
	// request is sent, when that still proves that nothing happened.
	go func() {
		_, conn.goneErr = conn.reader.Peek(1)
		close(conn.gone)
	}()
	return conn
}

// Age returns the time since the connection was made.
func (c *Conn) Age() time.Duration { return time.Since(c.dialled) }

// Gone is closed once the peer has hung up, or has spoken; before the first byte of a request, that proves that none was taken.
func (c *Conn) Gone() <-chan struct{} { return c.gone }

// Close ends the connection. It may be called more than once, and after a call that used the connection.
func (c *Conn) Close() error {
	_ = c.link.Close()
	c.ticket.unused()
	return nil
}

type exchange struct {
	sent   bool // a byte of the request left
	status int  // 0 without reply
	header http.Header
	body   []byte // nil where it was cut or could not be read
	err    error  // why there is no reply, or no body
	begun  time.Time
	at     time.Time
}

// roundTrip sends rq and reads the reply, once, by hand: no transport that
// could repeat, redirect or reuse is involved. It closes the connection.
func (c *Conn) roundTrip(ctx context.Context, rq *http.Request) exchange {
	defer func() { _ = c.link.Close() }()
	rq.Close = true // "Connection: close": the server need not keep it either
	var request bytes.Buffer
	if err := rq.Write(&request); err != nil {
		return exchange{err: err, at: time.Now()}
	}
	stop := context.AfterFunc(ctx, func() { _ = c.link.Close() })
	defer stop()

	select {
	case <-c.gone:
		err := cmp.Or(c.goneErr, errors.New("the server spoke before it was asked"))
		return exchange{err: fmt.Errorf("connection lost before use: %w", err), at: time.Now()}
	default:
	}
	if err := ctx.Err(); err != nil {
		return exchange{err: err, at: time.Now()}
	}
	before := c.link.wire.sent.Load()
	_, writeErr := c.link.Write(request.Bytes())
	if c.link.wire.sent.Load() == before {
		return exchange{err: cmp.Or(ctx.Err(), writeErr, errEnded), at: time.Now()}
	}
	// Even a request that broke off may have its reply: a server may refuse early.
	ex := c.readReply(rq)
	ex.sent = true
	if ex.status == 0 {
		ex.err = cmp.Or(ctx.Err(), writeErr, ex.err, errEnded)
	}
	return ex
}

func (c *Conn) readReply(rq *http.Request) exchange {
	if <-c.gone; c.goneErr != nil {
		return exchange{err: c.goneErr, at: time.Now()}
	}
	resp, err := c.readHeader(rq)
	if err != nil {
		return exchange{err: err, at: time.Now()}
	}
	defer func() { _ = resp.Body.Close() }()
	ex := exchange{status: resp.StatusCode, header: resp.Header, at: time.Now()}
	c.bounded.N += maxReply + 1
	ex.body, ex.err = readBounded(resp.Body)
	return ex
}

// readHeader passes over informational replies (103 Early Hints).
func (c *Conn) readHeader(rq *http.Request) (*http.Response, error) {
	const informational = 5
	for range informational {
		resp, err := http.ReadResponse(c.reader, rq)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, nil
		}
		_ = resp.Body.Close()
	}
	return nil, errors.New("too many informational replies")
}

// readBounded reads a body of at most maxReply bytes to its end. A longer one is cut, and a cut body is none.
func readBounded(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxReply+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the reply broke off: %w", err)
	case len(body) > maxReply:
		return nil, ErrCut
	}
	return body, nil
}
