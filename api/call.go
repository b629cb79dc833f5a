package api

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	longestRetryAfter = 5 * time.Minute
	defaultRetryAfter = 15 * time.Second // a 429 that does not say when
)

type request struct {
	op     Operation
	method string
	path   string // below the base URL, ids checked
	body   []byte
	conn   *Conn // for a submit: the caller's connection, or nil to dial one
	// read reads the result out of a reply whose envelope is a success; an error makes the reply ambiguous.
	read func(envelope) error
	// stream, where set, reads a 2xx body itself, instead of read.
	stream   func(resp *http.Response) (envelope, error)
	onHeader func() // called when a streamed reply begins
}

// call makes the call and reports it to the observer.
func (c *Client) call(ctx context.Context, rq request) Reply {
	started := time.Now()
	reply, ex, waited := c.attempt(ctx, rq)
	report := Call{
		Operation: rq.op, Outcome: reply.Outcome, HTTPStatus: ex.status, Duration: time.Since(started) - waited,
		Begun: ex.begun, At: cmp.Or(ex.at, time.Now()), RateRemaining: -1, Replied: ex.status != 0, FromAPI: reply.FromAPI, Withheld: reply.Withheld, Held: errors.Is(reply.Err, ErrBreakerOpen),
	}
	if reply.Outcome == OutcomeUnavailable && !report.Held {
		report.Err = reply.Err
	}
	report.Date, _ = http.ParseTime(ex.header.Get("Date"))
	if n, ok := headerInt(ex.header, "X-Ratelimit-Remaining"); ok {
		report.RateRemaining = n
	}
	c.observe(report)
	return reply
}

// attempt makes the call once token, breaker and limiter let it, and returns how long it waited for the last.
func (c *Client) attempt(ctx context.Context, rq request) (Reply, exchange, time.Duration) {
	if rq.conn != nil {
		if rq.conn.used.Swap(true) {
			return unavailable(0, ErrConnUsed), exchange{}, 0
		}
		defer func() { _ = rq.conn.Close() }()
	}
	token, err := c.tokens.get()
	if err != nil {
		return Reply{Outcome: OutcomeUnauthorized, Message: defaultMessage(OutcomeUnauthorized, 0), Err: err}, exchange{}, 0
	}
	t, refused := c.enter(ctx, &rq)
	if t == nil {
		return refused, exchange{}, 0
	}
	asked := time.Now()
	pause, err := c.limiter.acquire(ctx, rq.op.urgent(), c.timeout)
	waited := time.Since(asked)
	if err != nil {
		t.done(wasAbandoned)
		if errors.Is(err, errHeld) {
			return Reply{Outcome: OutcomeRateLimited, Message: defaultMessage(OutcomeRateLimited, 0), RetryAfter: pause}, exchange{}, waited
		}
		return unavailable(0, err), exchange{}, waited
	}
	begun, answered := c.unanswered.add()
	rq.onHeader = answered
	ex, env := c.exchange(ctx, rq, token)
	ex.begun = begun
	answered()
	switch {
	case ex.status != 0:
		t.done(wasAnswered)
	case ctx.Err() != nil:
		t.done(wasAbandoned)
	case ex.sent:
		t.done(wasLost)
	default:
		t.done(wasUnanswered)
	}
	return c.replyTo(rq, token, ex, env), ex, waited
}

// enter gets the breaker's ticket, for a submit with its connection. Where the ticket is nil, the reply says why.
func (c *Client) enter(ctx context.Context, rq *request) (*ticket, Reply) {
	if rq.conn == nil && rq.op.Submits() {
		conn, err := c.Dial(ctx)
		if err != nil {
			ue, _ := errors.AsType[*UnavailableError](err)
			return nil, unavailable(ue.RetryAfter, ue.Err)
		}
		conn.used.Store(true)
		rq.conn = conn
	}
	if rq.conn != nil {
		return rq.conn.ticket, Reply{}
	}
	t, wait := c.breaker.allow()
	if t == nil {
		return nil, unavailable(wait, ErrBreakerOpen)
	}
	return t, Reply{}
}

func unavailable(wait time.Duration, err error) Reply {
	return Reply{Outcome: OutcomeUnavailable, Message: defaultMessage(OutcomeUnavailable, 0), RetryAfter: wait, Err: err}
}

