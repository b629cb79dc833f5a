package mqtt

import (
	"slices"
	"strings"
)

// account is what one user of the embedded broker may do. It is not changed
// once it is made.
type account struct {
	name string
	hash []byte
	// terminals is nil for every terminal.
	terminals []string
	kinds     []Kind
	// reads are the topic filters that the user may read.
	reads []string
}

// userName is safe for a log: names that nobody configured are not told.
func (a *account) userName() string {
	if a == nil {
		return ""
	}
	return a.name
}

func (a *account) mayRead(topic string) bool {
	return slices.ContainsFunc(a.reads, func(filter string) bool { return filterMatches(filter, topic) })
}

// maySubscribe reports whether a filter can bring anything that the user may
// read. It may bring more: each message is judged again.
func maySubscribe(a *account, filter string) bool {
	// $SYS we do not have, and $share would hide a message from the others.
	if strings.HasPrefix(filter, "$") || len(filter) > maxBrokerTopic {
		return false
	}
	return a == nil || slices.ContainsFunc(a.reads, func(read string) bool { return filtersMeet(read, filter) })
}

// foreign reports whether a topic is none of ours: neither the agent's nor a
// request's.
func (b *Broker) foreign(topic string) bool {
	prefix := b.options.Topics.Prefix
	return topic != prefix && !strings.HasPrefix(topic, prefix+"/") && !strings.HasPrefix(topic, "$") && topic != ""
}

// mayWrite reports whether a client may publish on a topic; a is nil where
// everybody may do everything. Below the prefix that is requests only: all
// else is the agent's. A kind that does not exist passes, so that the agent can
// tell of the mistake.
func (b *Broker) mayWrite(a *account, topic string) bool {
	if len(topic) > maxBrokerTopic {
		return false
	}
	terminal, segment, err := b.options.Topics.Parse(topic)
	switch {
	case err != nil:
		return a == nil && b.foreign(topic)
	case b.options.Topics.OwnTopic(topic):
		return false
	case a == nil:
		return true
	case len(a.kinds) == 0, a.terminals != nil && !slices.Contains(a.terminals, terminal):
		return false
	}
	kind, exists := KindOf(segment)
	return !exists || slices.Contains(a.kinds, kind)
}
