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

func TestMemSuite(t *testing.T) {
	t.Parallel()
	outboxtest.TestStore(t, func(_ testing.TB, o bolt.Options) outboxtest.Store { return outboxtest.NewMem(o) })
}
