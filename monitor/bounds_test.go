package monitor

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipeListener hands out the server's ends of pipes, so that the bounds in
// time are tested on the fake clock of a synctest bubble.
type pipeListener struct {
	backlog chan net.Conn
	closed  chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{backlog: make(chan net.Conn, 16), closed: make(chan struct{})}
}

func (l *pipeListener) dial() net.Conn {
	client, server := net.Pipe()
	l.backlog <- server
	return client
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.backlog:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	select {
	case <-l.closed:
		return net.ErrClosed
	default:
		close(l.closed)
		return nil
	}
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// serving runs s on pipes until stop is called; ended then has what it returned.
func serving(t *testing.T, s *Server) (l *pipeListener, stop context.CancelFunc, ended <-chan error) {
	t.Helper()
	l = newPipeListener()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	s.listener = l
	go func() { done <- s.Run(ctx) }()
	return l, stop, done
}

// fetch asks for path on conn and sends the status of the answer, or 0 if the
// connection ended without one.
func fetch(conn net.Conn, path string) <-chan int {
	status := make(chan int, 1)
	go func() {
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			status <- 0
			return
		}
		defer func() { _ = resp.Body.Close() }()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			status <- 0
			return
		}
		status <- resp.StatusCode
	}()
	return status
}

// TestSlowLoris: clients that drip their header take every place, yet no more
// places than there are, and none for longer than the bound.
func TestSlowLoris(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const places = 3
		s := newTestServer(t, func(o *ServerOptions) { o.MaxConnections = places })
		l, cancel, done := serving(t, s)

		var slow sync.WaitGroup
		for range places {
			conn := l.dial()
			slow.Go(func() {
				defer func() { _ = conn.Close() }()
				for _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nX: "); err == nil; {
					time.Sleep(100 * time.Millisecond)
					_, err = io.WriteString(conn, "x")
				}
			})
		}
		synctest.Wait()
		honest := fetch(l.dial(), "/healthz")
		time.Sleep(readHeaderTimeout - time.Nanosecond)
		synctest.Wait()
		if len(l.backlog) != 1 || len(honest) != 0 {
			t.Errorf("backlog %d, answers %d: a connection was taken beyond the bound", len(l.backlog), len(honest))
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if len(honest) != 1 {
			t.Error("no answer, though the slow ones have had their time")
		}
		if got := <-honest; got != http.StatusOK {
			t.Errorf("status %d once the slow ones were cut off", got)
		}
		slow.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestStopLetsAnswersEnd: an answer that is under way when the agent stops is
// given in full.
func TestStopLetsAnswersEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTestServer(t, func(o *ServerOptions) {
			o.Ready = func() []string { time.Sleep(500 * time.Millisecond); return nil }
		})
		l, cancel, done := serving(t, s)
		answer := fetch(l.dial(), "/readyz")
		synctest.Wait()
		stop := time.Now()
		cancel()
		if got := <-answer; got != http.StatusOK {
			t.Errorf("status %d", got)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if took := time.Since(stop); took < 500*time.Millisecond || took >= shutdownGrace {
			t.Errorf("stopped after %v", took)
		}
	})
}

// TestStopIsBounded: a handler that does not end holds the stop back for the
// grace and no longer.
func TestStopIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := newTestServer(t, func(o *ServerOptions) {
			o.Ready = func() []string { <-release; return nil }
		})
		l, cancel, done := serving(t, s)
		answer := fetch(l.dial(), "/readyz")
		synctest.Wait()
		cancel()
		time.Sleep(shutdownGrace - time.Nanosecond)
		synctest.Wait()
		if len(done) != 0 {
			t.Error("stopped before the grace was over")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if len(done) != 1 {
			t.Fatal("not stopped when the grace was over")
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if got := <-answer; got != 0 {
			t.Errorf("status %d, want the connection cut", got)
		}
		close(release)
	})
}

// TestStopEndsStreams: a handler that heeds its request's context ends at once.
func TestStopEndsStreams(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTestServer(t, nil)
		s.handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		l, cancel, done := serving(t, s)
		answer := fetch(l.dial(), "/stream")
		synctest.Wait()
		stop := time.Now()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if took := time.Since(stop); took >= shutdownGrace/2 {
			t.Errorf("stopped after %v", took)
		}
		if got := <-answer; got != http.StatusOK {
			t.Errorf("status %d", got)
		}
	})
}

func TestRunReturnsWhenServingFails(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, nil)
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("error %v, want that of the closed listener", err)
	}
}

// TestLimitGivesPlacesBackOnce: closing a connection twice frees one place.
func TestLimitGivesPlacesBackOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := newPipeListener()
		l := LimitListener(inner, 2)
		var conns []net.Conn
		for range 2 {
			client := inner.dial()
			defer func() { _ = client.Close() }()
			conn, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
		}
		_ = conns[0].Close()
		_ = conns[0].Close()
		waiting := make(chan error, 2)
		for range 2 {
			client := inner.dial()
			defer func() { _ = client.Close() }()
			go func() {
				conn, err := l.Accept()
				if err == nil {
					defer func() { _ = conn.Close() }()
					<-inner.closed
				}
				waiting <- err
			}()
		}
		synctest.Wait()
		if len(inner.backlog) != 1 {
			t.Errorf("%d connections wait, want 1", len(inner.backlog))
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		first, second := <-waiting, <-waiting
		if (first == nil) == (second == nil) {
			t.Errorf("errors %v and %v, want one Accept refused by Close", first, second)
		}
		_ = conns[1].Close()
	})
}
