package client

import (
	"errors"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"tillpost/internal/notify"
	"tillpost/mqtt"
)

var _ mqtt.Recaller = (*Client)(nil)

const (
	// recallTimeout is for a broker that sends nothing of what it retains.
	recallTimeout = time.Second
	// statusesIdle is how long no status must come before all count as read, where nothing marks their end.
	statusesIdle = 100 * time.Millisecond
	// statusesTimeout bounds the reading.
	statusesTimeout = 15 * time.Second
)

// reading is one reading of what the broker retains on the topics of a filter.
type reading struct {
	filter string
	// found is what was retained and came last.
	found   paho.Message
	arrived notify.Signal // a message came
	done    chan struct{} // closed when the agent's state has come, which was subscribed after the filter
	ended   bool
}

// Recall implements Recaller.
func (c *Client) Recall(topic string) ([]byte, error) {
	s := c.current.Load()
	if s == nil {
		return nil, mqtt.ErrNotConnected
	}
	found, err := s.readRetained(topic, recallTimeout, recallTimeout, c.options.ConnectTimeout)
	if found == nil || err != nil {
		return nil, err
	}
	return found.Payload(), nil
}

// readStatuses calls Handlers.Status with every status that the broker retains. It returns an error only if the
// connection has ended.
func (s *session) readStatuses(timeout time.Duration) error {
	_, err := s.readRetained(s.topics.StatusFilter(), statusesIdle, statusesTimeout, timeout)
	return err
}

// readRetained subscribes a filter, and then the agent's topic again, where our own state is retained: what comes by
// the second comes after what comes by the first. The confirmations mark no end: paho reports them before messages that
// came earlier. Both with QoS 0, so that they do not wait behind requests. Where the agent's state does not come, the
// reading ends after most, or once nothing has come for idle. A broker that hides the topics, or sends nothing retained
// for a wildcard, shows none.
func (s *session) readRetained(filter string, idle, most, timeout time.Duration) (paho.Message, error) {
	r := &reading{filter: filter, arrived: notify.NewSignal(), done: make(chan struct{})}
	s.setReading(r)
	defer s.setReading(nil)
	for _, one := range []string{filter, s.topics.Agent()} {
		switch err := s.subscribe(one, 0, timeout); {
		case errors.Is(err, errSubscriptionRefused):
			return nil, nil
		case err != nil:
			return nil, err
		}
	}
	if err := s.await(r.done, r.arrived, idle, most); err != nil {
		return nil, err
	}
	if err := s.await(s.client.Unsubscribe(filter).Done(), nil, timeout, timeout); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return r.found, nil
}

func (s *session) setReading(r *reading) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reading = r
}

// await waits for done, but no longer than most, nor than idle after the last that arrived. It returns an error only if
// the connection has ended.
func (s *session) await(done, arrived <-chan struct{}, idle, most time.Duration) error {
	end := time.After(most)
	for {
		select {
		case <-arrived:
			continue
		case <-done:
		case <-time.After(idle):
		case <-end:
		case <-s.down:
			return s.reason()
		}
		return nil
	}
}

// takeRetained handles a message that came because what is retained is being read; it is false for any other.
func (s *session) takeRetained(m paho.Message) bool {
	taken, status := s.take(m)
	if status {
		s.handlers.Status(m.Topic(), m.Payload())
	}
	return taken
}

// take is takeRetained without the call of Handlers.Status; status reports whether that is due.
func (s *session) take(m paho.Message) (taken, status bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.reading
	isStatus := s.handlers.Status != nil && s.topics.IsStatus(m.Topic())
	statuses := r != nil && r.filter == s.topics.StatusFilter()
	switch {
	case r != nil && r.filter == m.Topic(), statuses && isStatus:
		r.arrived.Set()
		if m.Retained() {
			r.found = m
		}
		return true, statuses && m.Retained()
	case isStatus:
		// Our own, published while the subscription stands, are not new to us.
		return true, false
	case r != nil && !r.ended && m.Topic() == s.topics.Agent() && m.Retained():
		r.ended = true
		close(r.done)
		return statuses, false
	}
	return false, false
}
