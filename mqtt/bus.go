package mqtt

import (
	"context"
	"errors"
	"sync"
)

// Message is something to publish. The quality of service is always 1.
type Message struct {
	Topic string
	// Payload must not be changed once the message is published. An empty
	// one, retained, clears the topic.
	Payload  []byte
	Retained bool
}

// Bus connects the agent to a broker, whether outside or embedded.
//
// All methods may be called from several goroutines at once; Run only once.
type Bus interface {
	// Run keeps the bus connected until ctx ends, and then returns nil after
	// an ordered end: what was published or delivered before has a short
	// grace to be settled, and the last will is not sent. It returns an error
	// only for what trying again can't mend.
	Run(ctx context.Context) error
	// Publish hands a message to the current connection, behind all others.
	// It never blocks. Messages wait in memory for as long as the connection
	// takes to notice that it is stalled, which is bounded in time.
	Publish(m Message) Token
	// Connected reports whether there is a connection whose subscription the
	// broker has confirmed.
	Connected() bool
}

// Recaller is a Bus that can ask its broker what it keeps.
type Recaller interface {
	// Recall gives what the broker retains on a status topic of ours, nil for
	// nothing. A broker whose access list hides the topic from us shows
	// nothing; an error means that the connection is of no use. It waits for
	// the broker, so no handler may call it, and one call at a time may be made.
	Recall(topic string) ([]byte, error)
}

// Handlers are called by a bus, one at a time and in this order for each
// connection: Up, Deliver for each message, Down. None of them may be nil but
// Agent and Status.
type Handlers struct {
	// Deliver brings a message. Calls are made in the order of arrival; the
	// next one waits until this one returns, so it must not block for long.
	// The message may be settled after that.
	Deliver func(Delivery)
	// Up says that the bus is connected and subscribed. It may publish, and
	// no message is delivered before it returns.
	Up func()
	// Down says that a connection has ended or could not be made, with the
	// reason. It is called for each failed attempt, and with nil as the last
	// call of all, when Run ends.
	Down func(error)
	// Agent brings what stands on Topics.Agent() and what is published there,
	// ours included: other agents under our prefix, or on our client id, are
	// heard of this way. What a broker retains comes with each connection,
	// before Up as a rule, at latest soon after it; then retained is true. A
	// broker that remembers nothing has nothing to bring. nil does without.
	Agent func(payload []byte, retained bool)
	// Status brings each status that the broker retains, on its topic, before Up: ours are published anew after that. It
	// must be quick. A broker that remembers nothing has nothing to bring. nil does without.
	Status func(topic string, payload []byte)
}

var (
	// ErrNotConnected is the fate of a message that was published while there
	// was no connection: it was not sent.
	ErrNotConnected = errors.New("not connected to the broker")
	// ErrConnectionLost is the fate of a message whose connection ended
	// before the broker acknowledged it: it may have arrived or not.
	ErrConnectionLost = errors.New("the connection to the broker ended before it acknowledged the message")
)

// Delivery is a message from the broker. Exactly one of Ack, Refuse and Fail has to be
// called, from any goroutine; further calls do nothing.
type Delivery struct {
	Topic   string
	Payload []byte
	// Retained tells that the broker kept the message and delivers it anew to
	// every subscription.
	Retained bool
	// Duplicate tells that the broker has sent the message before.
	Duplicate bool

	settle func(error)
	// refused is nil where a bus has no way to say it.
	refused func(Refusal)
}

// Refusal says why a message was refused at the door, in words that its sender
// may hear.
type Refusal struct {
	Code    string
	Message string
}

// String returns the code and the message.
func (r Refusal) String() string { return r.Code + ": " + r.Message }

// NewDelivery is for those who implement a Bus. It calls settle once: with nil
// for Ack, with an error for Fail.
func NewDelivery(m Message, duplicate bool, settle func(error)) Delivery {
	var once sync.Once
	return Delivery{
		Topic:     m.Topic,
		Payload:   m.Payload,
		Retained:  m.Retained,
		Duplicate: duplicate,
		settle:    func(err error) { once.Do(func() { settle(err) }) },
	}
}

// OnRefuse is for those who implement a Bus that can tell a message's sender why
// it was refused: Refuse calls refused before it settles the message.
func (d Delivery) OnRefuse(refused func(Refusal)) Delivery {
	d.refused = refused
	return d
}

var errUnnamed = errors.New("no reason given")

// Ack tells the broker that the message is taken and need not come again. The
// broker learns of it after all messages delivered earlier are settled. If
// the connection that brought the message has ended, it comes again all the
// same.
func (d Delivery) Ack() { d.settle(nil) }

// Refuse is Ack for a message that was refused at the door. A bus that can tells
// its sender why, beside what is published about it.
func (d Delivery) Refuse(why Refusal) {
	if d.refused != nil {
		d.refused(why)
	}
	d.Ack()
}

// Fail says that the message could not be taken, because a durable write
// failed. Neither it nor anything delivered later is acknowledged any more,
// and the connection is closed; it comes back, and the broker then sends again
// what was not acknowledged.
func (d Delivery) Fail(err error) {
	if err == nil {
		err = errUnnamed
	}
	d.settle(err)
}

// Token is the fate of a published message.
type Token interface {
	// Wait returns nil only if the broker acknowledged the message on a
	// connection that still stood then. Otherwise the error is
	// ErrNotConnected, ErrConnectionLost, ctx's own, or says what else went
	// wrong.
	Wait(ctx context.Context) error
	// Done is closed when the fate is known; Wait then returns at once.
	Done() <-chan struct{}
}

// NewToken is for those who implement a Bus. The function it returns decides
// the token's fate; only its first call counts.
func NewToken() (Token, func(error)) {
	t := &token{done: make(chan struct{})}
	var once sync.Once
	return t, func(err error) {
		once.Do(func() {
			t.err = err
			close(t.done)
		})
	}
}

type token struct {
	done chan struct{}
	err  error
}

func (t *token) Done() <-chan struct{} { return t.done }

func (t *token) Wait(ctx context.Context) error {
	select {
	case <-t.done:
		return t.err
	default:
	}
	select {
	case <-t.done:
		return t.err
	case <-ctx.Done():
		return ctx.Err()
	}
}