// exchange makes the HTTP exchange. The envelope is nil, and still in the body, unless the reply was streamed.
func (c *Client) exchange(ctx context.Context, rq request, token string) (exchange, *envelope) {
	if rq.stream != nil {
		return c.streamed(ctx, rq, token)
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	hr, err := c.newRequest(ctx, rq, token)
	if err != nil {
		return exchange{err: err}, nil
	}
	if rq.conn != nil {
		return rq.conn.roundTrip(ctx, hr), nil
	}
	resp, ex := c.open(hr)
	if resp != nil {
		defer func() { _ = resp.Body.Close() }()
		ex.body, ex.err = readBounded(resp.Body)
	}
	return ex, nil
}

// newRequest never sets GetBody or an Idempotency-Key: either would allow a transport to repeat the call by itself.
func (c *Client) newRequest(ctx context.Context, rq request, token string) (*http.Request, error) {
	var body io.Reader
	if rq.body != nil {
		body = bytes.NewReader(rq.body)
	}
	hr, err := http.NewRequestWithContext(ctx, rq.method, c.base+"/"+rq.path, body)
	if err != nil {
		return nil, err
	}
	hr.GetBody = nil
	hr.Header.Set("Authorization", "Bearer "+token)
	hr.Header.Set("Accept", "application/json")
	hr.Header.Set("User-Agent", c.userAgent)
	if rq.body != nil {
		hr.Header.Set("Content-Type", "application/json")
	}
	return hr, nil
}

// open sends hr over a shared connection and reads the reply's header; resp is nil without one. The caller closes the body.
func (c *Client) open(hr *http.Request) (*http.Response, exchange) {
	var sent sentCounter
	hr = hr.WithContext(httptrace.WithClientTrace(hr.Context(), &httptrace.ClientTrace{GotConn: sent.gotConn}))
	resp, err := c.transport.RoundTrip(hr)
	ex := exchange{sent: sent.any(), err: err, at: time.Now()}
	if err != nil {
		if cause := context.Cause(hr.Context()); cause != nil {
			ex.err = cause
		}
		return nil, ex
	}
	ex.sent, ex.status, ex.header = true, resp.StatusCode, resp.Header
	return resp, ex
}

// sentCounter counts on all wires of a request: the transport takes another where a kept one turns out to be closed.
type sentCounter struct {
	mu     sync.Mutex
	wires  []*wire
	before []int64
}

func (s *sentCounter) gotConn(info httptrace.GotConnInfo) {
	if l, ok := info.Conn.(*link); ok {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.wires = append(s.wires, l.wire)
		s.before = append(s.before, l.wire.sent.Load())
	}
}

func (s *sentCounter) any() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, w := range s.wires {
		if w.sent.Load() != s.before[i] {
			return true
		}
	}
	return false
}

func (c *Client) replyTo(rq request, token string, ex exchange, env *envelope) Reply {
	if ex.status == 0 {
		if !ex.sent {
			return unavailable(c.breaker.wait(), ex.err)
		}
		return Reply{Outcome: OutcomeAmbiguous, Message: defaultMessage(OutcomeAmbiguous, 0), Err: ex.err}
	}
	if env == nil {
		e := decodeEnvelope(ex.body, scrubberFor(rq.op, rq.body))
		env = &e
	}
	reply := env.reply(rq.op, ex.status)
	if rq.op == OpOrderStatuses && reply.Outcome == OutcomeNotFound && env.meaning == meansMissing && ex.err == nil {
		reply.Outcome = OutcomeAccepted // "Order Not Found" for the list: it is empty
	}
	if reply.Outcome == OutcomeAccepted {
		err := ex.err
		if err == nil && rq.read != nil {
			err = rq.read(*env)
		}
		if err != nil {
			reply.Outcome, reply.Err = OutcomeAmbiguous, err
			reply.Message = defaultMessage(OutcomeAmbiguous, reply.HTTPStatus)
		}
	} else if reply.Outcome == OutcomeAmbiguous && ex.err != nil {
		reply.Err = ex.err
	}
	reply.FromAPI = reply.FromAPI || reply.Outcome == OutcomeAccepted
	c.noteLimits(token, ex, &reply)
	return reply
}

// noteLimits updates the limiter and the token source by the reply.
func (c *Client) noteLimits(token string, ex exchange, reply *Reply) {
	if n, ok := headerInt(ex.header, "X-Ratelimit-Remaining"); ok {
		limit, _ := headerInt(ex.header, "X-Ratelimit-Limit")
		c.limiter.remaining(n, limit)
	}
	switch {
	case reply.Outcome == OutcomeUnauthorized, ex.status == http.StatusUnauthorized:
		c.tokens.refused(token)
	case reply.Outcome == OutcomeRateLimited:
		reply.RetryAfter = retryAfter(ex.header, ex.at)
		c.limiter.pause(reply.RetryAfter)
	case ex.status == http.StatusTooManyRequests: // in a reply that contradicts itself
		c.limiter.pause(retryAfter(ex.header, ex.at))
	}
}

// retryAfter returns the wait of Retry-After: seconds, or a date by the server's own clock.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	wait := defaultRetryAfter
	if n, err := strconv.Atoi(text); err == nil && n >= 0 {
		wait = time.Duration(min(n, int(longestRetryAfter/time.Second))) * time.Second
	} else if until, err := http.ParseTime(text); err == nil {
		if date, err := http.ParseTime(h.Get("Date")); err == nil {
			now = date
		}
		wait = until.Sub(now)
	}
	return min(max(wait, time.Second), longestRetryAfter)
}

func headerInt(h http.Header, name string) (int, bool) {
	n, err := strconv.Atoi(strings.TrimSpace(h.Get(name)))
	return n, err == nil && n >= 0
}
