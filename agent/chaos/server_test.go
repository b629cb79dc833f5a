package chaos_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"tillpost/api/simulator"
)

// apiConn is a process's end of a connection to the API.
type apiConn struct {
	net.Conn
	p   *process
	far *serverConn
}

// Write implements net.Conn; a request is one write.
func (c *apiConn) Write(b []byte) (int, error) {
	w := c.p.w
	w.mu.Lock()
	c.far.called = time.Now()
	w.mu.Unlock()
	time.Sleep(w.between(20*time.Microsecond, 400*time.Microsecond, "write", w.now()))
	switch {
	case c.p.reached(beforeWrite):
		return 0, net.ErrClosed
	case c.p.doom == halfWrite:
		if n, err := c.half(b); err != nil || n == len(b) {
			return n, err
		}
	}
	n, err := c.Conn.Write(b)
	if c.p.reached(afterWrite) {
		return n, net.ErrClosed
	}
	return n, err
}

func (c *apiConn) half(b []byte) (int, error) {
	n, err := c.Conn.Write(b[:len(b)/2])
	if err != nil || c.p.reached(halfWrite) {
		return n, net.ErrClosed
	}
	m, err := c.Conn.Write(b[n:])
	return n + m, err
}

// Close implements net.Conn.
func (c *apiConn) Close() error {
	c.p.mu.Lock()
	delete(c.p.conns, c)
	c.p.mu.Unlock()
	return c.Conn.Close()
}

var errRefused = &net.OpError{Op: "dial", Net: "pipe", Err: syscall.ECONNREFUSED}

// dial connects a process to the API: at once, or never while it is out of reach.
func (p *process) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	w := p.w
	if !wait(ctx, w.between(100*time.Microsecond, 5*time.Millisecond, "dial", w.now())) {
		return nil, ctx.Err()
	}
	for w.hole.Load() {
		if !wait(ctx, time.Second) {
			return nil, ctx.Err()
		}
	}
	client, server := net.Pipe()
	far := &serverConn{Conn: server}
	c := &apiConn{client, p, far}
	p.mu.Lock()
	p.conns[c] = true
	p.mu.Unlock()
	if w.down.Load() || p.dead.Load() || !w.serve(far) {
		_, _ = c.Close(), far.Close()
		return nil, errRefused
	}
	return c, nil
}

func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// serverConn is the API's end of a connection. Its times are guarded by the world.
type serverConn struct {
	net.Conn
	called time.Time // when the process began to write its latest request
	cut    time.Time // when the API went away
}

// serve answers what comes on a connection: HTTP/1.1, of which the agent uses little enough.
func (w *world) serve(conn *serverConn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	w.serverConns[conn] = true
	w.serving.Go(func() {
		defer func() {
			_ = conn.Close()
			w.mu.Lock()
			delete(w.serverConns, conn)
			w.mu.Unlock()
		}()
		in := bufio.NewReader(conn)
		for {
			rq, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			body, err := io.ReadAll(rq.Body)
			if err != nil {
				return
			}
			rq.Body = io.NopCloser(bytes.NewReader(body))
			out, ok := w.answer(conn, rq, string(body))
			if _, err := conn.Write(out); err != nil || !ok || rq.Close {
				return
			}
		}
	})
	return true
}

// setDown refuses connections and cuts those that stand, or ends that.
func (w *world) setDown(down bool) {
	w.down.Store(down)
	_ = w.sim.SetDown(down) // without listeners there is nothing to fail
	if !down {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.serverConns {
		c.cut = time.Now()
		_ = c.Close()
	}
}

// answer has the simulator answer one call on conn, after the fault that the dice have for it. ok is false where the connection
// is to be closed after the reply, or instead of one.
func (w *world) answer(conn *serverConn, rq *http.Request, body string) (out []byte, ok bool) {
	op, order := operation(rq.URL.Path)
	subject := order
	if op == simulator.OpCreate || op == simulator.OpRefund || op == simulator.OpApproval {
		subject += tagOf(body)
	}
	begun := time.Now()
	n := w.arrive(op, order, subject, body)
	time.Sleep(w.between(time.Millisecond, 30*time.Millisecond, "latency "+string(op)+subject, n))
	if f, is := w.faultFor(op, order, subject, n); is {
		f.Operation, f.Order = op, order
		if op == simulator.OpListTerminals || op == simulator.OpOrderStatuses {
			f.Order = ""
		}
		if op != simulator.OpCreate && !w.has(fNames) {
			f.Do.Message = strings.ReplaceAll(f.Do.Message, "Kari Nordmann", "The customer")
		}
		w.sim.Inject(f)
	}
	rec := &recorder{header: http.Header{}}
	aborted := rec.serve(w.sim, rq)
	w.answered(conn, op, order, tagOf(body), begun, rec, aborted)
	if w.o.misread != nil && !aborted {
		w.o.misread(op, rec)
	}
	if w.has(fCut) && (op == simulator.OpOrderStatuses || op == simulator.OpOrderDetails || op == simulator.OpRefundStatus) {
		w.cut(op, order, n)
	}
	if aborted && rec.status == 0 {
		return nil, false
	}
	return rec.reply(), !aborted
}

// operation says what a call asks for, and which order it names.
func operation(path string) (simulator.Operation, string) {
	last := path[strings.LastIndexByte(path, '/')+1:]
	for part, op := range map[string]simulator.Operation{
		"/terminal/lists/": simulator.OpListTerminals, "/orders/create": simulator.OpCreate, "/orders/cancel/": simulator.OpCancel,
		"/orders/resend/": simulator.OpResend, "/payment-status/": simulator.OpPaymentStatus, "/orders/refund/ODR": simulator.OpRefund,
		"/refund-status/": simulator.OpRefundStatus, "/request/approval/": simulator.OpApproval, "/orders/details/": simulator.OpOrderDetails,
	} {
		if strings.Contains(path, part) {
			if op == simulator.OpCreate {
				last = ""
			}
			return op, last
		}
	}
	return simulator.OpOrderStatuses, ""
}

const tagKey = `"chaosTag":"`

// tagOf returns the requestId that our tills leave in whatever is forwarded.
func tagOf(body string) string {
	if strings.Contains(body, `"placedBy":"portal"`) {
		return foreign
	}
	_, rest, _ := strings.Cut(body, tagKey)
	tag, _, _ := strings.Cut(rest, `"`)
	return tag
}

// recorder takes the simulator's reply.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }
func (r *recorder) Flush()                      {}

func (r *recorder) serve(h http.Handler, rq *http.Request) (aborted bool) {
	defer func() {
		v := recover()
		if err, _ := v.(error); errors.Is(err, http.ErrAbortHandler) {
			aborted = true
		} else if v != nil {
			panic(v)
		}
	}()
	h.ServeHTTP(r, rq)
	return false
}

func (r *recorder) reply() []byte {
	var out bytes.Buffer
	_, _ = fmt.Fprintf(&out, "HTTP/1.1 %d %s\r\n", r.status, http.StatusText(r.status))
	if r.header.Get("Content-Length") == "" {
		r.header.Set("Content-Length", fmt.Sprint(r.body.Len()))
	}
	_ = r.header.Write(&out) // a buffer takes all
	_, _ = out.WriteString("\r\n")
	_, _ = out.Write(r.body.Bytes())
	return out.Bytes()
}
