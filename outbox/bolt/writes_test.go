package bolt_test

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

// TestOrderWritesLittleEver: what an order writes must not depend on what the file has been through. While a file is
// young, and when many orders are open at once, its root page is at its fullest; were it to overflow, every commit would
// write two more pages from then on.
func TestOrderWritesLittleEver(t *testing.T) {
	t.Parallel()
	for _, size := range []int{300, 980, 1100} { // within the root page, just so, and beside it
		t.Run(fmt.Sprintf("%d bytes", size), func(t *testing.T) {
			t.Parallel()
			var pages atomic.Int64
			s := outboxtest.Open(t, countPages(&pages))
			if err := s.PutBlob(t.Context(), "terminals", make([]byte, 700)); err != nil {
				t.Fatal(err)
			}
			next := 0
			together := func(n int) { // n orders, open at the same time
				var seqs []uint64
				from := next
				for ; next < from+n; next++ {
					seqs = append(seqs, queue(t, s, next, size))
				}
				for i, seq := range seqs {
					if err := outboxtest.Finish(s, seq, from+i); err != nil {
						t.Fatal(err)
					}
				}
			}
			for range 100 {
				together(1)
			}
			for n := range 12 {
				together(n + 1)
			}
			pages.Store(0)
			const orders = 70
			for range orders {
				together(1)
			}
			if kib := float64(pages.Load()) * 4 / orders; kib > 50 {
				t.Errorf("an order writes %.1f KiB", kib)
			}
		})
	}
}

// queue adds the n-th order, with a body of that size, on one of 20 terminals.
func queue(t *testing.T, s *bolt.Store, n, size int) uint64 {
	t.Helper()
	r := outboxtest.Order(outboxtest.ID(n), fmt.Sprintf("TRML%010d", n%20))
	r.Body = bytes.Repeat([]byte("x"), size)
	added, err := s.Add(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	return added[0].Request.Seq
}
