package client

import (
	"errors"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

const (
	// standingQuiet is how long nothing more must come before what the broker retains counts as read, where nothing marks
	// its end.
	standingQuiet = 100 * time.Millisecond
	// standingMost bounds the reading.
	standingMost = 15 * time.Second
)

// standing is a reading of the statuses that the broker retains.
type standing struct {
	heard  chan struct{} // has room for one sign that a status came
	passed chan struct{} // closed when what was asked for after them has come
	ended  bool
}

// readStanding hands every status that the broker retains to Handlers.Status. It subscribes them and then, once more, the
// agent's topic: what comes of the second comes behind what comes of the first. A broker that hides them, or brings nothing
// that is retained to a wildcard, shows none. The error is the end of the connection.
func (s *session) readStanding(timeout time.Duration) error {
	r := &standing{heard: make(chan struct{}, 1), passed: make(chan struct{})}
	s.mu.Lock()
	s.standing = r
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.standing = nil
	}()
	for _, filter := range []string{s.topics.StatusFilter(), s.topics.Agent()} {
		switch err := s.subscribe(filter, 0, timeout); {
		case errors.Is(err, errSubscriptionRefused):
			return nil
		case err != nil:
			return err
		}
	}
	if err := s.awaitStanding(r); err != nil {
		return err
	}
	return s.await(s.client.Unsubscribe(s.topics.StatusFilter()).Done(), timeout)
}

// awaitStanding waits for the mark behind the statuses, or until no more of them come.
func (s *session) awaitStanding(r *standing) error {
	most := time.NewTimer(standingMost)
	defer most.Stop()
	for {
		quiet := time.NewTimer(standingQuiet)
		select {
		case <-r.heard:
		case <-r.passed:
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

// stands takes a message that came because the statuses are being read; false for any other. The lock is held; status says
// that Handlers.Status is to have it.
func (s *session) stands(m paho.Message) (taken, status bool) {
	r := s.standing
	switch {
	case s.topics.IsStatus(m.Topic()):
		// Ours, published while the subscription stood, tell nothing new.
		if r != nil {
			signal(r.heard)
		}
		return true, r != nil && m.Retained()
	case r == nil || r.ended || m.Topic() != s.topics.Agent() || !m.Retained():
		return false, false
	}
	r.ended = true
	close(r.passed)
	return true, false
}
