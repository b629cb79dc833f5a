package outboxtest

import (
	"testing"
	"time"

	"tillpost/outbox"
)

// testRefunds: refunds are listed by what they know of their order, and weighed against all others of it.
func testRefunds(t *testing.T, f *fixture) {
	if err := Live(f, 1, "T1"); err != nil {
		t.Fatal(err)
	}
	uuid := OrderUUID(1)
	first, second := Request(outbox.KindRefund, "r1", "T2"), Request(outbox.KindRefund, "r2", "T1")
	first.Target, second.OrderUUID = ID(1), uuid
	added := f.add(t, first, second)
	f.wantRefunds(t, uuid, []string{"r2"}, []string{"r1"})
	now := outbox.Seen{Begun: At(time.Minute), Answered: At(time.Minute)}
	books := outbox.Statement{Seen: now, Readable: true, Detailed: true, TotalMinor: 12900, StatusRead: true}
	due := outbox.Event{Type: outbox.Due, At: At(time.Minute), Statement: books, Search: outbox.SearchClear}
	r, _ := f.apply(t, added[0].Request.Seq, due)
	if r.State != outbox.StateSending || r.OrderUUID != uuid {
		t.Fatalf("the first refund is %v of order %q", r.State, r.OrderUUID)
	}
	f.wantRefunds(t, uuid, []string{"r1", "r2"}, nil)
	if r, _ = f.apply(t, r.Seq, outbox.Event{Type: outbox.Accepted, At: At(2 * time.Minute), Final: true}); r.State != outbox.StateRefunded {
		t.Fatalf("the first refund is %v", r.State)
	}
	due.At, due.Statement.RefundedMinor = At(3*time.Minute), 12900
	due.Statement.Seen = outbox.Seen{Begun: due.At, Answered: due.At}
	if r, _ = f.apply(t, added[1].Request.Seq, due); r.State != outbox.StateRejected || r.Reason.Code != outbox.CodeRefundExceeds {
		t.Errorf("the second refund is %v for %+v: there is nothing left", r.State, r.Reason)
	}
}

func (f *fixture) wantRefunds(t *testing.T, uuid string, known, waiting []string) {
	t.Helper()
	check := func(what string, want []string, list []outbox.Request, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range list {
			if i >= len(want) || r.ID != want[i] {
				t.Errorf("%s: %s at %d, want %v", what, r.ID, i, want)
			}
		}
		if len(list) != len(want) {
			t.Errorf("%s: %d, want %v", what, len(list), want)
		}
	}
	list, err := f.Refunds(uuid)
	check("refunds", known, list, err)
	list, err = f.Waiting(ID(1))
	check("waiting", waiting, list, err)
}
