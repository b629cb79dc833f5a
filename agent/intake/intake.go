package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"tillpost/agent/blob"
	"tillpost/agent/clock"
	"tillpost/agent/config"
	"tillpost/agent/health"
	"tillpost/agent/publish"
	"tillpost/agent/terminals"
	"tillpost/internal/notify"
	"tillpost/monitor"
	"tillpost/mqtt"
	"tillpost/mqtt/message"
	"tillpost/outbox"
)

// intakeBatch bounds how many requests share one commit.
const intakeBatch = 256

// Intake takes what tills publish, in the order of arrival: each message is refused, or on disk before it is acknowledged.
type Intake struct {
	o        Options
	early    *earlyCancels
	recaller mqtt.Recaller // asks the broker what it retains on a topic; nil where it retains nothing over a restart

	mu    sync.Mutex
	queue []mqtt.Delivery
	wake  notify.Signal
	// writing: a batch is being written, and what comes meanwhile waits for the next commit.
	writing bool
	// broken: a durable write failed, and nothing later of that connection may be taken before what failed.
	broken error
}

// Lanes are the lanes, as far as the door knows them.
type Lanes interface {
	// Named is called with a request that was written in doubt, and the order that a newer copy of the outbox has named for it.
	Named(r outbox.Request, orderUUID string)
	// Start readies the first turn of an order that is about to be written, nil where its lane is to make it later.
	Start(r outbox.Request) outbox.FirstTurn
	// Expect is called with the terminal of an order that has come, and is looked at once a commit is over.
	Expect(terminal string)
}

// Options are what an intake needs; all of it is required.
type Options struct {
	Config    *config.Config
	Topics    mqtt.Topics
	Store     outbox.Store
	Clock     clock.Clock
	Directory *terminals.Directory
	Publish   *publish.Publisher
	Lanes     Lanes
	Metrics   *monitor.Metrics
	Problems  *health.Problems
	Log       *slog.Logger
	// InOrder: one connection brings everything, so that one failure stops all. With the embedded broker each till waits
	// for its own request, and only those that share a commit share its failure.
	InOrder bool
	// Older reports whether this copy of the outbox is an older one, or was restored, and nobody has accepted it.
	Older func() bool
	// AcceptedUntil is until when an accepted older copy is asked for requests that the newer one has seen; zero for none.
	AcceptedUntil time.Time
}

// New makes an intake with the early cancels that a former process kept.
func New(o Options) *Intake {
	early := &earlyCancels{store: o.Store, ttl: o.Config.Policy.OrderTTL, set: map[string]outbox.Instant{}}
	kept, err := blob.Read[map[string]outbox.Instant](o.Store, earlyBlob)
	if err != nil {
		o.Log.Warn("started without the remembered cancels", "err", fmt.Errorf("the remembered cancels can't be read: %w", err))
	}
	maps.Copy(early.set, kept)
	return &Intake{o: o, wake: notify.NewSignal(), early: early}
}

// Deliver queues a message of the bus. It does not block; the broker's in-flight window bounds what waits here.
func (in *Intake) Deliver(d mqtt.Delivery) {
	if in.o.Topics.OwnTopic(d.Topic) || in.cleared(d) {
		d.Ack() // our own retained messages come with the subscription
		return
	}
	in.mu.Lock()
	broken, waits := in.broken, in.writing
	if broken == nil {
		in.queue = append(in.queue, d)
	}
	in.mu.Unlock()
	if broken != nil {
		d.Fail(broken)
		return
	}
	in.wake.Set()
	if terminal, segment, _ := in.o.Topics.Parse(d.Topic); waits && segment == mqtt.KindOrder.Segment() {
		in.o.Lanes.Expect(terminal)
	}
}

// cleared reports whether a message is an empty retained one, by which somebody takes a request away that lies retained at the
// broker. An external broker passes it on as an empty message, without the flag.
func (in *Intake) cleared(d mqtt.Delivery) bool {
	return len(d.Payload) == 0 && (d.Retained || in.o.InOrder) && kindOf(in.o.Topics, d.Topic) != ""
}

