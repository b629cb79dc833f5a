package api

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// pipes returns options whose network is net.Pipe, each far end served by peer.
func pipes(peer func(net.Conn)) Options {
	o := options("http://127.0.0.1/api/v1")
	o.DialContext = func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go peer(far)
		return near, nil
	}
	return o
}

// readThen reads one request and then does something with the connection.
func readThen(do func(net.Conn)) func(net.Conn) {
	return func(c net.Conn) {
		rq, err := http.ReadRequest(bufio.NewReader(c))
		if err == nil {
			_, _ = io.Copy(io.Discard, rq.Body)
			do(c)
		}
		_ = c.Close()
	}
}

const created = `{"status_code":201,"message":"terminalOrderAddedSuccessfully","data":{"orderUuid":"ODR1"}}`

func TestTimeoutAfterSending(t *testing.T) {
	t.Parallel()
	for _, late := range []string{"", "HTTP/1.1 201 Created\r\n", "HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"} {
		synctest.Test(t, func(t *testing.T) {
			c := newClient(t, pipes(readThen(func(conn net.Conn) {
				_, _ = io.WriteString(conn, late)
				_, _ = conn.Read(make([]byte, 1)) // until the client hangs up
			})))
			start := time.Now()
			r := invoke(t, c, OpCreate)
			wantOutcome(t, "silent server", r, OutcomeAmbiguous)
			if took := time.Since(start); took != 5*time.Second {
				t.Errorf("took %v, want the timeout of 5s", took)
			}
			if c.breaker.reachable() != (late != "" && late[len(late)-1] == '{') {
				t.Errorf("reachable %t after %q", c.breaker.reachable(), late)
			}
			start = time.Now()
			time.Sleep(time.Second)
			wantOutcome(t, "silent server, a read", invoke(t, c, OpPaymentStatus), OutcomeAmbiguous)
			if took := time.Since(start); took != 6*time.Second {
				t.Errorf("a read took %v, want 1s and the timeout", took)
			}
		})
	}
}

func TestNothingIsSentOnALostConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, pipes(func(conn net.Conn) { _ = conn.Close() }))
		conn, err := c.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		if conn.Age() != 3*time.Second {
			t.Errorf("age %v", conn.Age())
		}
		_, r := c.CreateOrder(t.Context(), conn, []byte(`{}`))
		wantOutcome(t, "hung up before the first byte", r, OutcomeUnavailable)
		if r.RetryAfter <= 0 {
			t.Error("no RetryAfter")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, pipes(func(conn net.Conn) { _, _ = io.WriteString(conn, rawReply(408, "")) }))
		conn, err := c.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		_, r := c.CreateOrder(t.Context(), conn, []byte(`{}`))
		wantOutcome(t, "a reply before the request", r, OutcomeUnavailable)
	})
}

// A write to a TCP connection that the other side closed succeeds; only reading
// beforehand shows that nobody is there.
func TestNothingIsSentOnAConnectionThatTheServerClosed(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	c := newClient(t, options("http://"+ln.Addr().String()))
	conn, err := c.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	far, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = far.Close()
	<-conn.Gone() // the close has been seen
	_, r := c.CreateOrder(t.Context(), conn, []byte(`{}`))
	wantOutcome(t, "closed by the server", r, OutcomeUnavailable)
}

func TestConnServesOneCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var served atomic.Int64
		c := newClient(t, pipes(readThen(func(conn net.Conn) {
			served.Add(1)
			_, _ = io.WriteString(conn, rawReply(201, created))
		})))
		conn, err := c.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, r := c.CreateOrder(t.Context(), conn, []byte(`{}`))
		wantOutcome(t, "first", r, OutcomeAccepted)
		_, r = c.CreateOrder(t.Context(), conn, []byte(`{}`))
		wantOutcome(t, "second", r, OutcomeUnavailable)
		if !errors.Is(r.Err, ErrConnUsed) || served.Load() != 1 {
			t.Errorf("%v, served %d", r.Err, served.Load())
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestCallersContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, pipes(readThen(func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1)) })))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, r := c.CreateOrder(ctx, nil, []byte(`{}`))
		wantOutcome(t, "cancelled under way", r, OutcomeAmbiguous)
		_, r = c.CreateOrder(ctx, nil, []byte(`{}`))
		wantOutcome(t, "cancelled before", r, OutcomeUnavailable)
		if !c.breaker.reachable() {
			t.Error("a caller who gives up says nothing about the API")
		}
	})
}

