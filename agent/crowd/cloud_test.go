package crowd_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"time"

	"tillpost/api/simulator"
)

// outage is how the API is away.
type outage string

const (
	refuses outage = "dials refused"
	hangs   outage = "dials hang"
	gateway outage = "502 pages"
)

var outages = []outage{refuses, hangs, gateway}

const (
	// oneWay is what a packet takes at most between a shop and the API, thinks what the API takes for a call.
	oneWay = 40 * time.Millisecond
	thinks = 60 * time.Millisecond
	// In its last moments the API takes calls, and is too slow to answer before it is gone.
	ails    = 3 * time.Second
	tooSlow = 10 * time.Second
)

// cloud is the API with the network before it, for all shops. It counts what arrives there, by the second.
type cloud struct {
	sim   *simulator.Simulator
	kind  outage
	began time.Time
	// The API is away from goes to returns.
	goes, returns time.Time

	listening chan net.Conn
	closed    chan struct{}

	mu    sync.Mutex
	conns map[*wire]bool
	ended map[string]bool // orders whose end was told
	seen  record
}

// record is what arrived in each second.
type record struct {
	dials, sales, looks []int
	by                  map[simulator.Operation][]int // of the looks
}

// wire is the API's end of a connection.
type wire struct {
	net.Conn
	of    *cloud
	token string // of the shop at the other end
}

// Close implements net.Conn.
func (w *wire) Close() error {
	w.of.mu.Lock()
	delete(w.of.conns, w)
	w.of.mu.Unlock()
	return w.Conn.Close()
}

func newCloud(sim *simulator.Simulator, kind outage) *cloud {
	now := time.Now()
	seconds := int(lasts / time.Second)
	c := &cloud{
		sim: sim, kind: kind, began: now, goes: now.Add(before), returns: now.Add(before + away),
		listening: make(chan net.Conn), closed: make(chan struct{}), conns: map[*wire]bool{}, ended: map[string]bool{},
		seen: record{dials: make([]int, seconds), sales: make([]int, seconds), looks: make([]int, seconds), by: map[simulator.Operation][]int{}},
	}
	if kind == refuses {
		time.AfterFunc(before, c.cut)
	}
	return c
}

// count counts one in the present second.
func (c *cloud) count(in []int) {
	if second := int(time.Since(c.began) / time.Second); second < len(in) {
		in[second]++
	}
}

func (c *cloud) isAway() bool {
	now := time.Now()
	return !now.Before(c.goes) && now.Before(c.returns)
}

// cut ends every connection.
func (c *cloud) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for w := range c.conns {
		_ = w.Conn.Close()
		delete(c.conns, w)
	}
}

// dial connects a shop.
func (c *cloud) dial(ctx context.Context, s *shop) (net.Conn, error) {
	c.mu.Lock()
	c.count(c.seen.dials)
	c.mu.Unlock()
	if err := pause(ctx, 2*s.between(0, oneWay)); err != nil {
		return nil, err
	}
	if c.isAway() && c.kind == refuses {
		return nil, &net.OpError{Op: "dial", Net: "pipe", Err: syscall.ECONNREFUSED}
	}
	for again := time.Second; c.isAway() && c.kind == hangs; again *= 2 { // as TCP asks again
		if err := pause(ctx, again); err != nil {
			return nil, err
		}
	}
	near, far := net.Pipe()
	w := &wire{far, c, s.token}
	c.mu.Lock()
	c.conns[w] = true
	c.mu.Unlock()
	select {
	case c.listening <- w:
		return near, nil
	case <-c.closed:
	case <-ctx.Done():
	}
	_, _ = near.Close(), w.Close()
	return nil, &net.OpError{Op: "dial", Net: "pipe", Err: syscall.ECONNREFUSED}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Accept implements net.Listener.
func (c *cloud) Accept() (net.Conn, error) {
	select {
	case w := <-c.listening:
		return w, nil
	case <-c.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener; it is called once.
func (c *cloud) Close() error {
	close(c.closed)
	return nil
}

// Addr implements net.Listener.
func (c *cloud) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

type tokenKey struct{}

// serve answers what comes until the returned function is called.
func (c *cloud) serve() (stop func()) {
	server := &http.Server{
		Handler: c, ReadHeaderTimeout: time.Hour,
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, tokenKey{}, conn.(*wire).token)
		},
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(c) })
	return func() {
		_ = server.Close()
		serving.Wait()
	}
}

// ServeHTTP answers one call: in the API's place where that is away.
func (c *cloud) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	op := operation(r.URL.Path)
	order := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	c.arrived(op, order)
	body, err := io.ReadAll(r.Body) // only then does the server notice that the caller hangs up
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	took := thinks
	switch now := time.Now(); {
	case c.isAway() && c.kind == gateway:
		_ = pause(r.Context(), thinks)
		rw.Header().Set("Content-Type", "text/html")
		rw.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(rw, "<html><h1>502 Bad Gateway</h1></html>")
		return
	case c.isAway():
		<-r.Context().Done() // a connection from before: nobody is there
		panic(http.ErrAbortHandler)
	case now.Before(c.goes) && now.After(c.goes.Add(-ails)):
		took = tooSlow
	}
	r.Header.Set("Authorization", "Bearer "+r.Context().Value(tokenKey{}).(string))
	rec := httptest.NewRecorder()
	c.sim.ServeHTTP(rec, r)
	if pause(r.Context(), took) != nil || c.isAway() && c.kind == hangs {
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
	if c.isAway() && c.kind == gateway {
		rw.WriteHeader(http.StatusGatewayTimeout)
		return
	}
	reply := rec.Body.String()
	if op == simulator.OpPaymentStatus && rec.Code == http.StatusOK && !strings.Contains(reply, string(simulator.Sent)) {
		c.mu.Lock()
		c.ended[order] = true
		c.mu.Unlock()
	}
	for name, values := range rec.Header() {
		rw.Header()[name] = values
	}
	rw.WriteHeader(rec.Code)
	_, _ = io.WriteString(rw, reply)
}

// arrived counts a call: a sale's own, or a probe or search. A status that is asked for after its end was told is one of these.
func (c *cloud) arrived(op simulator.Operation, order string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case op == simulator.OpCreate, op == simulator.OpCancel, op == simulator.OpPaymentStatus && !c.ended[order]:
		c.count(c.seen.sales)
		return
	}
	c.count(c.seen.looks)
	if c.seen.by[op] == nil {
		c.seen.by[op] = make([]int, len(c.seen.looks))
	}
	c.count(c.seen.by[op])
}

// operation is what a path asks for; what no test here calls is not among them.
func operation(path string) simulator.Operation {
	for part, op := range map[string]simulator.Operation{
		"/terminal/lists/": simulator.OpListTerminals, "/orders/create": simulator.OpCreate, "/orders/cancel/": simulator.OpCancel,
		"/payment-status/": simulator.OpPaymentStatus, "/orders/details/": simulator.OpOrderDetails, "/orders/status": simulator.OpOrderStatuses,
	} {
		if strings.Contains(path, part) {
			return op
		}
	}
	return simulator.OpUnknown
}
