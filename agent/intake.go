package agent

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"tillpost/agent/config"
	"tillpost/monitor"
	"tillpost/mqtt"
	"tillpost/outbox"
)

// intakeBatch bounds how many requests share one commit.
const intakeBatch = 256

// intake takes what tills publish, in the order of arrival: refused at the door, or on disk before it is acknowledged.
type intake struct {
	cfg       *config.Config
	topics    mqtt.Topics
	store     Outbox
	clock     Clock
	directory *directory
	publish   *publisher
	metrics   *monitor.Metrics
	problems  *problems
	expect    func(terminal string) // a request for it is about to be written
	log       *slog.Logger

	mu    sync.Mutex
	queue []mqtt.Delivery
	wake  chan struct{}
}

// deliver takes a message from the bus. It does not block; the broker's in-flight window bounds what waits here.
func (in *intake) deliver(d mqtt.Delivery) {
	if in.topics.OwnTopic(d.Topic) {
		d.Ack() // our own retained messages come with the subscription
		return
	}
	in.mu.Lock()
	in.queue = append(in.queue, d)
	in.mu.Unlock()
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

func (in *intake) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-in.wake:
		}
		for ctx.Err() == nil {
			in.mu.Lock()
			n := min(len(in.queue), intakeBatch)
			batch := in.queue[:n:n]
			in.queue = in.queue[n:]
			if len(in.queue) == 0 {
				in.queue = nil
			}
			in.mu.Unlock()
			if n == 0 {
				break
			}
			in.take(ctx, batch)
		}
	}
}

// arrived is one message on its way through the door.
type arrived struct {
	delivery mqtt.Delivery
	request  outbox.Request
}

// take brings a batch through the door: one commit for all that pass.
func (in *intake) take(ctx context.Context, batch []mqtt.Delivery) {
	now := in.clock.Now()
	rules := mqtt.Rules{
		AllowPersonalNumber:    in.cfg.Policy.AllowPersonalNumber,
		HasCustomerDefaults:    in.cfg.OrderDefaults.CustomerDetails != nil,
		HasSendOrderByDefaults: in.cfg.OrderDefaults.SendOrderBy != nil,
		Location:               in.cfg.Store.Location,
		Now:                    now.Time(),
		ClockKnown:             now.Known,
	}
	var good []arrived
	for _, d := range batch {
		req, refusal := mqtt.Decode(in.topics, d.Topic, d.Retained, d.Payload, rules)
		if refusal == nil {
			refusal = in.admit(req)
		}
		if refusal != nil {
			in.refuse(d, refusal, kindOf(in.topics, d.Topic))
			d.Ack()
			continue
		}
		in.expect(req.Terminal)
		good = append(good, arrived{d, in.request(req, now)})
	}
	in.add(ctx, good)
}

// admit refuses what is well-formed but can't be served.
func (in *intake) admit(req *mqtt.Request) *mqtt.Rejection {
	if req.Kind != mqtt.KindOrder {
		return &mqtt.Rejection{Code: mqtt.CodeUnknownKind, RequestID: req.RequestID, Terminal: req.Terminal,
			Message: "this version takes orders only"}
	}
	if !in.directory.has(req.Terminal) {
		return &mqtt.Rejection{Code: mqtt.CodeUnknownTerminal, RequestID: req.RequestID, Terminal: req.Terminal,
			Message: "there is no terminal " + req.Terminal + "; there are: " + in.directory.known()}
	}
	return nil
}

// request is the record of a message that passed.
func (in *intake) request(req *mqtt.Request, now outbox.Instant) outbox.Request {
	r := outbox.Request{
		ID: req.RequestID, Kind: outbox.KindOrder, Terminal: req.Terminal, Digest: req.Digest,
		Body: req.Order.Body, AmountOre: req.Order.AmountOre, Currency: in.cfg.Store.Currency, TTL: req.TTL,
	}
	if r.TTL == 0 {
		r.TTL = in.cfg.Policy.OrderTTL
	}
	if !req.PublishedAt.IsZero() {
		r.PublishedAt = req.PublishedAt.UnixMilli()
	}
	return outbox.NewRequest(r, now)
}

// add writes a batch durably, and only then acknowledges it.
func (in *intake) add(ctx context.Context, good []arrived) {
	if len(good) == 0 {
		return
	}
	rs := make([]outbox.Request, len(good))
	for i, a := range good {
		rs[i] = a.request
	}
	added, err := in.store.Add(ctx, rs...)
	if err != nil {
		in.failed(good, err)
		return
	}
	in.problems.clear(ProblemOutboxFull, "")
	for i, a := range good {
		switch added[i].Verdict {
		case outbox.AddedSame:
			in.again(added[i].Request)
		case outbox.AddedConflict:
			in.refuse(a.delivery, &mqtt.Rejection{Code: mqtt.CodeRequestIDConflict, RequestID: a.request.ID, Terminal: a.request.Terminal,
				Message: "this requestId was used before with other content; the first one stands, take a new id"}, "")
		}
		a.delivery.Ack()
	}
}

// again tells the present status of a request that was published once more.
func (in *intake) again(r outbox.Request) {
	in.publish.status(in.publish.current(r), r.Seq != 0)
}

// failed leaves a batch with the broker, which sends it again when the connection is back.
func (in *intake) failed(good []arrived, err error) {
	if errors.Is(err, outbox.ErrFull) {
		in.problems.raise(ProblemOutboxFull, "", "the disk of the outbox is full; free some space, new requests wait at the broker until then", time.Now())
	}
	if !errors.Is(err, outbox.ErrClosed) && !errors.Is(err, context.Canceled) {
		in.log.Error("requests could not be written to the outbox; they stay with the broker", "requests", len(good), "err", err)
	}
	for _, a := range good {
		a.delivery.Fail(err)
	}
}

// refuse tells why a message was not taken: on the rejects topic, and as a status if its id is free.
func (in *intake) refuse(d mqtt.Delivery, why *mqtt.Rejection, kind mqtt.Kind) {
	now := mqtt.At(in.clock.Now().Time())
	in.metrics.RequestRefused(string(why.Code))
	in.log.Info("message refused", "reason", string(why.Code), "request", why.RequestID, "terminal", why.Terminal)
	in.publish.reject(mqtt.Reject{At: now, Topic: d.Topic, RequestID: why.RequestID, Reason: why.Reason()})
	if why.RequestID == "" || why.Terminal == "" || kind == "" {
		return
	}
	if _, err := in.store.Lookup(why.RequestID); !errors.Is(err, outbox.ErrNotFound) {
		return // the id is taken: that request's status stands
	}
	in.publish.status(mqtt.Status{
		RequestID: why.RequestID, Kind: kind, TerminalUUID: why.Terminal, State: mqtt.StateRejected, Final: true,
		Revision: 1, At: now, Reason: why.Reason(),
	}, false)
}

// kindOf is the kind that a topic asks for, "" if none.
func kindOf(topics mqtt.Topics, topic string) mqtt.Kind {
	_, segment, err := topics.Parse(topic)
	if err != nil {
		return ""
	}
	kind, _ := mqtt.KindOf(segment)
	return kind
}
