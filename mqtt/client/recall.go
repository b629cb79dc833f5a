package client

import (
	"errors"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"tillpost/mqtt"
)

var _ mqtt.Recaller = (*Client)(nil)

// recallTimeout is for a broker that sends nothing of what it retains.
const recallTimeout = time.Second

// recall is one topic that is being recalled.
type recall struct {
	topic string
	found paho.Message
	// done is closed when the agent's retained state has come, which was subscribed after the topic.
	done chan struct{}
}

// Recall implements Recaller.
func (c *Client) Recall(topic string) ([]byte, error) {
	s := c.session()
	if s == nil {
		return nil, mqtt.ErrNotConnected
	}
	return s.readRetained(topic, c.options.ConnectTimeout)
}

// readRetained subscribes a topic, and then the agent's again, where our own state is retained: what comes by the
// second comes after what comes by the first. The confirmations mark no end: paho reports them before messages that
// came earlier. Both with QoS 0, so that they do not wait behind requests.
func (s *session) readRetained(topic string, timeout time.Duration) ([]byte, error) {
	r := &recall{topic: topic, done: make(chan struct{})}
	s.mu.Lock()
	s.recall = r
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.recall = nil
	}()
	for _, filter := range []string{topic, s.topics.Agent()} {
		switch err := s.subscribe(filter, 0, timeout); {
		case errors.Is(err, errSubscriptionRefused):
			return nil, nil // it is hidden from us
		case err != nil:
			return nil, err
		}
	}
	if err := s.await(r.done, recallTimeout); err != nil {
		return nil, err
	}
	if err := s.await(s.client.Unsubscribe(topic).Done(), timeout); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.found == nil {
		return nil, nil
	}
	return r.found.Payload(), nil
}

// await waits for sign, but no longer than most. It returns an error only if the connection has ended.
func (s *session) await(sign <-chan struct{}, most time.Duration) error {
	timer := time.After(most)
	select {
	case <-sign:
	case <-timer:
	case <-s.down:
		return s.reason()
	}
	return nil
}

// takeRecalled handles a message that came because its topic is being recalled; it
// is false for any other. The lock is held.
func (s *session) takeRecalled(m paho.Message) bool {
	r := s.recall
	switch {
	case r == nil:
		return false
	case m.Topic() == r.topic:
		if m.Retained() {
			r.found = m
		}
		return true
	case m.Topic() == s.topics.Agent() && m.Retained():
		select {
		case <-r.done:
		default:
			close(r.done)
		}
	}
	return false
}
