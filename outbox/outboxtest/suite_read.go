package outboxtest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"tillpost/outbox"
)

// testBefore pages through a store to which more comes, and in which what is there changes.
func testBefore(t *testing.T, f *fixture) {
	const n, page = 200, 7 // more than one chunk, and no multiple
	for i := range n {
		f.add(t, Order(fmt.Sprintf("id-%d", i), fmt.Sprintf("T%d", i%3)))
	}
	next, want := uint64(0), uint64(n)
	for {
		var got []outbox.Request
		if err := f.Before(next, func(r outbox.Request) bool { got = append(got, r); return len(got) < page }); err != nil {
			t.Fatal(err)
		}
		for _, r := range got {
			if r.Seq != want {
				t.Fatalf("before %d: %d, want %d", next, r.Seq, want)
			}
			want--
		}
		if len(got) < page {
			break
		}
		next = got[len(got)-1].Seq
		f.add(t, Order(fmt.Sprintf("later-%d", next), "T1"))
		f.apply(t, next-1, outbox.Event{Type: outbox.CancelWanted, At: At(time.Second)})
	}
	if want != 0 {
		t.Errorf("%d were skipped", want)
	}
	if err := f.Before(1, func(r outbox.Request) bool { t.Errorf("before the first there is %d", r.Seq); return true }); err != nil {
		t.Error(err)
	}
}

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

func testEach(t *testing.T, f *fixture) {
	const n = 150 // more than one chunk
	for i := range n {
		seq := f.add(t, Order(fmt.Sprintf("id-%d", i), fmt.Sprintf("T%d", i%2)))[0].Request.Seq
		if i%3 == 0 {
			f.apply(t, seq, outbox.Event{Type: outbox.CancelWanted, At: At(time.Second)})
		}
	}
	newestFirst := func(fn func(outbox.Request) bool) error { return f.Before(0, fn) }
	for down, each := range map[bool]func(func(outbox.Request) bool) error{false: f.Each, true: newestFirst} {
		var got []uint64
		if err := each(func(r outbox.Request) bool { got = append(got, r.Seq); return true }); err != nil {
			t.Fatal(err)
		}
		if down {
			slices.Reverse(got)
		}
		if len(got) != n || !slices.IsSorted(got) {
			t.Errorf("newest first %v: %d in this order: %v", down, len(got), got)
		}
	}
	open := func(terminal string) (seqs []uint64) {
		err := f.EachOpen(context.Background(), terminal, func(r outbox.Request) bool {
			if r.State.Final() {
				t.Errorf("EachOpen showed %d, %v", r.Seq, r.State)
			}
			if _, err := f.Get(r.Seq); err != nil { // the store may be called from within
				t.Error(err)
			}
			seqs = append(seqs, r.Seq)
			return true
		})
		if err != nil {
			t.Error(err)
		}
		return seqs
	}
	if all := open(""); len(all) != 100 || !slices.IsSorted(all) {
		t.Errorf("open: %d, %v", len(all), all)
	}
	if one := open("T1"); len(one) != 50 || !slices.IsSorted(one) {
		t.Errorf("open of one terminal: %d, %v", len(one), one)
	}
	if none := open("T"); len(none) != 0 {
		t.Errorf("a terminal whose name begins another's: %v", none)
	}
	seen := 0
	_ = f.Before(0, func(outbox.Request) bool { seen++; return seen < 3 })
	if seen != 3 {
		t.Errorf("Before went on to %d after false", seen)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := f.EachOpen(ctx, "", func(outbox.Request) bool { return true }); !errors.Is(err, context.Canceled) {
		t.Errorf("EachOpen with an ended context: %v", err)
	}
}
