package bolt_test

import (
	"testing"

	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

func TestStoreSuite(t *testing.T) {
	t.Parallel()
	outboxtest.TestStore(t, func(t testing.TB, o bolt.Options) outboxtest.Store { return outboxtest.Open(t, o) })
}

// TestStoreSuiteWithFewInMemory has the entries of the indexes move to their buckets all the time.
func TestStoreSuiteWithFewInMemory(t *testing.T) {
	t.Parallel()
	outboxtest.TestStore(t, func(t testing.TB, o bolt.Options) outboxtest.Store { return outboxtest.Open(t, bolt.WithNewest(o, 2)) })
}

func TestMemSuite(t *testing.T) {
	t.Parallel()
	outboxtest.TestStore(t, func(_ testing.TB, o bolt.Options) outboxtest.Store { return outboxtest.NewMem(o) })
}
