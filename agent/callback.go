package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"tillpost/agent/lane"
	"tillpost/api"
	"tillpost/monitor"
	"tillpost/outbox"
)

// Bounds of the callback listener: it may be reachable from the internet, and a callback is a short GET.
const (
	callbackTimeout   = 5 * time.Second
	callbackHeader    = 8 << 10
	callbackConns     = 64
	callbackRemembers = 1024
)

// callbacks takes the API's notifications. They are unsigned, so one is at most a hint: the mark in its path has to be
// one of ours, and all it does is have the order that it names read.
type callbacks struct {
	store outbox.Store
	hints hints
	log   *slog.Logger
	ln    net.Listener

	mu   sync.Mutex
	seen map[uint64]time.Time // when a request's last callback was passed on, or will be
}

// hints takes the orders that callbacks name.
type hints interface {
	// KeepHint keeps the order that a callback names with its request, and returns nil once that is on disk.
	KeepHint(ctx context.Context, r outbox.Request, orderUUID string) error
	// LookAtHint has the order read that is on disk already.
	LookAtHint(r outbox.Request, orderUUID string, refund bool)
}

func newCallbacks(store outbox.Store, h hints, log *slog.Logger) *callbacks {
	return &callbacks{store: store, hints: h, log: log, seen: map[uint64]time.Time{}}
}

// listen opens the address, so that a port in use is known at start. open replaces the machine's network, unless it is nil.
func (c *callbacks) listen(address string, open func(ctx context.Context, network, addr string) (net.Listener, error)) error {
	if open == nil {
		open = (&net.ListenConfig{}).Listen
	}
	ln, err := open(context.Background(), "tcp", address)
	if err != nil {
		return fmt.Errorf("callback.listen %q: %w; free the address or choose another", address, err)
	}
	c.ln = monitor.LimitListener(ln, callbackConns)
	return nil
}

func (c *callbacks) run(ctx context.Context) {
	server := &http.Server{
		Handler: c, ReadTimeout: callbackTimeout, WriteTimeout: callbackTimeout, IdleTimeout: callbackTimeout,
		MaxHeaderBytes: callbackHeader, DisableGeneralOptionsHandler: true, ErrorLog: slog.NewLogLogger(c.log.Handler(), slog.LevelDebug),
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(c.ln); err != nil && !errors.Is(err, http.ErrServerClosed) {
		c.log.Error("the callback listener ended; payments are polled for all the same", "err", err)
	}
}

// ServeHTTP answers 204 for a mark that we hold, once the order that the query names is on disk with its request; 404 for
// everything else. There is no mux, which would redirect to a path that is almost right.
func (c *callbacks) ServeHTTP(w http.ResponseWriter, rq *http.Request) {
	r, ok := c.marked(rq)
	if !ok {
		http.NotFound(w, rq)
		return
	}
	// What says nothing must not use up the turn of what does.
	if hint, err := api.ParseCallback(rq.URL.Query()); err == nil {
		if !hint.Refund && !r.Names(hint.OrderUUID) {
			if err := c.hints.KeepHint(rq.Context(), r, hint.OrderUUID); err != nil {
				c.log.Warn("a callback could not be kept; the API is told so, and the payment is looked for all the same", "request", r.ID, "err", err)
				http.Error(w, "not kept", http.StatusServiceUnavailable)
				return
			}
		} else if wait, ok := c.pace(r.Seq); ok {
			time.AfterFunc(wait, func() { c.hints.LookAtHint(r, hint.OrderUUID, hint.Refund) })
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// marked returns the request whose mark is in the path.
func (c *callbacks) marked(rq *http.Request) (outbox.Request, bool) {
	mark, found := strings.CutPrefix(rq.URL.Path, "/callback/")
	if !found || rq.Method != http.MethodGet {
		return outbox.Request{}, false
	}
	seq, ok := outbox.MarkSeq(mark)
	if !ok {
		return outbox.Request{}, false
	}
	r, err := c.store.Get(seq)
	return r, err == nil && r.Bears(mark)
}

// pace lets one callback of a request through each second; of those that come faster, the first is passed on late and
// the others add nothing to it.
func (c *callbacks) pace(seq uint64) (wait time.Duration, ok bool) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.seen) >= callbackRemembers {
		maps.DeleteFunc(c.seen, func(_ uint64, at time.Time) bool { return now.Sub(at) > lane.HintPace })
	}
	last := c.seen[seq]
	if last.After(now) {
		return 0, false
	}
	wait = max(lane.HintPace-now.Sub(last), 0)
	c.seen[seq] = now.Add(wait)
	return wait, true
}

func (a *Agent) openCallbacks() (*callbacks, error) {
	if a.cfg.Callback == nil {
		return nil, nil
	}
	c := newCallbacks(a.store, a.lanes, a.log)
	if err := c.listen(a.cfg.Callback.Listen, a.opts.ListenCallbacks); err != nil {
		return nil, err
	}
	a.opened = append(a.opened, c.ln.Close)
	return c, nil
}
