package bolt_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

// TestOrderWritesLittleEver: what an order writes must not depend on what the file has been through. While a file is
// young, and when many orders are open at once, its root page is at its fullest; were it to overflow, every commit would
// write two more pages from then on.
func TestOrderWritesLittleEver(t *testing.T) {
	t.Parallel()
	type till struct{ body, id int }
	// Bodies within the root page, just so, and beside it; ids of a uuid, and longer ones.
	for _, of := range []till{{300, 0}, {980, 0}, {1100, 0}, {300, 43}, {460, 50}, {960, 80}, {980, 70}} {
		t.Run(fmt.Sprintf("%d bytes, id of %d", of.body, of.id), func(t *testing.T) {
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
					seqs = append(seqs, queue(t, s, next, of.body, of.id))
				}
				for i, seq := range seqs {
					if err := finish(s, seq, from+i); err != nil {
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

// queue adds the n-th order, with a body of that size and an id of that length at least, on one of 20 terminals.
func queue(t *testing.T, s *bolt.Store, n, size, length int) uint64 {
	t.Helper()
	id := outboxtest.ID(n)
	id += strings.Repeat("-", max(0, length-len(id)))
	r := outboxtest.Order(id, fmt.Sprintf("TRML%010d", n%20))
	r.Accepted.Boot = boot
	r.Body = bytes.Repeat([]byte("x"), size)
	added, err := s.Add(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	return added[0].Request.Seq
}

// boot is as long as Linux's, so that records are as large as real ones.
const boot = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"

// finish is outboxtest.Finish with moments of a boot.
func finish(s *bolt.Store, seq uint64, n int) error {
	for _, e := range []outbox.Event{
		outboxtest.DueEvent(seq),
		{Type: outbox.Accepted, OrderUUID: outboxtest.OrderUUID(n)},
		{Type: outbox.StatusSeen, OrderUUID: outboxtest.OrderUUID(n), Status: outbox.StatusPaid},
	} {
		e.At = outboxtest.At(20 * time.Second)
		e.At.Boot = boot
		if _, _, err := s.Apply(context.Background(), seq, e); err != nil {
			return err
		}
	}
	return nil
}
