package outboxtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"tillpost/outbox"
	"tillpost/outbox/bolt"
)

// refundOf is a refund of ore øre of the order that a request placed.
func refundOf(orderID, id, terminal string, ore int64) outbox.Request {
	r := Request(outbox.KindRefund, id, terminal)
	r.Target, r.AmountMinor, r.TTL = orderID, ore, 24*time.Hour
	r.Refund = &outbox.Refund{Lines: []outbox.RefundLine{{ID: 1, Minor: ore}}}
	return r
}

// refundDue is a refund's turn; see RefundDue.
func refundDue(at time.Duration) outbox.Event { return RefundDue(At(at)) }

// RefundDue is a refund's turn where the API lets nobody read the order's statement, as was just found.
func RefundDue(at outbox.Instant) outbox.Event {
	return outbox.Event{
		Type: outbox.Due, At: at, Mark: "mark", Search: outbox.SearchForbidden,
		Statement: outbox.Statement{NotOurs: true, Seen: outbox.Seen{Begun: at, Answered: at}},
	}
}

// testParked: a refund whose order is in another lane and has not ended waits beside its own lane, and comes back into its
// old place.
func testParked(t *testing.T, f *fixture) {
	order := f.add(t, Order("sale", "T1"))[0].Request.Seq
	f.apply(t, order, DueEvent(order))
	f.apply(t, order, outbox.Event{Type: outbox.Accepted, At: At(2 * time.Second), OrderUUID: "ORDR1"})
	added := f.add(t, refundOf("sale", "back", "T2", 100), Order("next", "T2"))
	refund, next := added[0].Request.Seq, added[1].Request.Seq
	f.wantLane(t, "T2", 0, refund, 2)
	r, _ := f.apply(t, refund, refundDue(3*time.Second))
	if !r.Parked || r.State != outbox.StateQueued || r.Waiting == nil || r.Waiting.Code != outbox.WaitForOrder {
		t.Fatalf("beside its order it is %v, parked %v, waiting %+v", r.State, r.Parked, r.Waiting)
	}
	f.wantLane(t, "T2", 0, next, 1)
	if c := f.changes(); c[len(c)-1].Position != 0 {
		t.Errorf("beside its lane it has position %d", c[len(c)-1].Position)
	}
	f.apply(t, next, DueEvent(next))
	f.apply(t, next, outbox.Event{Type: outbox.Refused, At: At(4 * time.Second), Reason: &outbox.Reason{Code: "no"}})
	last := f.add(t, Order("last", "T2"))[0].Request.Seq
	f.wantLane(t, "T2", 0, last, 1)
	ended := outbox.Event{Type: outbox.TargetSeen, At: At(5 * time.Second), Target: outbox.StatePaid}
	if r, _ = f.apply(t, refund, ended); !r.Parked {
		t.Error("it came back although its order has not ended: the store knows better")
	}
	f.apply(t, order, outbox.Event{Type: outbox.StatusSeen, At: At(6 * time.Second), OrderUUID: "ORDR1", Status: outbox.StatusPaid})
	if r, _ = f.apply(t, refund, ended); r.Parked || r.Waiting != nil {
		t.Errorf("after its order's end it is parked %v, waiting %+v", r.Parked, r.Waiting)
	}
	f.wantLane(t, "T2", 0, refund, 2)
	if c := f.changes(); c[len(c)-1].Position != 1 {
		t.Errorf("back in its lane it has position %d", c[len(c)-1].Position)
	}
	if r, _ = f.apply(t, refund, refundDue(7*time.Second)); r.State != outbox.StateSending || r.OrderUUID != "ORDR1" {
		t.Errorf("at its turn it is %v, for order %q", r.State, r.OrderUUID)
	}
	f.wantLane(t, "T2", refund, last, 1)
}

