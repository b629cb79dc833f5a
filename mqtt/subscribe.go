package mqtt

import (
	"context"
	"errors"
	"fmt"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// Subscriber is a client beside the agent: it reads the topics that it names,
// and may publish requests as a till does. The broker keeps nothing for it: a
// new connection begins with what is retained.
type Subscriber struct {
	client  *Client
	filters []string
}

var _ Bus = (*Subscriber)(nil)

// NewSubscriber returns a subscriber that does nothing until Run. It returns
// an error if the options can't work. Options.Will is not used. The filters
// are subscribed one after the other, so that brokers deliver what is retained
// in that order; Up comes after the last. A message need not be acknowledged
// by the handler: that happens when Deliver returns.
func NewSubscriber(options Options, filters []string, handlers Handlers) (*Subscriber, error) {
	if len(filters) == 0 {
		return nil, errors.New("there is nothing to subscribe to")
	}
	options.Will = nil
	client, err := New(options, handlers)
	if err != nil {
		return nil, err
	}
	client.handlers.Deliver = func(d Delivery) {
		handlers.Deliver(d)
		d.Ack()
	}
	return &Subscriber{client: client, filters: filters}, nil
}

// Publish implements Bus.
func (s *Subscriber) Publish(m Message) Token { return s.client.Publish(m) }

// Connected implements Bus.
func (s *Subscriber) Connected() bool { return s.client.Connected() }

// Run implements Bus. It never gives up on a broker by itself; who wants it to,
// ends ctx at the first Down.
func (s *Subscriber) Run(ctx context.Context) error {
	for attempt := 0; ctx.Err() == nil; attempt++ {
		begun := time.Now()
		err := s.connection(ctx)
		if ctx.Err() != nil {
			break
		}
		s.client.handlers.Down(err)
		if time.Since(begun) > s.client.options.BackoffMax {
			attempt = 0
		}
		pause := time.NewTimer(s.client.pause(attempt))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
		}
	}
	s.client.handlers.Down(nil)
	return nil
}

// connection makes one connection and stays until it ends.
func (s *Subscriber) connection(ctx context.Context) error {
	c := s.client
	// The zero Topics own no topic: nothing is kept back as our own.
	conn := newSession(Topics{}, c.options.WriteTimeout, c.handlers.Deliver)
	stop := context.AfterFunc(ctx, conn.closeUnlessUp)
	defer stop()
	defer conn.end()
	if err := s.connect(ctx, conn); err != nil {
		return err
	}
	if !conn.markUp() {
		return conn.reason()
	}
	c.setCurrent(conn)
	defer c.setCurrent(nil)
	c.handlers.Up()
	conn.deliverFrom()
	select {
	case <-conn.down:
	case <-ctx.Done():
		conn.drain(c.options.CloseGrace)
	}
	return conn.reason()
}

func (s *Subscriber) connect(ctx context.Context, conn *session) error {
	options, err := s.client.pahoOptions(ctx, conn)
	if err != nil {
		return err
	}
	// The client id is of this run alone: a kept session would never be asked for again.
	options.SetCleanSession(true)
	conn.client = paho.NewClient(options)
	connecting := conn.client.Connect()
	// Bounded by the connection's deadline, which ends it in every case.
	<-connecting.Done()
	if err := connecting.Error(); err != nil {
		return fmt.Errorf("connecting to the broker at %s: %w", s.client.endpoint.address, err)
	}
	conn.start()
	for _, filter := range s.filters {
		if err := conn.subscribe(filter, s.client.options.ConnectTimeout); err != nil {
			return err
		}
	}
	return nil
}
