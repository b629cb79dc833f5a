package client

import (
	"errors"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

const (
	// statusesIdle is how long nothing more must come before what the broker retains counts as read, where nothing marks
	// its end.
	statusesIdle = 100 * time.Millisecond
	// statusesTimeout bounds the reading.
	statusesTimeout = 15 * time.Second
)

// statusReading is a reading of the statuses that the broker retains.
type statusReading struct {
	arrived chan struct{} // has room for one sign that a status came
	done    chan struct{} // closed when what was asked for after them has come
	ended   bool
}

// readStatuses hands every status that the broker retains to Handlers.Status. It subscribes them and then, once more, the
// agent's topic: what comes of the second comes behind what comes of the first. A broker that hides them, or brings nothing
// that is retained to a wildcard, shows none. The error is the end of the connection.
func (s *session) readStatuses(timeout time.Duration) error {
	r := &statusReading{arrived: make(chan struct{}, 1), done: make(chan struct{})}
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

// awaitStatuses waits for the mark behind the statuses, or until no more of them come.
func (s *session) awaitStatuses(r *statusReading) error {
	most := time.NewTimer(statusesTimeout)
	defer most.Stop()
	for {
		quiet := time.NewTimer(statusesIdle)
		select {
		case <-r.arrived:
		case <-r.done:
			quiet.Stop()
			return nil
		case <-quiet.C:
			return nil
		case <-most.C:
			quiet.Stop()
			return nil
		case <-s.down:
			quiet.Stop()
			return s.reason()
		}
		quiet.Stop()
	}
}

// takeStatus takes a message that came because the statuses are being read; false for any other. The lock is held; status says
// that Handlers.Status is to have it.
func (s *session) takeStatus(m paho.Message) (taken, status bool) {
	r := s.statusReading
	switch {
	case s.topics.IsStatus(m.Topic()):
		// Ours, published while the subscription stood, tell nothing new.
		if r != nil {
			signal(r.arrived)
		}
		return true, r != nil && m.Retained()
	case r == nil || r.ended || m.Topic() != s.topics.Agent() || !m.Retained():
		return false, false
	}
	r.ended = true
	close(r.done)
	return true, false
}
