package broker

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
	"golang.org/x/time/rate"

	"tillpost/internal/notify"
	"tillpost/mqtt"
)

// Options say how the embedded broker listens and whom it serves. Listen and Topics are required.
type Options struct {
	// Listen is host:port; port 0 takes a free one, see [Broker.Addr].
	Listen string
	// WebSocketListen is the same for MQTT over WebSockets, at the path /mqtt;
	// "" is off. All other options hold for both.
	WebSocketListen string
	// WebSocketOrigins are the pages that may connect over WebSockets, as browsers name them in Origin: scheme, host,
	// and port where it is not the scheme's own. A client that names no origin is no page.
	WebSocketOrigins []string
	Topics           mqtt.Topics
	// CertFile and KeyFile are PEM files, both set or both empty. With them the broker speaks TLS only.
	CertFile, KeyFile string
	// UsersFile says who may do what; see [ParseUsers] for its form. Without
	// it everybody who reaches Listen may do everything that a client may.
	UsersFile string
	// ReadSecret reads UsersFile and KeyFile; it is where their permissions are checked. Required with either of them.
	ReadSecret func(path string) (string, error)
	// Statuses is where the retained statuses are read for new subscriptions; nil keeps them in memory.
	Statuses mqtt.Statuses
	// Log gets what happens to single clients, at most once a second; nil discards it.
	Log *slog.Logger

	// CloseGrace is how long an ordered end waits for requests that are being written. Default 2 s.
	CloseGrace time.Duration
	// ReloadEvery is how often the files are read again. Default 5 s.
	ReloadEvery time.Duration
	// MaxConnections bounds the connections, also those not logged in yet. Default 2500.
	MaxConnections int
}

func (o *Options) setDefaults() {
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	o.CloseGrace = cmp.Or(o.CloseGrace, 2*time.Second)
	o.ReloadEvery = cmp.Or(o.ReloadEvery, 5*time.Second)
	o.MaxConnections = cmp.Or(o.MaxConnections, 2500)
}

// Broker is the Bus that is a broker itself: tills connect to it.
//
// Handlers.Deliver is called with a request while its till waits: the till gets its acknowledgement once the delivery
// is acknowledged, and a delivery that fails closes that till's connection without one. Requests of one till are
// delivered one after the other, those of several tills wait side by side. They are not passed on to other clients.
//
// mochi decodes and encodes, and knows who subscribed to what. All else is done here: its own delivery blocks the
// publisher behind a client that does not read, drops what a client is too slow for, and confuses the packet ids of the
// two directions.
type Broker struct {
	options  Options
	handlers mqtt.Handlers
	server   *mochi.Server
	files    files
	log      *slog.Logger
	// logLimit bounds the log lines about misbehaving clients.
	logLimit rate.Sometimes

	up         atomic.Bool
	stopping   chan struct{}
	deliveries deliveries
	// acks is set when a client has acknowledged something.
	acks notify.Signal
	// delivering makes calls of Deliver one at a time.
	delivering sync.Mutex

	// publishing orders what is published: a message is retained and sent to its subscribers before the next one is,
	// and before a piece of what is retained is sent to a new subscriber.
	publishing sync.Mutex
	retained   retained
	// replaying is locked before publishing for each such piece.
	replaying sync.Mutex

	serving sync.WaitGroup
	backlog atomic.Int64 // in bytes
	// subscriptions counts those of all clients.
	subscriptions atomic.Int64

	mu         sync.Mutex
	listener   net.Listener
	webSockets net.Listener // nil without
	peers      map[*peer]struct{}
	byID       map[string]*peer
}

var _ mqtt.Bus = (*Broker)(nil)

// New returns a broker that does nothing until Listen or Run. It returns
// an error if the options can't work or a file that they name can't be used.
func New(options Options, handlers mqtt.Handlers) (*Broker, error) {
	if err := mqtt.ValidatePrefix(options.Topics.Prefix); err != nil {
		return nil, err
	}
	switch {
	case handlers.Deliver == nil, handlers.Up == nil, handlers.Down == nil:
		return nil, errors.New("a handler is missing")
	case (options.CertFile == "") != (options.KeyFile == ""):
		return nil, errors.New("the broker's certificate and its key are needed together")
	case options.ReadSecret == nil && (options.UsersFile != "" || options.KeyFile != ""):
		return nil, errors.New("there is nothing to read the broker's secret files with")
	}
	options.setDefaults()
	b := &Broker{
		options:  options,
		handlers: handlers,
		log:      options.Log,
		logLimit: rate.Sometimes{First: 20, Interval: time.Second},
		stopping: make(chan struct{}),
		acks:     notify.NewSignal(),
		retained: retained{folders: map[string]map[string][]byte{}},
		peers:    map[*peer]struct{}{},
		byID:     map[string]*peer{},
	}
	b.deliveries.idle = notify.NewSignal()
	b.files.options = &b.options
	if _, err := b.files.load(); err != nil {
		return nil, err
	}
	b.server = newServer()
	return b, nil
}