// Run takes what comes until ctx ends. It is called once. recaller is nil where the broker retains nothing over a restart.
func (in *Intake) Run(ctx context.Context, recaller mqtt.Recaller) {
	in.recaller = recaller
	for {
		select {
		case <-ctx.Done():
			if !in.o.InOrder { // tills wait; an external broker keeps what it has for the next start
				in.failFromNowOn(nil, context.Canceled)
			}
			return
		case <-in.wake:
		}
		for ctx.Err() == nil {
			batch := in.next(ctx)
			if len(batch) == 0 {
				break
			}
			held := in.take(ctx, batch)
			in.o.Store.Announce(false)
			if len(held) > 0 {
				in.hold(ctx, held)
			}
		}
	}
}

// next removes the head of the queue and returns it, for one commit.
func (in *Intake) next(ctx context.Context) (batch []mqtt.Delivery) {
	in.mu.Lock()
	in.writing = len(in.queue) > 0
	in.mu.Unlock()
	if !in.writing {
		return nil
	}
	in.o.Publish.WaitForRoom(ctx)
	in.o.Store.Announce(true) // what comes until then shares the commit
	in.mu.Lock()
	defer in.mu.Unlock()
	n := min(len(in.queue), intakeBatch)
	batch, in.queue = in.queue[:n:n], in.queue[n:]
	if len(in.queue) == 0 {
		in.queue = nil
	}
	return batch
}

// Rules returns what messages are checked against, in this shop at this moment.
func (in *Intake) Rules(now outbox.Instant) message.Rules {
	return message.Rules{
		AllowPersonalNumber:    in.o.Config.Policy.AllowPersonalNumber,
		HasCustomerDefaults:    in.o.Config.OrderDefaults.CustomerDetails != nil,
		HasSendOrderByDefaults: in.o.Config.OrderDefaults.SendOrderBy != nil,
		Location:               in.o.Config.Store.Location,
		Now:                    now.Time(),
		ClockKnown:             now.Known,
	}
}

// take brings a batch through the door: one commit for all that pass. It returns what is to be held, because the disk is full.
func (in *Intake) take(ctx context.Context, batch []mqtt.Delivery) (held []mqtt.Delivery) {
	now := in.o.Clock.Now()
	var written, good []arrival
	for i, a := range in.readAll(batch, in.Rules(now)) {
		if a.refusal == nil && !a.repeats {
			if a.parsed.Target != "" {
				// The target may be among them.
				err := in.add(ctx, good)
				if err != nil && in.o.InOrder {
					return in.notTaken(good, batch[i:], err)
				}
				if err == nil {
					written = append(written, good...)
				}
				good = nil
			}
			in.admit(ctx, &a, written)
		}
		if a.refusal != nil {
			a.idTaken = a.idTaken || findByID(written, a.refusal.RequestID) != nil || findByID(good, a.refusal.RequestID) != nil
			in.refuse(a.delivery, conflictFirst(a.refusal, a.idTaken), a.idTaken)
			continue
		}
		var err error
		if a.record, a.hint, err = in.prepare(a, now); err != nil {
			_ = in.add(ctx, good)
			in.o.Log.Warn("the broker could not be asked what a newer copy of the outbox has told of a request; it is taken when it comes again", "err", err)
			in.failFromNowOn(slices.Concat(deliveries(good), batch[i:]), err)
			return nil
		}
		if a.record.Kind == outbox.KindOrder && !a.idTaken {
			a.first = in.o.Lanes.Start(a.record)
		}
		good = append(good, a)
	}
	if err := in.add(ctx, good); err != nil && in.o.InOrder {
		return in.notTaken(good, nil, err)
	}
	return nil
}

