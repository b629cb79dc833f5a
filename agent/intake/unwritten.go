package intake

import (
	"context"
	"errors"
	"slices"
	"time"

	"tillpost/agent/health"
	"tillpost/mqtt"
	"tillpost/outbox"
)

// heldMost bounds how many messages are held while the disk is full, roomEvery is how often it is looked at.
const (
	heldMost  = 1000
	roomEvery = time.Second
)

// notWritten reports that the outbox did not take a batch. With the embedded broker its tills are told at once.
func (in *Intake) notWritten(good []arrival, err error) {
	if !errors.Is(err, outbox.ErrClosed) && !errors.Is(err, context.Canceled) {
		if errors.Is(err, outbox.ErrFull) {
			in.o.Problems.Raise(health.ProblemOutboxFull, "", health.OutboxFull, time.Now())
		} else {
			in.o.Problems.Raise(health.ProblemOutboxFailed, "", health.OutboxFailed, time.Now())
		}
		in.o.Log.Error("requests could not be written to the outbox; they are not acknowledged", "requests", len(good), "err", err)
	}
	if !in.o.InOrder {
		fail(deliveries(good), err)
	}
}

// notTaken returns what a full disk did not take and what comes after it, to be held. After any other error it fails them:
// the broker sends them again when the connection is back.
func (in *Intake) notTaken(good []arrival, rest []mqtt.Delivery, err error) (held []mqtt.Delivery) {
	held = slices.Concat(deliveries(good), rest)
	if errors.Is(err, outbox.ErrFull) {
		return held
	}
	in.failFromNowOn(held, err)
	return nil
}

func deliveries(batch []arrival) []mqtt.Delivery {
	ds := make([]mqtt.Delivery, len(batch))
	for i, a := range batch {
		ds[i] = a.delivery
	}
	return ds
}

// failFromNowOn fails a batch, what waits behind it, and all that comes until the connection is back.
func (in *Intake) failFromNowOn(batch []mqtt.Delivery, err error) {
	in.mu.Lock()
	rest := in.queue
	in.queue, in.broken = nil, err
	in.mu.Unlock()
	fail(batch, err)
	fail(rest, err)
}

func fail(rest []mqtt.Delivery, err error) {
	for _, d := range rest {
		d.Fail(err)
	}
}

// Connected is called when the connection is back: what was not acknowledged comes again, in its order.
func (in *Intake) Connected() {
	in.mu.Lock()
	in.broken = nil
	in.mu.Unlock()
}

// hold puts back what the full disk did not take, and returns when there is room: the connection stays, over which the
// statuses of open requests go, and the broker sends no more than its in-flight window. What exceeds heldMost goes back to
// the broker with all that is held, by the end of the connection.
func (in *Intake) hold(ctx context.Context, batch []mqtt.Delivery) {
	in.mu.Lock()
	in.queue = append(batch, in.queue...)
	in.writing = false
	in.mu.Unlock()
	look := time.NewTicker(roomEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		if in.o.Store.Room() {
			return
		}
		in.mu.Lock()
		waiting := len(in.queue)
		in.mu.Unlock()
		if waiting > heldMost {
			in.failFromNowOn(nil, outbox.ErrFull)
			return
		}
	}
}
