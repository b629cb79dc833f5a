package client

import (
	"errors"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"tillpost/internal/notify"
)

const (
	// statusesIdle is how long no status must come before all count as read, where nothing marks their end.
	statusesIdle = 100 * time.Millisecond
	// statusesTimeout bounds the reading.
	statusesTimeout = 15 * time.Second
)

// statusReading is one reading of the statuses that the broker retains.
type statusReading struct {
	arrived notify.Signal // a status came
	done    chan struct{} // closed when the agent's state has come, which was subscribed after them
	ended   bool
}

// readStatuses calls Handlers.Status with every status that the broker retains. It subscribes them and then, once more,
// the agent's topic: what comes by the second comes after what comes by the first. A broker that hides them, or sends
// nothing retained for a wildcard, shows none. It returns an error only if the connection has ended.
func (s *session) readStatuses(timeout time.Duration) error {
	r := &statusReading{arrived: notify.NewSignal(), done: make(chan struct{})}
	s.mu.Lock()
	s.statusReading = r
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.statusReading = nil
	}()
	for _, filter := range []string{s.topics.StatusFilter(), s.topics.Agent()} {
		switch err := s.subscribe(filter, 0, timeout); {
		case errors.Is(err, errSubscriptionRefused):
			return nil
		case err != nil:
			return err
		}
	}
	if err := s.awaitStatuses(r); err != nil {
		return err
	}
	return s.await(s.client.Unsubscribe(s.topics.StatusFilter()).Done(), timeout)
}

// awaitStatuses waits for the agent's state behind the statuses, or until no more of them come.
func (s *session) awaitStatuses(r *statusReading) error {
	most := time.After(statusesTimeout)
	for {
		select {
		case <-r.arrived:
		case <-r.done:
			return nil
		case <-time.After(statusesIdle):
			return nil
		case <-most:
			return nil
		case <-s.down:
			return s.reason()
		}
	}
}

// takeStatus handles a message that came because the statuses are being read; taken is false for any other. status reports
// whether Handlers.Status is to be called with it. The lock is held.
func (s *session) takeStatus(m paho.Message) (taken, status bool) {
	r := s.statusReading
	switch {
	case s.topics.IsStatus(m.Topic()):
		// Our own, published while the subscription stands, are not new to us.
		if r != nil {
			r.arrived.Set()
		}
		return true, r != nil && m.Retained()
	case r == nil || r.ended || m.Topic() != s.topics.Agent() || !m.Retained():
		return false, false
	}
	r.ended = true
	close(r.done)
	return true, false
}
