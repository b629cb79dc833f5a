package outboxtest

import (
	"fmt"
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
