package mqtt

import (
	"errors"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// Recaller is a Bus that can ask its broker what it keeps.
type Recaller interface {
	// Recall gives what the broker retains on a status topic of ours, nil for
	// nothing. A broker whose access list hides the topic from us shows
	// nothing; an error means that the connection is of no use. It waits for
	// the broker, so no handler may call it.
	Recall(topic string) ([]byte, error)
}

var _ Recaller = (*Client)(nil)

// Recall implements Recaller.
func (c *Client) Recall(topic string) ([]byte, error) {
	s := c.session()
	if s == nil {
		return nil, ErrNotConnected
	}
	return s.recall(topic, c.options.ConnectTimeout)
}

// recall subscribes a topic twice: what is retained there comes with the first,
// before the second is confirmed. It comes without acknowledgement, so that it
// does not queue behind requests.
func (s *session) recall(topic string, timeout time.Duration) ([]byte, error) {
	s.mu.Lock()
	s.recalled[topic] = nil
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.recalled, topic)
	}()
	for range 2 {
		switch err := s.subscribe(topic, 0, timeout); {
		case errors.Is(err, errSubscriptionRefused):
			return nil, nil // it is hidden from us
		case err != nil:
			return nil, err
		}
	}
	s.mu.Lock()
	found := s.recalled[topic]
	s.mu.Unlock()
	select {
	case <-s.client.Unsubscribe(topic).Done():
	case <-s.down:
		return nil, s.reason()
	case <-time.After(timeout):
	}
	if found == nil {
		return nil, nil
	}
	return found.Payload(), nil
}

// recalls takes a message that came because its topic is being recalled; false
// for any other. The lock is held.
func (s *session) recalls(m paho.Message) bool {
	_, wanted := s.recalled[m.Topic()]
	if wanted && m.Retained() {
		s.recalled[m.Topic()] = m
	}
	return wanted
}