func TestDialFailures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := options("https://api.example/api/v1")
		dials := 0
		o.DialContext = func(context.Context, string, string) (net.Conn, error) {
			dials++
			near, far := net.Pipe() // accepts, and never shakes hands
			go func() { _, _ = io.Copy(io.Discard, far) }()
			return near, nil
		}
		c := newClient(t, o)
		start := time.Now()
		_, err := c.Dial(t.Context())
		var ue *UnavailableError
		if !errors.As(err, &ue) || ue.RetryAfter <= 0 || ue.Err == nil {
			t.Fatalf("error %v", err)
		}
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("the handshake was given %v", took)
		}
		_, r := c.CreateOrder(t.Context(), nil, []byte(`{}`))
		wantOutcome(t, "within the pause", r, OutcomeUnavailable)
		if !errors.Is(r.Err, ErrBreakerOpen) || dials != 1 {
			t.Errorf("%v after %d dials", r.Err, dials)
		}
		time.Sleep(ue.RetryAfter)
		if _, err := c.Dial(t.Context()); errors.Is(err, ErrBreakerOpen) || dials != 2 {
			t.Errorf("after the pause: %v, %d dials", err, dials)
		}
	})
}

// mute fails every write once it is switched on.
type mute struct {
	net.Conn
	on *atomic.Bool
}

func (m mute) Write(p []byte) (int, error) {
	if m.on.Load() {
		return 0, io.ErrClosedPipe
	}
	return m.Conn.Write(p)
}

// The handshake's bytes are not the request's: a connection that breaks between
// the two proves that nothing was sent. With one byte sent, nothing is proved.
func TestHandshakeBytesAreNotTheRequests(t *testing.T) {
	t.Parallel()
	srv := httptest.NewTLSServer(answer(201, created))
	t.Cleanup(srv.Close)
	pool := x509.NewCertPool()
	pool.AddCert(srv.Certificate())
	var off atomic.Bool
	o := options(srv.URL)
	o.RootCAs = pool
	o.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		return mute{conn, &off}, err
	}
	c := newClient(t, o)
	wantOutcome(t, "over TLS", invoke(t, c, OpCreate), OutcomeAccepted)
	conn, err := c.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if conn.link.wire.sent.Load() == 0 {
		t.Fatal("the handshake wrote nothing?")
	}
	off.Store(true)
	_, r := c.CreateOrder(t.Context(), conn, []byte(`{}`))
	wantOutcome(t, "broken after the handshake", r, OutcomeUnavailable)
	off.Store(false)
	if state := conn.link.Conn.(*tls.Conn).ConnectionState(); state.NegotiatedProtocol == "h2" {
		t.Error("HTTP/2 was negotiated")
	}
}

func TestSharedAndFreshConnections(t *testing.T) {
	t.Parallel()
	var accepted atomic.Int64
	srv := httptest.NewUnstartedServer(answer(201, created))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			accepted.Add(1)
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	c := newClient(t, options(srv.URL))
	for range 5 {
		invoke(t, c, OpPaymentStatus)
		invoke(t, c, OpCancel)
	}
	if n := accepted.Load(); n != 1 {
		t.Errorf("ten calls in a row took %d connections, want 1", n)
	}
	for range 3 {
		invoke(t, c, OpCreate)
	}
	if n := accepted.Load(); n != 4 {
		t.Errorf("three creates took %d connections, want 3", n-1)
	}
}

func TestCertificateIsChecked(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(answer(201, created))
	quiet(srv.Config)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	c := newClient(t, options(srv.URL))
	for _, op := range []Operation{OpCreate, OpPaymentStatus} {
		wantOutcome(t, string(op), invoke(t, newClient(t, options(srv.URL)), op), OutcomeUnavailable)
	}
	if _, err := c.Dial(t.Context()); err == nil {
		t.Error("an unknown certificate was taken")
	}
}
