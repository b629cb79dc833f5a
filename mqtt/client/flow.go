package client

import (
	"fmt"

	paho "github.com/eclipse/paho.mqtt.golang"

	"tillpost/mqtt"
)

// arrive is called by paho in order of arrival. It only enqueues: as long as it has not returned, paho reads nothing,
// not even the reply to a ping. The queue is bounded by how many messages the broker sends unacknowledged.
func (s *session) arrive(m paho.Message) {
	if s.takeRetained(m) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handlers.Agent != nil && m.Topic() == s.topics.Agent() {
		s.agentMessages = append(s.agentMessages, m)
		s.arrivals.Set()
		return
	}
	a := &arrival{message: m}
	s.unsettled = append(s.unsettled, a)
	if s.topics.OwnTopic(m.Topic()) || s.leaveFormerPrefix(m) {
		a.settled = true
		s.acks.Set()
		return
	}
	s.queue = append(s.queue, a)
	s.arrivals.Set()
}

// startDelivering starts the goroutine that delivers; what arrived earlier comes first.
func (s *session) startDelivering() {
	s.running.Go(func() {
		for {
			s.deliverAgent()
			for a := s.next(); a != nil; a = s.next() {
				s.handlers.Deliver(mqtt.NewDelivery(mqtt.Message{
					Topic:    a.message.Topic(),
					Payload:  a.message.Payload(),
					Retained: a.message.Retained(),
				}, a.message.Duplicate(), func(_ *mqtt.Refusal, err error) { s.settle(a, err) }))
				s.deliverAgent()
			}
			select {
			case <-s.arrivals:
			case <-s.down:
				return
			}
		}
	})
}

// deliverAgent calls Handlers.Agent with what has come on the agent's own topic.
func (s *session) deliverAgent() {
	s.mu.Lock()
	messages := s.agentMessages
	s.agentMessages = nil
	closing := s.closing
	s.mu.Unlock()
	for _, m := range messages {
		if !closing {
			s.handlers.Agent(m.Payload(), m.Retained())
		}
	}
}

// next removes the head of the queue and returns it; nil if nothing may be delivered now.
func (s *session) next() *arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || s.err != nil || len(s.queue) == 0 {
		return nil
	}
	a := s.queue[0]
	s.queue = s.queue[1:]
	a.delivered = true
	s.delivered++
	return a
}

// settle records an Ack or a Fail. What failed stays unsettled, so that nothing
// behind it is acknowledged, and the connection is closed.
func (s *session) settle(a *arrival, err error) {
	s.mu.Lock()
	a.settled = err == nil
	conn := s.conn
	s.mu.Unlock()
	if err == nil {
		s.acks.Set()
		return
	}
	s.lost(fmt.Errorf("a message could not be taken: %w", err))
	// Without a DISCONNECT, so that the broker publishes the last will, which stands until we are back.
	_ = conn.Close()
}

// acknowledge sends the acknowledgements, in order of arrival, until the connection ends.
func (s *session) acknowledge() {
	for {
		for a := s.settledHead(); a != nil; a = s.settledHead() {
			// Blocks until the writer takes it; paho drops it if the connection has ended.
			a.message.Ack()
			if a.delivered {
				s.acknowledged()
			}
		}
		select {
		case <-s.acks:
		case <-s.down:
			return
		}
	}
}

func (s *session) settledHead() *arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.unsettled) == 0 || !s.unsettled[0].settled {
		return nil
	}
	a := s.unsettled[0]
	s.unsettled = s.unsettled[1:]
	return a
}

func (s *session) acknowledged() {
	s.mu.Lock()
	s.delivered--
	s.mu.Unlock()
	s.idle.Set()
}

// publish enqueues a message; it returns false if the connection has ended.
func (s *session) publish(p publication) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return false
	}
	s.pending = append(s.pending, p)
	s.out.Set()
	return true
}

// write gives paho the messages one after the other, and blocks until each is written.
func (s *session) write(inFlight chan<- sent) {
	defer close(inFlight)
	for {
		for {
			p, ok := s.nextPublication()
			if !ok {
				break
			}
			t := s.client.Publish(p.message.Topic, 1, p.message.Retained, p.message.Payload)
			s.written()
			select {
			case inFlight <- sent{t, p.decide}:
			case <-s.down:
				p.decide(mqtt.ErrConnectionLost)
			}
		}
		select {
		case <-s.out:
		case <-s.down:
			return
		}
	}
}

func (s *session) nextPublication() (publication, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending) == 0 {
		return publication{}, false
	}
	p := s.pending[0]
	s.pending = s.pending[1:]
	s.sending++
	s.writing = &p
	return p, true
}

func (s *session) written() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = nil
}

// collect completes the tokens of what was written. When a connection ends, paho completes its own tokens without an
// error; but it does so only after the connection's state has changed, so that an open connection proves the
// acknowledgement.
func (s *session) collect(inFlight <-chan sent) {
	for p := range inFlight {
		select {
		case <-p.token.Done():
		case <-s.down:
		}
		p.decide(s.fate(p))
		s.mu.Lock()
		s.sending--
		s.mu.Unlock()
		s.idle.Set()
	}
}

func (s *session) fate(p sent) error {
	select {
	case <-p.token.Done():
	default:
		return mqtt.ErrConnectionLost
	}
	switch err := p.token.Error(); {
	case !s.client.IsConnectionOpen() || s.isDown():
		return mqtt.ErrConnectionLost
	case err != nil:
		return fmt.Errorf("publishing: %w", err)
	}
	return nil
}
