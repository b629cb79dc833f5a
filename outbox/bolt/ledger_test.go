package bolt_test

import (
	"context"
	"testing"
	"time"

	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

// apply runs an event and fails the test if that can't be done.
func apply(t *testing.T, s *bolt.Store, seq uint64, e outbox.Event) outbox.Request {
	t.Helper()
	r, _, err := s.Apply(context.Background(), seq, e)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func named(id, terminal string) outbox.Request {
	r := outboxtest.Request(outbox.KindRefund, id, terminal)
	r.Target, r.TTL = "sale", 24*time.Hour
	return r
}

// TestParkedRefundSurvives: a restart finds it beside its lane, and brings it back if its order has ended meanwhile.
func TestParkedRefundSurvives(t *testing.T) {
	t.Parallel()
	o := bolt.Options{Policy: outboxtest.Policy}
	s := outboxtest.Open(t, o)
	added, err := s.Add(context.Background(), outboxtest.Order("sale", "T1"), named("back", "T2"), outboxtest.Order("next", "T2"))
	if err != nil {
		t.Fatal(err)
	}
	order, refund, next := added[0].Request.Seq, added[1].Request.Seq, added[2].Request.Seq
	apply(t, s, order, outboxtest.DueEvent(order))
	parked := apply(t, s, refund, outboxtest.RefundDue(outboxtest.At(time.Minute)))
	if !parked.Parked {
		t.Fatalf("%+v", parked)
	}
	s = outboxtest.Reopen(t, s, o)
	if got, err := s.Get(refund); err != nil || !got.Parked {
		t.Fatalf("%+v, %v", got, err)
	}
	if l := s.Lane("T2"); l.Head != next || l.Queued != 1 {
		t.Errorf("%+v", l)
	}
	restarted := outbox.Event{Type: outbox.Restarted, At: outboxtest.At(2 * time.Minute)}
	if r := apply(t, s, refund, restarted); !r.Parked {
		t.Error("it is back although its order has not ended")
	}
	apply(t, s, order, outbox.Event{Type: outbox.Refused, At: outboxtest.At(3 * time.Minute), Reason: &outbox.Reason{Code: "no"}})
	// The process dies before anybody tells the refund.
	s = outboxtest.Reopen(t, s, o)
	if r := apply(t, s, refund, restarted); r.Parked {
		t.Error("its order has ended, and it is still parked")
	}
	if l := s.Lane("T2"); l.Head != refund || l.Queued != 2 {
		t.Errorf("%+v", l)
	}
	r := apply(t, s, refund, outboxtest.RefundDue(outboxtest.At(4*time.Minute)))
	if r.State != outbox.StateRejected || r.Reason.Code != outbox.CodeOrderNotPaid {
		t.Errorf("%v, %+v", r.State, r.Reason)
	}
}

// TestRestoredDoubtIsOpen: a refund that an older copy has as queued may have been sent since. It holds back others of its
// order, although the copy does not know the order's uuid with it.
func TestRestoredDoubtIsOpen(t *testing.T) {
	t.Parallel()
	s := outboxtest.Open(t, bolt.Options{Policy: outboxtest.Policy})
	sale := outboxtest.Order("sale", "T1")
	other := outboxtest.Request(outbox.KindRefund, "other", "T3")
	other.OrderUUID, other.AmountMinor = "ORDR1", 100
	added, err := s.Add(context.Background(), sale, outbox.AfterRestore(named("back", "T2"), outboxtest.At(time.Second)), other)
	if err != nil {
		t.Fatal(err)
	}
	order := added[0].Request.Seq
	apply(t, s, order, outboxtest.DueEvent(order))
	apply(t, s, order, outbox.Event{Type: outbox.Accepted, At: outboxtest.At(2 * time.Second), OrderUUID: "ORDR1"})
	apply(t, s, order, outbox.Event{Type: outbox.StatusSeen, At: outboxtest.At(3 * time.Second), OrderUUID: "ORDR1", Status: outbox.StatusPaid})
	r := apply(t, s, added[2].Request.Seq, outboxtest.RefundDue(outboxtest.At(time.Minute)))
	if r.State != outbox.StateRejected || r.Reason.Code != outbox.CodeRefundOpen {
		t.Errorf("%v, %+v", r.State, r.Reason)
	}
}

// TestFurtherOrderIsPaidBack: an order found paid beside the request's own can be refunded, however the request ended.
func TestFurtherOrderIsPaidBack(t *testing.T) {
	t.Parallel()
	s := outboxtest.Open(t, bolt.Options{Policy: outboxtest.Policy})
	back := outboxtest.Request(outbox.KindRefund, "back", "T2")
	back.OrderUUID = "ORDR2"
	added, err := s.Add(context.Background(), outboxtest.Order("sale", "T1"), back)
	if err != nil {
		t.Fatal(err)
	}
	order := added[0].Request.Seq
	apply(t, s, order, outboxtest.DueEvent(order))
	at := func(seconds int) outbox.Instant { return outboxtest.At(time.Duration(seconds) * time.Second) }
	apply(t, s, order, outbox.Event{Type: outbox.Accepted, At: at(2), OrderUUID: "ORDR1"})
	apply(t, s, order, outbox.Event{Type: outbox.Found, At: at(3), OrderUUID: "ORDR2", Status: outbox.StatusPaid})
	apply(t, s, order, outbox.Event{Type: outbox.StatusSeen, At: at(4), OrderUUID: "ORDR1", Status: outbox.StatusCancelled})
	r := apply(t, s, added[1].Request.Seq, outboxtest.RefundDue(at(60)))
	if r.State != outbox.StateSending || r.OrderUUID != "ORDR2" {
		t.Errorf("%v, %+v", r.State, r.Reason)
	}
}

// TestPrunedRefundsLeaveTheIndex, which the check at the end of every test would find.
func TestPrunedRefundsLeaveTheIndex(t *testing.T) {
	t.Parallel()
	s := outboxtest.Open(t, bolt.Options{Policy: outboxtest.Policy})
	added, err := s.Add(context.Background(), named("a", "T1"), named("b", "T1"))
	if err != nil {
		t.Fatal(err)
	}
	apply(t, s, added[0].Request.Seq, outbox.Event{Type: outbox.CancelWanted, At: outboxtest.At(time.Second)})
	if list, err := s.Waiting("sale"); err != nil || len(list) != 2 {
		t.Errorf("%d, %v", len(list), err)
	}
	if gone, err := s.Prune(context.Background(), func(outbox.Request) bool { return true }, 10); err != nil || len(gone) != 1 {
		t.Errorf("%d, %v", len(gone), err)
	}
	if list, err := s.Waiting("sale"); err != nil || len(list) != 1 || list[0].ID != "b" {
		t.Errorf("%v, %v", list, err)
	}
}
