package client

import (
	"errors"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"tillpost/mqtt"
)

var _ mqtt.Recaller = (*Client)(nil)

// recallTimeout is for a broker that shows nothing of what it retains.
const recallTimeout = time.Second

// recall is one topic that is being recalled.
type recall struct {
	topic string
	found paho.Message
	// done is closed when what was asked for after the topic has come.
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

// readRetained subscribes a topic, and then once more the agent's, where our own word
// stands: what comes of the second comes behind what comes of the first. Paho
// tells of confirmations before messages that came earlier. Nothing of it is
// acknowledged, so that it does not queue behind requests.
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

// await waits for a sign, but no longer than most; an error is the end of the
// connection.
func (s *session) await(sign <-chan struct{}, most time.Duration) error {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-sign:
	case <-timer.C:
	case <-s.down:
		return s.reason()
	}
	return nil
}

// takeRecalled takes a message that came because its topic is being recalled; false
// for any other. The lock is held.
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
