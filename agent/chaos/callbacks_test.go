package chaos_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path"
	"sync"
	"time"

	"tillpost/api/simulator"
)

// hotline is where a process's callbacks come in.
type hotline struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// openCallbacks stands for the network under the callback listener.
func (p *process) openCallbacks(context.Context, string, string) (net.Listener, error) {
	h := &hotline{conns: make(chan net.Conn), closed: make(chan struct{})}
	p.hotline.Store(h)
	return h, nil
}

// Accept implements net.Listener.
func (h *hotline) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *hotline) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

// Addr implements net.Listener.
func (h *hotline) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9721} }

// callbackPatience is well below that of the simulator's client.
const callbackPatience = 5 * time.Second

func (w *world) callbackClient() *http.Client { return &http.Client{Transport: caller{w}} }

// caller delivers the API's callbacks to the process that runs.
type caller struct{ w *world }

// RoundTrip implements http.RoundTripper.
func (c caller) RoundTrip(rq *http.Request) (*http.Response, error) {
	w := c.w
	p := w.current.Load()
	if p == nil || p.dead.Load() || p.hotline.Load() == nil {
		return nil, errRefused
	}
	h := p.hotline.Load()
	client, server := net.Pipe()
	defer func() { _ = client.Close() }()
	select {
	case h.conns <- server:
	case <-h.closed:
		return nil, errRefused
	case <-rq.Context().Done():
		return nil, rq.Context().Err()
	}
	if err := client.SetDeadline(time.Now().Add(callbackPatience)); err != nil {
		return nil, err
	}
	out := rq.Clone(rq.Context())
	out.Close = true
	if err := out.Write(client); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(client), out)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	w.calledBack(p, rq, resp.StatusCode)
	return resp, err
}

// calledBack notes what a callback was answered. From a 204 on, the order that it names is not to be forgotten.
func (w *world) calledBack(p *process, rq *http.Request, status int) {
	q := rq.URL.Query()
	w.count.callbacks.Add(1)
	w.note("callback of %s names %s as %s %s: %d", path.Base(rq.URL.Path), q.Get("orderUuid"), q.Get("type"), q.Get("status"), status)
	if status != http.StatusNoContent || p.dead.Load() || q.Get("type") != "Payment" || q.Get("status") != "Approved" {
		return
	}
	for _, o := range w.sim.OrdersByReference(path.Base(rq.URL.Path)) {
		if o.UUID == q.Get("orderUuid") {
			w.mu.Lock()
			w.hinted[o.UUID] = true
			w.mu.Unlock()
		}
	}
}

// callbackTrouble has callbacks lost, late or repeated, the calls that check them fail, and forged ones come.
func (s *script) callbackTrouble() {
	w := s.w
	for range 2 + s.r.IntN(3) {
		f := simulator.Fault{Operation: simulator.OpCallback, For: s.r.between(10*time.Second, 100*time.Second), Do: pick(s.r,
			simulator.DropBefore(), simulator.Delay(s.r.between(time.Second, 90*time.Second)), simulator.Repeat(1+s.r.IntN(4), s.r.between(time.Millisecond, 5*time.Second)))}
		s.add(s.sometime(), "callbacks: "+string(f.Do.Kind), func() { w.count.fault("callback " + string(f.Do.Kind)); w.sim.Inject(f) })
	}
	for range s.r.IntN(3) {
		f := simulator.Fault{Operation: simulator.OpPaymentStatus, For: s.r.between(time.Second, 60*time.Second), Do: pick(s.r,
			simulator.Page(404), simulator.Page(502), simulator.Refuse(404, "Not Found", "orderNotFound"), simulator.Refuse(510, "Execution Exception Occurred", "somethingWentWrong"))}
		s.add(s.sometime(), "no status is told", func() { w.count.fault("status not told"); w.sim.Inject(f) })
	}
	if !w.has(fElsewhere) {
		s.orderElsewhere(0)
		s.orderElsewhere(1)
	}
	for i := range 1 + s.r.IntN(5) {
		own := w.stream(fmt.Sprint("forgery ", i))
		s.add(s.sometime(), "", func() { w.forge(own) })
	}
}

// forge calls back with a mark of ours and names an order that is not the mark's. Where the API does not show our marks,
// nobody can tell a forgery from a real callback, so there it names an order of another amount, or of nobody.
func (w *world) forge(r *draw) {
	orders := w.sim.Orders()
	if w.calm.Load() || len(orders) == 0 || w.lookups != simulator.LookupsShown {
		return
	}
	of := orders[r.IntN(len(orders))]
	f := simulator.Forgery{Order: "ODR999", Approved: r.chance(0.7), Amount: of.Amount}
	if one := orders[r.IntN(len(orders))]; one.UUID != of.UUID && (w.searchable() || one.Amount.Cmp(of.Amount) != 0) {
		f.Order = one.UUID
	}
	if w.sim.Forge(of.UUID, f) == nil {
		w.count.fault("callback forged")
		w.note("a forged callback of %s names %s", tagOf(string(of.Body)), f.Order)
	}
}
