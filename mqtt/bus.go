package mqtt

import (
	"context"
	"errors"
	"sync"
)

// Message is something to publish. The quality of service is always 1.
type Message struct {
	Topic string
	// Payload must not be changed once the message is published. An empty one, retained, clears the topic.
	Payload  []byte
	Retained bool
}

// Bus connects the agent to a broker, whether outside or embedded.
//
// All methods may be called from several goroutines at once; Run only once.
type Bus interface {
	// Run keeps the bus connected until ctx ends, and then returns nil after an ordered end: what was published or
	// delivered before has a short grace to be settled, and the last will is not sent. It returns an error only for
	// what trying again can't mend.
	Run(ctx context.Context) error
	// Publish queues a message on the current connection, behind all others. It never blocks. Messages wait in memory
	// for as long as the connection takes to notice that it is stalled, which is bounded in time.
	Publish(m Message) Token
	// Connected reports whether there is a connection whose subscription the broker has confirmed.
	Connected() bool
}

// Recaller is a Bus that can ask its broker what it retains.
type Recaller interface {
	// Recall returns what the broker retains on a status topic of ours, nil for nothing. A broker whose access list
	// hides the topic from us shows nothing; an error means that the connection is of no use. It waits for the broker,
	// so no handler may call it, and one call at a time may be made.
	Recall(topic string) ([]byte, error)
}

// Handlers are called by a bus, one at a time and in this order for each connection: Up, Deliver for each message,
// Down. None of them may be nil but Agent and Status.
type Handlers struct {
	// Deliver is called with each message, in the order of arrival; the next call waits until this one returns, so it
	// must not block for long. The message may be settled after that.
	Deliver func(Delivery)
	// Up is called when the bus is connected and subscribed. It may publish,
	// and no message is delivered before it returns.
	Up func()
	// Down is called with the reason when a connection has ended or could not be made: for each failed attempt, and
	// with nil as the last call of all, when Run ends.
	Down func(error)
	// Agent is called with what the broker retains on Topics.Agent() and with what is published there, ours included:
	// so other agents under our prefix, or on our client id, are noticed. What is retained comes with each connection,
	// before Up as a rule, at latest soon after it; then retained is true. A broker that retains nothing causes no such
	// call. It may be nil.
	Agent func(payload []byte, retained bool)
	// Status is called with each status that the broker retains, and its topic, before Up: ours are published anew after
	// that. It must be quick, and may be nil.
	Status func(topic string, payload []byte)
}

var (
	// ErrNotConnected is the error of a message that was published while there was no connection: it was not sent.
	ErrNotConnected = errors.New("not connected to the broker")
	// ErrConnectionLost is the error of a message whose connection ended
	// before the broker acknowledged it: it may have arrived or not.
	ErrConnectionLost = errors.New("the connection to the broker ended before it acknowledged the message")
)

// Delivery is a message from the broker. Exactly one of Ack, Refuse and Fail has to be
// called, from any goroutine; further calls do nothing.
type Delivery struct {
	Topic   string
	Payload []byte
	// Retained reports whether the broker retained the message, and delivers it anew to every subscription.
	Retained bool
	// Duplicate reports whether the broker has sent the message before.
	Duplicate bool

	settle func(*Refusal, error)
}

// Refusal is why a message was refused at the door, in words that its sender may see.
type Refusal struct {
	Code    string
	Message string
}

// String returns the code and the message.
func (r Refusal) String() string { return r.Code + ": " + r.Message }

// NewDelivery returns a delivery that calls settle once: with nothing for Ack, with the reason for Refuse, which may be
// passed on to the sender of what is acknowledged all the same, with an error for Fail. It is for those who implement a
// Bus.
func NewDelivery(m Message, duplicate bool, settle func(*Refusal, error)) Delivery {
	var once sync.Once
	return Delivery{
		Topic:     m.Topic,
		Payload:   m.Payload,
		Retained:  m.Retained,
		Duplicate: duplicate,
		settle:    func(why *Refusal, err error) { once.Do(func() { settle(why, err) }) },
	}
}

// Ack acknowledges the message: it is taken and need not come again. The acknowledgement is sent after all messages
// delivered earlier are settled. If the connection that delivered the message has ended, it comes again all the same.
func (d Delivery) Ack() { d.settle(nil, nil) }

// Refuse acknowledges a message that was refused at the door. A bus that can also passes the reason on to its sender.
func (d Delivery) Refuse(why Refusal) { d.settle(&why, nil) }

// Fail is called when the message could not be taken, because a durable write failed. Neither it nor anything delivered
// later is acknowledged any more, and the connection is closed. The bus connects again, and the broker then sends again
// what was not acknowledged.
func (d Delivery) Fail(err error) {
	if err == nil {
		err = errors.New("no reason given")
	}
	d.settle(nil, err)
}

// Token is what becomes of a published message.
type Token interface {
	// Wait returns nil only if the broker acknowledged the message on a connection that still stood then. Otherwise the
	// error is ErrNotConnected, ErrConnectionLost, ctx's own, or says what else went wrong.
	Wait(ctx context.Context) error
	// Done is closed when that is known; Wait then returns at once.
	Done() <-chan struct{}
}

// NewToken returns a token and the function that completes it; only its first
// call counts. It is for those who implement a Bus.
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

// Statuses is where a broker reads the retained statuses: there may be as many as the outbox has records, and they are
// on disk already. All else that is retained is little, and kept in memory.
//
// Its methods may be called from several goroutines at once.
type Statuses interface {
	// Terminals lists the terminals with retained statuses.
	Terminals() []string
	// Replay calls sink with what is retained of a terminal's requests, or of one
	// if requestID is not "", piece by piece until sink returns false. Each status
	// is what was published last on its topic. It takes as long as the reader does.
	Replay(terminal, requestID string, sink Sink)
}

// Sink takes one piece of what is retained. It waits until the reader has room, and then calls piece while nothing is
// published, so that what piece sends is what is retained just then; piece must not block for long. It returns false if
// the reader is gone, and piece was not called then.
type Sink func(piece func(send func(Message))) bool
