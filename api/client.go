package api

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"tillpost/internal/hostport"
	"tillpost/internal/topic"
)

// Options configure a [Client].
type Options struct {
	// BaseURL has the API's version: "https://host/api/v1". Plain http is for loopback addresses only.
	BaseURL string
	// OrganizationUUID is whose terminals ListTerminals asks for.
	OrganizationUUID string
	// Token returns the bearer token. It is called at the first call, after a 401, and otherwise every 5 seconds of
	// use. It must be quick, may be called by any goroutine (one at a time), and its error must not hold the token.
	Token func() (string, error)
	// Timeout bounds one call from its first byte to the reply's last, connecting included; a call may wait as long
	// again for its turn under the rate limit. OrderStatuses may take longer while it makes progress. 0 means 30 s.
	Timeout time.Duration
	// RootCAs replaces the system's roots.
	RootCAs *x509.CertPool
	// RequestsPerMinute bounds all calls together; 0 means 180.
	RequestsPerMinute int
	// UserAgent is "tillpost" where empty.
	UserAgent string
	// DialContext replaces the network, for tests. TLS still goes on top of it.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	// Observe gets every finished call, on the caller's goroutine. It must be quick and safe for concurrent use.
	Observe func(Call)
	// Rand returns jitter in [0,1), safe for concurrent use; nil means math/rand/v2.
	Rand func() float64
}

// Client calls the API. It is safe for concurrent use.
type Client struct {
	base         string
	organization string
	userAgent    string
	timeout      time.Duration
	observe      func(Call)
	tokens       *tokens
	limiter      *limiter
	breaker      *breaker
	dialer       *dialer
	transport    *http.Transport
	getRefunds   atomic.Bool // this API wants a GET for the refund status
	unanswered   pendingCalls
}

// New checks the options; it makes no call.
func New(o Options) (*Client, error) {
	base, err := parseBase(o.BaseURL)
	if err != nil {
		return nil, err
	}
	if o.Token == nil {
		return nil, errors.New("api: Options.Token is missing")
	}
	if o.OrganizationUUID != "" && !validID(o.OrganizationUUID) {
		return nil, fmt.Errorf("api: organisation uuid %q is not an id", o.OrganizationUUID)
	}
	if o.Timeout < 0 || o.RequestsPerMinute < 0 {
		return nil, errors.New("api: Options.Timeout and RequestsPerMinute must not be negative")
	}
	o.fill()
	c := &Client{
		base:         strings.TrimRight(base.String(), "/"),
		organization: o.OrganizationUUID,
		userAgent:    o.UserAgent,
		timeout:      o.Timeout,
		observe:      o.Observe,
		tokens:       &tokens{read: o.Token},
		limiter:      newLimiter(o.RequestsPerMinute),
		breaker:      &breaker{rand: o.Rand},
		dialer: &dialer{
			network: o.DialContext,
			addr:    hostPort(base),
			timeout: min(o.Timeout, longestDial),
		},
	}
	c.dialer.crowded = c.breaker.crowded
	if base.Scheme == "https" {
		c.dialer.tls = &tls.Config{
			MinVersion:         tls.VersionTLS12,
			RootCAs:            o.RootCAs,
			ServerName:         base.Hostname(),
			NextProtos:         []string{"http/1.1"},
			ClientSessionCache: tls.NewLRUClientSessionCache(8),
		}
	}
	c.transport = newTransport(c.dialer)
	return c, nil
}

func (o *Options) fill() {
	o.Timeout = cmp.Or(o.Timeout, 30*time.Second)
	o.RequestsPerMinute = cmp.Or(o.RequestsPerMinute, 180)
	o.UserAgent = cmp.Or(o.UserAgent, "tillpost")
	if o.DialContext == nil {
		o.DialContext = (&net.Dialer{}).DialContext
	}
	if o.Observe == nil {
		o.Observe = func(Call) {}
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
}

// newTransport returns the transport of the calls that may share connections: all but create, refund and approval. Both
// schemes use the same dialer, whose wires count the bytes of a request.
func newTransport(d *dialer) *http.Transport {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		l, err := d.dial(ctx)
		if err != nil {
			return nil, err // not l: a nil *link in the interface would not be nil
		}
		return l, nil
	}
	return &http.Transport{
		DialContext:            dial,
		DialTLSContext:         dial,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        30 * time.Second, // below nginx's 75 s: we hang up first
		MaxResponseHeaderBytes: maxHeader,
	}
}

// Unanswered returns since when the oldest of the calls under way has waited for its reply; zero while none does.
func (c *Client) Unanswered() time.Time { return c.unanswered.oldest() }

// TokenID returns a name of the token that was last used, a part of its digest. It is empty before the first call.
func (c *Client) TokenID() string { return c.tokens.id() }

// Close closes idle connections. Calls under way end by their contexts; a Conn is closed by whoever dialled it.
func (c *Client) Close() {
	c.transport.CloseIdleConnections()
	c.limiter.stop()
}

func parseBase(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("api: the base URL cannot be read as one") // its error would echo it
	case u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "":
		return nil, errors.New(`api: the base URL must look like "https://host/api/v1"`)
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		return nil, errors.New("api: the base URL must bear no user, query or fragment")
	case u.Scheme == "http" && !hostport.Loopback(u.Hostname()):
		return nil, errors.New("api: plain http is for loopback addresses only; use https")
	}
	return u, nil
}

// validID reports whether s is an id as ids appear in topics, and no step of a path.
func validID(s string) bool {
	return topic.ValidID(s) && s != "." && s != ".."
}
