package bolt_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

func TestStoreKeepsWhatItAcknowledged(t *testing.T) {
	t.Parallel()
	s := outboxtest.Open(t, bolt.Options{Policy: outboxtest.Policy})
	ctx := context.Background()
	var want []outbox.Request
	for i := range 20 {
		added, err := s.Add(ctx, outboxtest.Order(fmt.Sprintf("id-%d", i), "TRML1"))
		if err != nil {
			t.Fatal(err)
		}
		if c := added[0]; c.Verdict != outbox.AddedNew || c.Request.Seq != uint64(i+1) {
			t.Fatalf("Add = %v, seq %d", c.Verdict, c.Request.Seq)
		}
		want = append(want, added[0].Request)
	}
	s = outboxtest.Reopen(t, s, bolt.Options{Policy: outboxtest.Policy})
	for _, w := range want {
		got, err := s.Lookup(w.ID)
		if err != nil {
			t.Fatal(err)
		}
		outboxtest.Equal(t, got, w)
	}
	if _, err := s.Get(99); !errors.Is(err, outbox.ErrNotFound) {
		t.Errorf("Get of what is not there = %v", err)
	}
}
