package client

import (
	"strings"

	paho "github.com/eclipse/paho.mqtt.golang"

	"tillpost/mqtt"
)

// leaveFormerPrefix unsubscribes what the session on our client id still has subscribed under a former topic prefix, as
// soon as a message comes by it: nobody else would ever end that subscription. It reports whether the message needs no
// more than an acknowledgement. A request does: it is delivered, so that it is refused and its till learns that nobody
// takes requests there. The lock is held.
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
		// Paho would wait for the acknowledgement, which it can't read before we return.
		s.writers.Go(func() { s.client.Unsubscribe(filter) })
	}
	_, request := mqtt.KindOf(segment)
	return !request
}

// formerFilter returns the filter that was subscribed under a former prefix and
// matches topic, and the topic's last level.
func formerFilter(topic string) (filter, segment string) {
	levels := strings.Split(topic, "/")
	n := len(levels)
	segment = levels[n-1]
	if n > 3 && levels[n-3] == "terminals" {
		return mqtt.Topics{Prefix: strings.Join(levels[:n-3], "/")}.RequestFilter(), segment
	}
	return topic, segment
}
