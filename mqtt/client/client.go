package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"tillpost/mqtt"
)

// Client is the Bus to an external broker.
//
// Each connection is a paho client of its own, with paho's reconnecting switched off: acknowledgements then can't go
// out on another connection than the one that delivered the message, and a publish token can't be completed by a later
// one.
type Client struct {
	options  Options
	handlers mqtt.Handlers
	endpoint endpoint
	// filters are subscribed in this order. Messages on ownTopics are not delivered.
	filters   []string
	ownTopics mqtt.Topics
	// clean asks the broker to keep no session for us.
	clean bool

	// writers counts the goroutines that publish, on any connection. paho may hold a message for up to WriteTimeout
	// after its connection has ended; the next connection does not wait for that, the end of Run does.
	writers sync.WaitGroup

	current atomic.Pointer[session]
}

var _ mqtt.Bus = (*Client)(nil)

// New returns a client that does nothing until Run. It returns an error if the options can't work.
func New(options Options, handlers mqtt.Handlers) (*Client, error) {
	e, err := parseURL(options.URL)
	if err != nil {
		return nil, err
	}
	if err := mqtt.ValidatePrefix(options.Topics.Prefix); err != nil {
		return nil, err
	}
	switch {
	case options.ClientID == "":
		return nil, errors.New("the client id is empty; the broker could not keep anything for us")
	case handlers.Deliver == nil, handlers.Up == nil, handlers.Down == nil:
		return nil, errors.New("a handler is missing")
	case (options.CertFile == "") != (options.KeyFile == ""):
		return nil, errors.New("the client certificate and its key are needed together")
	}
	if e.secure {
		if _, err := options.tlsConfig(e.host); err != nil {
			return nil, err
		}
	}
	options.setDefaults()
	return &Client{
		options:   options,
		handlers:  handlers,
		endpoint:  e,
		filters:   []string{options.Topics.RequestFilter()},
		ownTopics: options.Topics,
	}, nil
}

// Run implements Bus. It never gives up on a broker by itself.
func (c *Client) Run(ctx context.Context) error {
	defer c.writers.Wait()
	for attempt := 0; ctx.Err() == nil; attempt++ {
		begun := time.Now()
		err := c.connection(ctx)
		if ctx.Err() != nil {
			break
		}
		c.handlers.Down(err)
		// A connection that ends at once is no success: the cause may be another client with our id, or a full disk.
		if time.Since(begun) > c.options.BackoffMax {
			attempt = 0
		}
		select {
		case <-time.After(c.pause(attempt)):
		case <-ctx.Done():
		}
	}
	c.handlers.Down(nil)
	return nil
}

// pause returns a random time up to a bound that doubles: a thousand shops whose
// network returns at once must not connect together.
func (c *Client) pause(attempt int) time.Duration {
	bound := c.options.BackoffMin << min(attempt, 16)
	return rand.N(min(bound, c.options.BackoffMax)) + time.Millisecond
}

// connection makes one connection and returns when it has ended. The error says
// why it ended, also after an ordered end.
func (c *Client) connection(ctx context.Context) error {
	s := newSession(c.ownTopics, c.options.WriteTimeout, c.handlers, &c.writers)
	// Closing the connection is what ends a handshake under way.
	stop := context.AfterFunc(ctx, s.closeUnlessUp)
	defer stop()
	defer s.end()
	if err := c.connect(ctx, s); err != nil {
		return err
	}
	if !s.markUp() {
		return s.reason()
	}
	c.current.Store(s)
	defer c.current.Store(nil)
	s.deliverAgent()
	c.handlers.Up()
	s.startDelivering()
	select {
	case <-s.down:
	case <-ctx.Done():
		s.drain(c.options.CloseGrace)
	}
	return s.reason()
}

func (c *Client) connect(ctx context.Context, s *session) error {
	options, err := c.pahoOptions(ctx, s)
	if err != nil {
		return err
	}
	s.client = paho.NewClient(options)
	connecting := s.client.Connect()
	// Bounded by the connection's deadline, which ends it in every case.
	<-connecting.Done()
	if err := connecting.Error(); err != nil {
		return fmt.Errorf("connecting to the broker at %s: %w", c.endpoint.address, err)
	}
	s.start()
	if c.handlers.Agent != nil {
		// First, so that what is retained there has arrived once the requests are subscribed; with QoS 0, so that it
		// does not wait behind requests of which the broker sends no more before we acknowledge some.
		if err := s.subscribe(c.ownTopics.Agent(), 0, c.options.ConnectTimeout); err != nil {
			return err
		}
	}
	for _, filter := range c.filters {
		if err := s.subscribe(filter, 1, c.options.ConnectTimeout); err != nil {
			return err
		}
	}
	if c.handlers.Status != nil {
		return s.readStatuses(c.options.ConnectTimeout)
	}
	return nil
}

func (c *Client) pahoOptions(ctx context.Context, s *session) (*paho.ClientOptions, error) {
	o := paho.NewClientOptions()
	o.AddBroker("tcp://" + c.endpoint.address)
	o.SetClientID(c.options.ClientID)
	o.SetProtocolVersion(4)
	o.SetCleanSession(c.clean)
	o.SetAutoReconnect(false)
	o.SetConnectRetry(false)
	o.SetAutoAckDisabled(true)
	o.SetOrderMatters(true)
	o.SetKeepAlive(c.options.KeepAlive)
	o.SetPingTimeout(c.options.WriteTimeout)
	o.SetWriteTimeout(c.options.WriteTimeout)
	o.SetConnectTimeout(c.options.ConnectTimeout)
	o.SetUsername(c.options.Username)
	if c.options.Password != nil {
		password, err := c.options.Password()
		if err != nil {
			return nil, fmt.Errorf("reading the broker's password: %w", err)
		}
		o.SetPassword(password)
	}
	if c.options.Will != nil {
		o.SetBinaryWill(c.options.Topics.Agent(), c.options.Will(), 1, true)
	}
	o.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { s.arrive(m) })
	o.SetConnectionLostHandler(func(_ paho.Client, err error) { s.lost(err) })
	o.SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) {
		dialling, cancel := context.WithTimeout(ctx, c.options.ConnectTimeout)
		defer cancel()
		raw, err := c.options.dial(dialling, c.endpoint)
		if err != nil {
			return nil, err
		}
		conn := s.watch(raw)
		if err := ctx.Err(); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		return conn, nil
	})
	return o, nil
}

// Publish implements Bus.
func (c *Client) Publish(m mqtt.Message) mqtt.Token {
	t, decide := mqtt.NewToken()
	if s := c.current.Load(); s == nil || !s.publish(publication{m, decide}) {
		decide(mqtt.ErrNotConnected)
	}
	return t
}

// Connected implements Bus.
func (c *Client) Connected() bool {
	s := c.current.Load()
	return s != nil && !s.isDown()
}
