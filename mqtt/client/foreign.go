package client

import (
	"strings"

	paho "github.com/eclipse/paho.mqtt.golang"

	"tillpost/mqtt"
)

// leaveFormerPrefix gives up the subscriptions that a session on our client id still has
// from a former topic prefix, as soon as one of them brings a message: nobody
// else would ever end them. It reports whether the message is settled with
// that. A request is not: whoever published it is told that nobody takes it
// there. The lock is held.
func (s *session) leaveFormerPrefix(m paho.Message) bool {
	topic := m.Topic()
	if s.topics.Prefix == "" || strings.HasPrefix(topic, s.topics.Prefix+"/") {
		return false
	}
	filter, segment := formerFilter(topic)
	if !s.unsubscribed[filter] && s.client != nil {
		if s.unsubscribed == nil {
			s.unsubscribed = map[string]bool{}
		}
		s.unsubscribed[filter] = true
		// Paho would wait for the acknowledgement, which it can't read before
		// we return.
		s.writers.Go(func() { s.client.Unsubscribe(filter) })
	}
	_, request := mqtt.KindOf(segment)
	return !request
}

// formerFilter is the filter that a former prefix would have had subscribed to
// be brought a topic, and the topic's last level.
func formerFilter(topic string) (filter, segment string) {
	levels := strings.Split(topic, "/")
	n := len(levels)
	segment = levels[n-1]
	if n > 3 && levels[n-3] == "terminals" {
		return mqtt.Topics{Prefix: strings.Join(levels[:n-3], "/")}.RequestFilter(), segment
	}
	return topic, segment
}