// prepare makes what is to be written of a message that passed. An error says that the broker could not be asked about it.
func (in *Intake) prepare(a arrival, now outbox.Instant) (r outbox.Request, hint string, err error) {
	r = Record(a.parsed, in.o.Config, now)
	if r.Kind == outbox.KindOrder && in.early.cancelled(r.Terminal, r.ID, now) {
		r.CancelWanted, r.CancelReason = true, outbox.CodeCancelled
	}
	if a.idTaken {
		return r, "", nil
	}
	return in.seenByPriorCopy(r, now)
}

// add writes a batch durably, and only then acknowledges it.
func (in *Intake) add(ctx context.Context, good []arrival) error {
	if len(good) == 0 {
		return nil
	}
	arrivals := make([]outbox.Arrival, len(good))
	for i, a := range good {
		arrivals[i].Request = a.record
		if a.first != nil {
			arrivals[i].Turn = a.first.Turn
		}
	}
	added, err := in.o.Store.Accept(ctx, arrivals...)
	for i, a := range good {
		switch {
		case a.first == nil:
		case err != nil:
			a.first.Done(outbox.Added{}, err)
		default:
			a.first.Done(added[i], nil)
		}
	}
	if err != nil {
		if errors.Is(err, outbox.ErrUncertain) { // what is on disk all the same does not come as a new one again
			for _, a := range good {
				in.named(a)
			}
		}
		in.notWritten(good, err)
		return err
	}
	in.o.Problems.Clear(health.ProblemOutboxFull, "")
	in.o.Problems.Clear(health.ProblemOutboxFailed, "")
	for i, a := range good {
		switch added[i].Verdict {
		case outbox.AddedNew:
			in.named(a)
		case outbox.AddedSame:
			in.republish(added[i].Request)
		case outbox.AddedConflict:
			in.refuse(a.delivery, conflict(a.record.ID, a.record.Terminal), true)
			continue
		}
		a.delivery.Ack()
	}
	return nil
}

// republish publishes the present status of a request that was published once more.
func (in *Intake) republish(r outbox.Request) {
	if len(r.History) > 0 {
		in.o.Publish.Republish(r)
		return
	}
	// It was pruned, and its topic cleared: nothing is to stay there.
	s := in.o.Publish.Current(r)
	s.At = message.At(in.o.Clock.Now().Time())
	in.o.Publish.Unretained(s)
}

// named hands on the order that was named for what came in doubt.
func (in *Intake) named(a arrival) {
	if a.hint == "" {
		return
	}
	if r, err := in.o.Store.Lookup(a.record.ID); err == nil && r.State == outbox.StateInDoubt {
		in.o.Lanes.Named(r, a.hint)
	}
}

// refuse settles a message that is not taken, and publishes why: on the rejects topic, and as a status, unless its id is taken by a
// request whose status stands.
func (in *Intake) refuse(d mqtt.Delivery, why *message.Rejection, taken bool) {
	defer d.Refuse(why.Refusal())
	now := message.At(in.o.Clock.Now().Time())
	in.o.Metrics.RequestRefused(string(why.Code))
	in.o.Log.Info("message refused", "reason", string(why.Code), "request", why.RequestID, "terminal", why.Terminal)
	in.o.Publish.Reject(message.Reject{At: now, Topic: d.Topic, RequestID: why.RequestID, Reason: why.Reason()})
	if why.RequestID == "" || why.Terminal == "" || taken {
		return
	}
	in.o.Publish.Unretained(message.Status{
		RequestID: why.RequestID, Kind: kindOf(in.o.Topics, d.Topic), TerminalUUID: why.Terminal, State: message.StateRejected, Final: true,
		Revision: 1, At: now, Reason: why.Reason(),
	})
}

// kindOf returns the kind that a topic asks for, "" if none: the status of such a message has none either.
func kindOf(topics mqtt.Topics, topic string) mqtt.Kind {
	_, segment, _ := topics.Parse(topic)
	kind, _ := mqtt.KindOf(segment)
	return kind
}
