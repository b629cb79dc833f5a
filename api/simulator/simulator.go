// Package simulator plays the Front Payment terminal API: the thirteen
// operations, a customer at each terminal, and a fault script for everything
// that can go wrong between a client and the real thing. It is an http.Handler
// without outward effects other than the callbacks it is allowed to make.
//
// Replies follow the documents; where those are silent the choice is named at
// the function that makes it. Waiting is done by the runtime's timers, so that a
// simulator made inside a testing/synctest bubble runs on the bubble's clock;
// [Options.Clock] only dates what it makes.
package simulator

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// maxBody bounds a request body; the largest documented payload has 2 KiB.
const maxBody = 1 << 20

// errUnknownOrder is what the scripting methods return for the uuid of no order.
var errUnknownOrder = errors.New("simulator: no such order")

// errUnknownTerminal is the same for a terminal.
var errUnknownTerminal = errors.New("simulator: no such terminal")

// Simulator is the simulated API. It is an http.Handler that serves
// <any prefix>/api/v1/… over HTTP/1.1. All methods may be called at any time from
// any goroutine. Its memory grows with the orders, and with the faults, customers and
// listeners that were added and not used up, but not with calls.
type Simulator struct {
	opts Options
	done chan struct{}

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup // callbacks under way

	mu        sync.Mutex
	closed    bool
	down      bool
	token     string
	lookups   Lookups
	lag       Lag
	unsaid    Unsaid
	approver  Approver
	thresh    Thresholds
	customers behaviour // of terminals without one of their own
	rng       *rand.Rand
	// How the list is sorted, and refunds are written.
	newestFirst, negative bool

	terminals []*terminal
	orders    map[string]*order
	list      []*order // in order of creation
	byRef     map[string][]*order
	nextUUID  uint64
	nextItem  int64

	faults    []*fault
	counts    map[Operation]int
	calls     []Call // a ring, see record
	callsAt   int
	rate      rateWindow
	listeners []*Listener

	timers    map[uint64]*time.Timer
	nextTimer uint64
}

// New returns a simulator with the given terminals and no orders. It starts no
// goroutine. For use inside a synctest bubble it must be called in the bubble.
func New(opts Options) *Simulator {
	opts = opts.withDefaults()
	seed := opts.Seed
	if seed == 0 {
		seed = rand.Uint64() | 1
	}
	rng := rand.New(rand.NewPCG(seed, 0x74696c6c706f7374))
	ctx, cancel := context.WithCancel(context.Background())
	s := &Simulator{
		opts: opts, done: make(chan struct{}), ctx: ctx, cancel: cancel,
		token: opts.Token, lookups: opts.Lookups, lag: opts.Lag, approver: opts.Approver, thresh: *opts.Thresholds,
		newestFirst: opts.NewestFirst, negative: opts.NegativeHistory,
		customers: behaviour{pays: opts.Customer, refunds: opts.RefundCustomer},
		rng:       rng,
		orders:    map[string]*order{},
		byRef:     map[string][]*order{},
		nextUUID:  1_000_000_000 + rng.Uint64N(8_000_000_000),
		nextItem:  451,
		counts:    map[Operation]int{},
		timers:    map[uint64]*time.Timer{},
	}
	if err := s.SetUnsaid(opts.Unsaid); err != nil {
		panic(err)
	}
	for _, t := range opts.Terminals {
		s.AddTerminal(t)
	}
	return s
}

// Close stops every timer, ends the callbacks under way and waits for them, and
// wakes the calls that a fault is delaying (they end without a reply). The orders
// stay readable. Calls that arrive later are dropped. It may be called twice.
func (s *Simulator) Close() {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.done)
		for id, t := range s.timers {
			t.Stop()
			delete(s.timers, id)
		}
	}
	s.mu.Unlock()
	s.cancel()
	s.wg.Wait()
}

// ServeHTTP answers one call of the API. Where a fault or [Simulator.SetDown]
// says so it aborts the connection by panicking with http.ErrAbortHandler, which
// net/http's server turns into a closed connection.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.unreachable() {
		panic(http.ErrAbortHandler)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		panic(http.ErrAbortHandler) // the client went away or sent far too much
	}
	req := parseRequest(r, body)
	act := s.arrive(req)
	if !s.pause(act.Wait) {
		panic(http.ErrAbortHandler)
	}
	rep, limits, sent := s.answer(req, act)
	if act.dropsReply() || !sent || !s.pause(act.WaitReply) {
		s.record(req, act, 0)
		panic(http.ErrAbortHandler)
	}
	s.record(req, act, rep.http)
	h := w.Header()
	// The clock's date, not the machine's: clients measure their skew with it.
	h.Set("Date", s.opts.Clock().UTC().Format(http.TimeFormat))
	limits.write(h)
	rep.send(w, act)
}

// unreachable reports whether connections are closed without being read.
func (s *Simulator) unreachable() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed || s.down
}

// pause waits for d and reports whether the simulator is still reachable after it.
// It does not watch the client: a server acts on what it has read, whether or not
// anyone still waits for the reply.
func (s *Simulator) pause(d time.Duration) bool {
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-s.done:
		}
	}
	return !s.unreachable()
}

// answer returns the reply to a call, and acts unless the fault, the rate limit or
// the token forbids it. It returns false if there is to be no reply.
func (s *Simulator) answer(req *request, act Action) (reply, limits, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lim := s.rate.take(s.opts.RateLimit, s.opts.Clock())
	if act.Kind == KindDropBefore {
		return reply{}, lim, false
	}
	if rep, ok := act.replyInstead(req); ok {
		return rep, lim, true
	}
	if act.Kind == KindRefuseNaming {
		return s.naming(req, act), lim, true
	}
	if lim.exceeded() {
		return tooMany(lim.retryAfter), lim, true
	}
	if !s.admits(req) {
		return unauthenticated(), lim, true
	}
	if act.Kind == KindContradict && act.WithoutActing {
		if rep, ok := s.pretended(req); ok {
			return act.contradict(rep), lim, true
		}
	}
	return act.changeReply(s.handle(req)), lim, true
}

// schedule runs f, with the lock held, after d. The returned function, to be called
// with the lock held, cancels that. f does not run after Close.
func (s *Simulator) schedule(d time.Duration, f func()) (stop func()) {
	if s.closed {
		return func() {}
	}
	s.nextTimer++
	id := s.nextTimer
	s.timers[id] = time.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if _, ok := s.timers[id]; !ok {
			return // cancelled while it waited for the lock
		}
		delete(s.timers, id)
		f()
	})
	return func() {
		if t, ok := s.timers[id]; ok {
			t.Stop()
			delete(s.timers, id)
		}
	}
}

// newUUID returns the next order uuid, in the documents' form "ODR1234567890".
func (s *Simulator) newUUID() string {
	s.nextUUID++
	return "ODR" + strconv.FormatUint(s.nextUUID, 10)
}
