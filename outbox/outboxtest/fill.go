package outboxtest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"tillpost/outbox"
)

// ID is the n-th of a row of request ids that look like UUIDs and come in no order.
func ID(n int) string {
	h := sha256.Sum256(fmt.Appendf(nil, "id %d", n))
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[0:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

// OrderUUID is the uuid that the n-th order gets at the API.
func OrderUUID(n int) string {
	h := sha256.Sum256(fmt.Appendf(nil, "order %d", n))
	return fmt.Sprintf("ORDR%X", h[:6])
}

// writer is the part of a store that Live needs.
type writer interface {
	Add(ctx context.Context, rs ...outbox.Request) ([]outbox.Added, error)
	Apply(ctx context.Context, seq uint64, e outbox.Event) (outbox.Request, []outbox.Effect, error)
}

// Live runs the n-th order from queued to paid on a terminal: four commits.
func Live(s writer, n int, terminal string) error {
	added, err := s.Add(context.Background(), Order(ID(n), terminal))
	if err != nil {
		return err
	}
	return Finish(s, added[0].Request.Seq, n)
}

// Finish takes a queued order, the n-th, to paid: three commits.
func Finish(s writer, seq uint64, n int) error {
	for _, e := range []outbox.Event{
		DueEvent(seq),
		{Type: outbox.Accepted, At: At(2 * time.Second), OrderUUID: OrderUUID(n)},
		{Type: outbox.StatusSeen, At: At(20 * time.Second), OrderUUID: OrderUUID(n), Status: outbox.StatusPaid},
	} {
		if _, _, err := s.Apply(context.Background(), seq, e); err != nil {
			return err
		}
	}
	return nil
}

// DueEvent starts an attempt of the request with that sequence.
func DueEvent(seq uint64) outbox.Event {
	return outbox.Event{Type: outbox.Due, At: At(time.Second), Mark: outbox.NewMark(seq, [outbox.MarkEntropy]byte{1, 2, 3}), Shown: true}
}