// Listen opens the addresses, so that a failure to do so is known before Run.
// A caller that does not call Run afterwards has to call Close.
func (b *Broker) Listen() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.listener != nil {
		return nil
	}
	ln, err := listen(b.options.Listen)
	if err != nil {
		return fmt.Errorf("open the address for tills: %w; stop what has it, or choose another with mqtt.embedded.listen; if it is a broker of yours, name it as mqtt.url", err)
	}
	if b.options.WebSocketListen != "" {
		if b.webSockets, err = listen(b.options.WebSocketListen); err != nil {
			_ = ln.Close() // nobody has connected yet
			return fmt.Errorf("open the address for tills in a browser: %w; stop what has it, or choose another with mqtt.embedded.websocket_listen", err)
		}
	}
	b.listener = ln
	return nil
}

// listen listens with TCP keepalives, so that a peer that vanished is noticed
// within a minute, also where its MQTT keepalive is off.
func listen(address string) (net.Listener, error) {
	config := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3}}
	return config.Listen(context.Background(), "tcp", address)
}

// Addr returns the address that Listen opened, host:port.
func (b *Broker) Addr() string { return b.addr(&b.listener) }

// WebSocketAddr returns the same for WebSockets, "" if they are off.
func (b *Broker) WebSocketAddr() string { return b.addr(&b.webSockets) }

func (b *Broker) addr(ln *net.Listener) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if *ln == nil {
		return ""
	}
	return (*ln).Addr().String()
}

// Close closes the listeners, for a caller that does not call Run.
func (b *Broker) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var errs []error
	for _, ln := range []net.Listener{b.listener, b.webSockets} {
		if ln != nil {
			errs = append(errs, ln.Close())
		}
	}
	return errors.Join(errs...)
}

// Connected implements Bus: it reports whether tills can connect.
func (b *Broker) Connected() bool { return b.up.Load() }

// Run implements Bus. It calls Up once, before the first till can connect. It returns an error if the address can't be
// opened; after that it only ends with ctx.
func (b *Broker) Run(ctx context.Context) error {
	if err := b.Listen(); err != nil {
		b.handlers.Down(err)
		b.handlers.Down(nil)
		return err
	}
	b.up.Store(true)
	b.handlers.Up()
	var running sync.WaitGroup
	running.Go(func() { b.accept(b.listener, func(conn net.Conn) net.Conn { return conn }) })
	if b.webSockets != nil {
		running.Go(func() { b.accept(b.webSockets, b.overWebSocket) })
	}
	running.Go(func() { b.watchFiles(ctx) })
	<-ctx.Done()
	_ = b.Close() // its only error is that it was closed before
	b.deliveries.stop(b.options.CloseGrace)
	b.awaitAcks(min(b.options.CloseGrace, closeTimeout))
	b.up.Store(false)
	close(b.stopping)
	running.Wait()
	for _, p := range b.allPeers() {
		b.disconnect(p, packets.ErrServerShuttingDown)
	}
	b.serving.Wait()
	b.handlers.Down(nil)
	return nil
}

// accept serves connections until the listener is closed. wrap returns the connection on which MQTT is spoken.
func (b *Broker) accept(ln net.Listener, wrap func(net.Conn) net.Conn) {
	for {
		conn, err := ln.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			// Most likely too many open files: some will be closed soon.
			b.logLimit.Do(func() { b.log.Error("a till's connection could not be accepted", "err", err) })
			select {
			case <-time.After(100 * time.Millisecond):
			case <-b.stopping:
			}
			continue
		}
		if certificate := b.files.certificate.Load(); certificate != nil {
			conn = tls.Server(conn, b.files.tlsConfig())
		}
		if p := b.admit(wrap(conn)); p != nil {
			b.serving.Go(func() { b.serve(p) })
		}
	}
}

// admit returns a peer for a connection; nil if there are too many, and it closed it.
func (b *Broker) admit(conn net.Conn) *peer {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.peers) >= b.options.MaxConnections {
		b.logLimit.Do(func() {
			b.log.Warn("a till was turned away: there are too many connections", "most", b.options.MaxConnections, "remote", conn.RemoteAddr().String())
		})
		_ = conn.Close() // nothing was sent on it
		return nil
	}
	p := newPeer(conn, &b.backlog)
	b.peers[p] = struct{}{}
	return p
}

// Publish implements Bus. When it returns, the message is queued for the
// connections of its subscribers; one that does not read in time is closed.
func (b *Broker) Publish(m mqtt.Message) mqtt.Token {
	t, decide := mqtt.NewToken()
	if !b.up.Load() {
		decide(mqtt.ErrNotConnected)
		return t
	}
	b.distribute(m, "", 1)
	decide(nil)
	return t
}

// deliveries counts the requests that are being written.
type deliveries struct {
	mu      sync.Mutex
	n       int
	stopped bool
	idle    notify.Signal
}

// begin returns false if no more are accepted.
func (d *deliveries) begin() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopped {
		return false
	}
	d.n++
	return true
}

func (d *deliveries) end() {
	d.mu.Lock()
	d.n--
	d.mu.Unlock()
	d.idle.Set()
}

// stop lets no more begin, and waits for those under way, but no longer than grace.
func (d *deliveries) stop(grace time.Duration) {
	timer := time.After(grace)
	for {
		d.mu.Lock()
		d.stopped = true
		n := d.n
		d.mu.Unlock()
		if n == 0 {
			return
		}
		select {
		case <-d.idle:
		case <-timer:
			return
		}
	}
}
