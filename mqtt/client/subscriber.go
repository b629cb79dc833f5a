package client

import (
	"errors"
	"slices"

	"tillpost/mqtt"
)

// Subscriber is a client for programs beside the agent: it reads the topics that match its filters, and may publish
// requests as a till does. The broker keeps no session for it: a new connection begins with what is retained. Like the
// agent's bus, its Run never gives up on a broker by itself; a caller that wants it to, ends ctx at the first Down.
type Subscriber struct{ mqtt.Bus }

// NewSubscriber returns a subscriber that does nothing until Run. It returns an error if the options can't work.
// Options.Will is not used. The filters are subscribed one after the other, so that brokers deliver what is retained in
// that order; Up comes after the last. A message need not be acknowledged by the handler: that happens when Deliver
// returns.
func NewSubscriber(options Options, filters []string, handlers mqtt.Handlers) (*Subscriber, error) {
	if len(filters) == 0 {
		return nil, errors.New("there is nothing to subscribe to")
	}
	options.Will = nil
	client, err := New(options, handlers)
	if err != nil {
		return nil, err
	}
	client.handlers.Deliver = func(d mqtt.Delivery) {
		handlers.Deliver(d)
		d.Ack()
	}
	client.filters = slices.Clone(filters)
	// The client id is of this run alone: a kept session would never be resumed.
	// With the zero Topics, no message is left out as our own.
	client.clean, client.ownTopics = true, mqtt.Topics{}
	return &Subscriber{client}, nil
}
