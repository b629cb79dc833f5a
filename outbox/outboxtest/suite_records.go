package outboxtest

import (
	"reflect"
	"testing"
	"time"

	"tillpost/outbox"
)

// testRecords asks for what is open, ended, pruned and was never there, in no order.
func testRecords(t *testing.T, f *fixture) {
	added := f.add(t, Order("open", "T1"), Order("ended", "T1"), Order("pruned", "T2"))
	open, ended, pruned := added[0].Request.Seq, added[1].Request.Seq, added[2].Request.Seq
	f.apply(t, ended, outbox.Event{Type: outbox.CancelWanted, At: At(time.Second)})
	f.apply(t, pruned, outbox.Event{Type: outbox.CancelWanted, At: At(time.Second)})
	if _, err := f.Prune(t.Context(), func(r outbox.Request) bool { return r.Seq == pruned }, 10); err != nil {
		t.Fatal(err)
	}
	list, err := f.Records([]uint64{ended, pruned, 99, open})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 2 || list[0].ID != "ended" || list[0].State != outbox.StateCancelled || list[1].ID != "open" {
		t.Errorf("read %+v", list)
	}
	for _, r := range list {
		whole, err := f.Get(r.Seq)
		if err != nil {
			t.Fatal(err)
		}
		if whole.Body = nil; !reflect.DeepEqual(r, whole) {
			t.Errorf("read %+v, and by itself %+v", r, whole)
		}
	}
}
