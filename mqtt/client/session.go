package client

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"tillpost/internal/notify"
	"tillpost/mqtt"
)

// inFlight bounds how many messages are published without the broker having acknowledged them.
const inFlight = 256

// arrival is a message from the broker that is not acknowledged yet.
type arrival struct {
	message   paho.Message
	settled   bool
	delivered bool
}

type publication struct {
	message mqtt.Message
	decide  func(error)
}

type sent struct {
	token  paho.Token
	decide func(error)
}

// session is one connection, from dialling to its end.
type session struct {
	topics       mqtt.Topics
	writeTimeout time.Duration
	handlers     mqtt.Handlers
	client       paho.Client

	// down is closed when the connection has ended, whoever ended it.
	down chan struct{}
	// Each of these is set when the state below has changed.
	arrivals, acks, out, idle notify.Signal
	// running counts the goroutines that deliver and acknowledge, writers those that publish.
	running sync.WaitGroup
	writers *sync.WaitGroup

	mu   sync.Mutex
	conn *watchedConn
	up   bool
	// closing ends the deliveries.
	closing bool
	err     error
	// queue holds what waits to be delivered; unsettled, in order of arrival, what is not acknowledged yet.
	queue []*arrival
	// agentMessages wait to be delivered to Handlers.Agent.
	agentMessages []paho.Message
	unsettled     []*arrival
	// unsubscribed are the filters of a former prefix that were left.
	unsubscribed map[string]bool
	// reading is nil unless what the broker retains is being read.
	reading   *reading
	delivered int
	pending   []publication
	// writing is the message that paho is being given, which may block for a while after the connection has ended.
	writing *publication
	sending int
}

func newSession(topics mqtt.Topics, writeTimeout time.Duration, handlers mqtt.Handlers, writers *sync.WaitGroup) *session {
	return &session{
		writers:      writers,
		topics:       topics,
		writeTimeout: writeTimeout,
		handlers:     handlers,
		down:         make(chan struct{}),
		arrivals:     notify.NewSignal(),
		acks:         notify.NewSignal(),
		out:          notify.NewSignal(),
		idle:         notify.NewSignal(),
	}
}

func (s *session) watch(raw net.Conn) net.Conn {
	conn := &watchedConn{Conn: raw, writeTimeout: s.writeTimeout, lost: s.lost}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn = conn
	return conn
}

// lost records that the connection has ended; only the first reason counts. The tokens of what paho was given already
// are completed by the goroutines that hold them.
func (s *session) lost(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return
	}
	s.err = err
	close(s.down)
	for _, p := range s.pending {
		p.decide(mqtt.ErrConnectionLost)
	}
	s.pending = nil
	if s.writing != nil {
		s.writing.decide(mqtt.ErrConnectionLost)
	}
}

func (s *session) isDown() bool {
	select {
	case <-s.down:
		return true
	default:
		return false
	}
}

func (s *session) reason() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		return errors.New("the connection to the broker was closed")
	}
	return fmt.Errorf("the connection to the broker ended: %w", s.err)
}

// markUp marks the session as up, and reports whether its connection still stands.
func (s *session) markUp() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.up = s.err == nil
	return s.up
}

func (s *session) closeUnlessUp() {
	s.mu.Lock()
	conn, up := s.conn, s.up
	s.mu.Unlock()
	if conn != nil && !up {
		_ = conn.Close()
	}
}

var errSubscriptionRefused = errors.New("the broker refused the subscription")

// subscribe returns once the broker has granted the subscription. A lower quality of service than the wanted one counts
// as a refusal: nothing would be acknowledged.
func (s *session) subscribe(filter string, qos byte, timeout time.Duration) error {
	t := s.client.Subscribe(filter, qos, nil)
	timer := time.After(timeout)
	select {
	case <-t.Done():
	case <-s.down:
		return s.reason()
	case <-timer:
		return fmt.Errorf("the broker did not answer the subscription to %s within %s", filter, timeout)
	}
	if err := t.Error(); err != nil {
		return fmt.Errorf("subscribing to %s: %w", filter, err)
	}
	granted, ok := t.(*paho.SubscribeToken)
	if !ok || granted.Result()[filter] != qos {
		return fmt.Errorf("%w to %s: check what its access list allows our user", errSubscriptionRefused, filter)
	}
	return nil
}

// start starts the goroutines that acknowledge and publish.
func (s *session) start() {
	inFlight := make(chan sent, inFlight)
	s.running.Go(s.acknowledge)
	s.writers.Go(func() { s.write(inFlight) })
	s.writers.Go(func() { s.collect(inFlight) })
}

// end closes the connection if it still stands. When it returns, nothing is
// delivered any more; a write that paho still holds ends by its own timeout.
func (s *session) end() {
	if s.client != nil && s.client.IsConnectionOpen() {
		s.client.Disconnect(250)
	}
	s.lost(errors.New("closed by us"))
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	if conn != nil {
		_ = conn.Close()
	}
	s.running.Wait()
}

// drain waits until all that was delivered is settled and all that was published is acknowledged, but not longer than
// grace. Nothing more is delivered.
func (s *session) drain(grace time.Duration) {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	timer := time.After(grace)
	for !s.drained() {
		select {
		case <-s.idle:
		case <-timer:
			return
		case <-s.down:
			return
		}
	}
}

func (s *session) drained() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pending) == 0 && s.sending == 0 && s.delivered == 0
}
