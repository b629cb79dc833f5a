package check

import (
	"context"
	"crypto/rand"
	"time"

	"tillpost/mqtt"
	"tillpost/mqtt/client"
)

const (
	// retainedTimeout is how long a retained message may take to come once a subscription is granted.
	retainedTimeout = time.Second
	// tidyTimeout bounds the removal of the trial's message, which is done even if the check has no time left.
	tidyTimeout = 3 * time.Second
)

// quirks is where a broker differs from MQTT, as found out by trying.
type quirks struct {
	// tried: the trial came to an end; without it nothing is known.
	tried bool
	// forgetsRetained: it keeps no retained messages. noWildcards: it sends them to no subscription with a wildcard. dots:
	// it takes a dot in a topic for a level.
	forgetsRetained, noWildcards, dots bool
}

// isRabbitMQ reports whether it is the one broker that is known to do both.
func (q quirks) isRabbitMQ() bool { return q.noWildcards && q.dots }

// quirks tries with a message on the display topic of a terminal that nobody has, which is retained for a moment, and with
// an empty one beside it whose terminal has a dot.
func (c *checker) quirks(ctx context.Context) quirks {
	topics := mqtt.Topics{Prefix: c.cfg.MQTT.TopicPrefix}
	name := "tillpost-check-" + rand.Text()[:12]
	topic := topics.Display(name)
	if !c.publish(ctx, mqtt.Message{Topic: topic, Payload: []byte("{}"), Retained: true}) {
		return quirks{}
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyTimeout)
		defer cancel()
		c.publish(ctx, mqtt.Message{Topic: topic, Retained: true})
	}()
	q := quirks{tried: true}
	if q.forgetsRetained = !c.delivers(ctx, topic, topic, nil); !q.forgetsRetained {
		q.noWildcards = !c.delivers(ctx, topics.RequestFilter(), topic, nil)
	}
	dotted := mqtt.Message{Topic: topics.Display(name + ".dot"), Retained: true}
	q.dots = !c.delivers(ctx, topics.RequestFilter(), dotted.Topic, &dotted)
	q.tried = ctx.Err() == nil
	return q
}

func (q quirks) report(fs *findings) {
	if !q.tried {
		return
	}
	if q.forgetsRetained {
		fs.fail("let it, or use another broker", "it keeps no retained messages, as statuses are")
	}
	if q.noWildcards {
		fs.warn("let each till subscribe to status/REQUESTID by name, before it publishes",
			"it brings what is retained to no subscription with a wildcard: a till that subscribes to status/+ does not learn, when it connects, how its requests stand")
	}
	if q.dots {
		fs.warn("let tills take ids without dots", "it takes a dot in an id for a level of the topic: of a request whose id has one, no till is told")
	}
}

// publish publishes one message. It returns false if the broker did not acknowledge it.
func (c *checker) publish(ctx context.Context, m mqtt.Message) bool {
	acked := false
	c.withSubscriber(ctx, m.Topic, func(bus *client.Subscriber, _ <-chan busEvent) {
		acked = bus.Publish(m).Wait(ctx) == nil
	})
	return acked
}

// delivers reports whether the broker delivers a message on a topic to a new subscription: what is retained there or, if
// publish is not nil, that message, published once the subscription is granted.
func (c *checker) delivers(ctx context.Context, filter, topic string, publish *mqtt.Message) bool {
	found := false
	c.withSubscriber(ctx, filter, func(bus *client.Subscriber, events <-chan busEvent) {
		if publish != nil {
			bus.Publish(*publish)
		}
		patience := time.After(retainedTimeout)
		for !found {
			select {
			case e := <-events:
				if e.down != nil {
					return
				}
				found = e.message != nil && e.message.Topic == topic && (publish != nil || e.message.Retained)
			case <-patience:
				return
			case <-ctx.Done():
				return
			}
		}
	})
	return found
}

// withSubscriber calls do with a client of its own once its subscription is granted; not at all if it is not.
func (c *checker) withSubscriber(ctx context.Context, filter string, do func(*client.Subscriber, <-chan busEvent)) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	bus, events, end, err := c.subscribe(ctx, filter)
	if err != nil {
		return
	}
	defer end()
	for {
		select {
		case e := <-events:
			if e.up {
				do(bus, events)
				return
			}
			if e.down != nil {
				return
			}
			// What is retained may come before.
		case <-ctx.Done():
			return
		}
	}
}