// testConcurrentRefunds: however many lanes pay one order back at once, it is never more than the order.
func testConcurrentRefunds(t *testing.T, f *fixture) {
	if err := Live(f, 1, "T1"); err != nil {
		t.Fatal(err)
	}
	const lanes, ore, fit = 8, 3000, 4 // of 129.00
	var wg sync.WaitGroup
	for i := range lanes {
		seq := f.add(t, refundOf(ID(1), fmt.Sprintf("r%d", i), fmt.Sprintf("L%d", i), ore))[0].Request.Seq
		wg.Go(func() { runRefund(t, f, seq) })
	}
	wg.Wait()
	list, err := f.Refunds(OrderUUID(1))
	if err != nil {
		t.Fatal(err)
	}
	states := map[outbox.State]int{}
	for _, r := range list {
		states[r.State]++
		if r.State == outbox.StateRejected && r.Reason.Code != outbox.CodeRefundExceeds {
			t.Errorf("%s was rejected: %+v", r.ID, r.Reason)
		}
	}
	if states[outbox.StateRefunded] != fit || states[outbox.StateRejected] != lanes-fit {
		t.Errorf("%d refunds of %d øre of an order of 12900: %v", len(list), ore, states)
	}
}

// runRefund tries a refund until it is final; the API takes each that it is sent.
func runRefund(t *testing.T, f *fixture, seq uint64) {
	ctx := context.Background()
	for range 10_000 {
		r, _, err := f.Apply(ctx, seq, refundDue(time.Minute))
		if err == nil && r.State == outbox.StateSending {
			r, _, err = f.Apply(ctx, seq, outbox.Event{Type: outbox.Accepted, At: At(2 * time.Minute), Final: true})
		}
		if err != nil {
			t.Error(err)
			return
		}
		if r.State.Final() {
			return
		}
	}
	t.Errorf("refund %d waits for ever", seq)
}

// testRefundCourse throws events at orders and their refunds in three lanes and compares the store with one in memory.
func testRefundCourse(t *testing.T, f *fixture) {
	rnd := rand.New(rand.NewPCG(3, 5)) // a repeatable course
	model := NewMem(bolt.Options{Policy: Policy})
	ctx := context.Background()
	n := uint64(0)
	for step := range 600 {
		if rnd.IntN(5) == 0 || n == 0 {
			r := anyRefund(rnd)
			got := f.add(t, r)[0]
			if _, err := model.Add(ctx, r); err != nil {
				t.Fatal(err)
			}
			n = max(n, got.Request.Seq)
			continue
		}
		seq := 1 + rnd.Uint64N(n)
		e := anyRefundEvent(rnd, seq, time.Duration(step)*10*time.Second)
		f.applyAsIn(t, model, step, seq, e)
	}
}

// anyRefund is an order, or a refund or approval of one of a few orders, by either of its names.
func anyRefund(rnd *rand.Rand) outbox.Request {
	id, terminal := fmt.Sprintf("id-%d", rnd.IntN(90)), fmt.Sprintf("T%d", rnd.IntN(3))
	order := fmt.Sprintf("sale-%d", rnd.IntN(4))
	switch rnd.IntN(5) {
	case 0, 1:
		return Order(order, terminal)
	case 2:
		r := refundOf("", id, terminal, int64(1+rnd.IntN(9000)))
		r.OrderUUID = fmt.Sprintf("ORDR%d", rnd.IntN(12))
		return r
	case 3:
		r := refundOf(order, id, terminal, int64(1+rnd.IntN(9000)))
		r.Kind = outbox.KindApproval
		return r
	}
	return refundOf(order, id, terminal, int64(1+rnd.IntN(9000)))
}

func anyRefundEvent(rnd *rand.Rand, seq uint64, at time.Duration) outbox.Event {
	e := anyEvent(rnd, seq, at)
	e.Final = rnd.IntN(2) == 0
	e.Target = outbox.StatePaid
	e.Statement = outbox.Statement{
		Seen: outbox.Seen{Begun: e.At, Answered: e.At}, Readable: rnd.IntN(2) == 0, NotOurs: rnd.IntN(4) == 0,
		StatusRead: true, TotalMinor: 12900, RefundedMinor: int64(rnd.IntN(2)) * 1000,
	}
	if e.Type == outbox.StatusSeen && rnd.IntN(2) == 0 {
		e.Status = outbox.StatusRefunded
	}
	return e
}

func oneOf[T any](rnd *rand.Rand, list ...T) T { return list[rnd.IntN(len(list))] }
